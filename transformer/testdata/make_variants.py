"""Writes variants/NAME: tiny models with settings that testdata/golden does not have.

    python make_variants.py     # torch, safetensors and transformers 5.x

Each folder holds config.json and model.safetensors as save_pretrained wrote them (random weights, fixed seeds, float32)
and expected.safetensors: input_ids and attention_mask [B, S], padded on the right; hidden.embed and hidden.layer_i
[B, S, D] (the residual stream into layer 0 and out of layer i), hidden_last [B, S, D] (after the final norm) and logits
[B, S, V], each row computed alone, 0 at padding.
"""

import os
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("variants"))
LENGTHS = (17, 9)

SMALL = dict(vocab_size=53, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, head_dim=6, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0)


def rope(**keys):
    return dict(rope_parameters=dict({"rope_theta": 10000.0}, **keys))


VARIANTS = {
    "gemma2_no_caps": ("gemma2", dict(sliding_window=6, attn_logit_softcapping=None, final_logit_softcapping=None,
                                      attention_bias=True, tie_word_embeddings=False)),
    "gemma2_default_caps": ("gemma2", dict(sliding_window=5, layer_types=["full_attention", "sliding_attention"])),
    "gemma3_defaults": ("gemma3_text", dict(sliding_window=6, num_hidden_layers=7)),
    "gpt_neox_sequential": ("gpt_neox", dict(use_parallel_residual=False, attention_bias=False, hidden_act="relu",
                                             head_dim=None, num_key_value_heads=None,
                                             **rope(rope_type="default", partial_rotary_factor=1.0))),
    "gpt_neox_tied": ("gpt_neox", dict(tie_word_embeddings=True, head_dim=None, num_key_value_heads=None,
                                       **rope(rope_type="linear", factor=2.0, partial_rotary_factor=0.7))),
    "llama_dynamic": ("llama", rope(rope_type="dynamic", factor=2.0)),
    "llama_longrope": ("llama", dict(rope(rope_type="longrope", original_max_position_embeddings=32, factor=2.0,
                                          short_factor=[1.0, 1.1, 1.3], long_factor=[1.0, 2.0, 4.0]))),
    "llama_yarn_biases": ("llama", dict(attention_bias=True, mlp_bias=True, hidden_act="gelu_new",
                                        **rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=16))),
    "mistral_no_window": ("mistral", dict(sliding_window=None, hidden_act="gelu")),
    "olmo2_tied_biases": ("olmo2", dict(attention_bias=True, tie_word_embeddings=True, num_key_value_heads=4)),
    "phi3_longrope_partial": ("phi3", dict(original_max_position_embeddings=48, head_dim=None, hidden_size=32,
                                           **rope(rope_type="longrope", partial_rotary_factor=0.75,
                                                  short_factor=[1.0, 1.1, 1.3], long_factor=[1.0, 2.0, 4.0]))),
    "qwen2_windows": ("qwen2", dict(use_sliding_window=True, sliding_window=5, max_window_layers=1, head_dim=None)),
    "qwen3_windows_biases": ("qwen3", dict(use_sliding_window=True, sliding_window=4, max_window_layers=1,
                                           attention_bias=True)),
    "smollm3_windows_biases": ("smollm3", dict(use_sliding_window=True, sliding_window=5, no_rope_layer_interval=2,
                                               attention_bias=True, mlp_bias=True, tie_word_embeddings=False)),
    "starcoder2_no_biases": ("starcoder2", dict(use_bias=False, tie_word_embeddings=False, hidden_act="gelu", head_dim=None)),
}


def run(model, ids):
    """States of one unpadded row, by tensor name."""
    states = {}
    base = model.base_model

    def keep(name):
        def hook(module, args, output):
            states[name] = (output[0] if isinstance(output, tuple) else output).reshape(len(ids), -1)
        return hook

    def keep_input(module, args, kwargs):
        states["hidden.embed"] = (args[0] if args else kwargs["hidden_states"]).reshape(len(ids), -1)

    hooks = [layer.register_forward_hook(keep(f"hidden.layer_{i}")) for i, layer in enumerate(base.layers)]
    hooks.append(base.layers[0].register_forward_pre_hook(keep_input, with_kwargs=True))
    with torch.no_grad():
        states["logits"] = model(ids[None], use_cache=False).logits[0]
        states["hidden_last"] = base(ids[None], use_cache=False).last_hidden_state[0]
    for hook in hooks:
        hook.remove()
    return states


def main():
    for n, (name, (model_type, keys)) in enumerate(VARIANTS.items()):
        torch.manual_seed(1000 + n)
        keys = {k: v for k, v in dict(SMALL, **keys).items() if v is not None or k not in ("head_dim", "num_key_value_heads")}
        config = AutoConfig.for_model(model_type, **keys)
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
        for p in model.parameters():
            if p.dim() > 1:
                torch.nn.init.normal_(p, std=0.2)
            else:
                p.data.add_(0.2 * torch.randn_like(p))
        folder = OUT / name
        model.save_pretrained(folder)
        os.remove(folder / "generation_config.json")
        model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").float().eval()

        longest = max(LENGTHS)
        expected = {"input_ids": torch.zeros(len(LENGTHS), longest, dtype=torch.long),
                    "attention_mask": torch.zeros(len(LENGTHS), longest, dtype=torch.long)}
        rows = {}
        for r, length in enumerate(LENGTHS):
            ids = torch.randint(3, config.vocab_size, (length,))
            expected["input_ids"][r, :length] = ids
            expected["attention_mask"][r, :length] = 1
            for key, x in run(model, ids).items():
                rows.setdefault(key, torch.zeros(len(LENGTHS), longest, x.shape[-1]))[r, :length] = x
        save_file({**expected, **rows}, folder / "expected.safetensors")
        print(name, float(rows["logits"].abs().max()))


if __name__ == "__main__":
    main()
