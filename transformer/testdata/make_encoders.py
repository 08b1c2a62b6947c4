"""Writes encoders/NAME: tiny encoders with settings that testdata/golden does not have.

    python make_encoders.py     # torch, safetensors and transformers 5.x

Each folder holds config.json and model.safetensors as save_pretrained wrote them (random weights, fixed seeds, float32), with
the names of the class that is named below, and expected.safetensors: input_ids and attention_mask [B, S], padded on the right;
hidden.embed and hidden.layer_i [B, S, D] (what enters layer 0 and leaves layer i), hidden_last [B, S, D] (after the final norm),
pooler_output [B, D] and mlm_logits [B, S, V] where the class has them. Each row is computed alone; 0 stands at padding.
bert_tensorflow_names has the norms' names of checkpoints that were converted from TensorFlow.
"""

import os
import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("encoders"))

SMALL = dict(vocab_size=41, hidden_size=24, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
             max_position_embeddings=32, pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2)
T5 = dict(vocab_size=41, d_model=24, d_ff=20, num_layers=2, num_decoder_layers=1, num_heads=4, d_kv=6, pad_token_id=0,
          decoder_start_token_id=0)

VARIANTS = {
    # The whole table of positions; heads of an odd size; one layer; one segment; an LM head of its own.
    "bert_edge": ("bert", "BertForMaskedLM", (20, 7), dict(
        max_position_embeddings=20, hidden_size=27, num_attention_heads=3, num_hidden_layers=1, type_vocab_size=1,
        hidden_act="relu", tie_word_embeddings=False, layer_norm_eps=1e-3)),
    "bert_tensorflow_names": ("bert", "BertForSequenceClassification", (11, 3), {}),
    # A padding token in the middle of the text, and the last position of the table.
    "roberta_mlm": ("roberta", "RobertaForMaskedLM", (16, 5), dict(
        pad_token_id=3, max_position_embeddings=20, num_attention_heads=1, hidden_act="gelu_new", type_vocab_size=2)),
    "roberta_classifier": ("roberta", "RobertaForSequenceClassification", (9, 4), dict(pad_token_id=1)),
    "t5_few_buckets": ("t5", "T5ForConditionalGeneration", (45, 6), dict(
        T5, relative_attention_num_buckets=8, relative_attention_max_distance=20, d_kv=5, num_heads=3,
        feed_forward_proj="gated-silu")),
    "t5_many_buckets": ("t5", "T5ForConditionalGeneration", (300, 40), dict(
        T5, relative_attention_num_buckets=64, relative_attention_max_distance=256, d_model=8, d_kv=4, num_heads=2, num_layers=1,
        layer_norm_epsilon=1e-3)),
    "t5_classifier": ("t5", "T5ForSequenceClassification", (12, 5), dict(T5, eos_token_id=40)),
    # A window wider than the text, biases everywhere; and one of a single token to each side.
    "modernbert_wide": ("modernbert", "ModernBertForMaskedLM", (19, 8), dict(
        local_attention=64, global_attn_every_n_layers=2, norm_bias=True, attention_bias=True, mlp_bias=True,
        classifier_bias=True, classifier_activation="silu")),
    "modernbert_narrow": ("modernbert", "ModernBertForSequenceClassification", (19, 8), dict(
        local_attention=3, global_attn_every_n_layers=4, num_hidden_layers=5, hidden_activation="silu")),
    "modernbert_untied": ("modernbert", "ModernBertForMaskedLM", (19, 1), dict(
        local_attention=0, num_hidden_layers=1, tie_word_embeddings=False, decoder_bias=False,
        layer_types=["sliding_attention"])),
}


def layers_of(base):
    """The modules of the layers, and the encoder whose result is the last state."""
    if hasattr(base, "layers"):
        return base.layers, base
    if hasattr(base.encoder, "block"):
        return base.encoder.block, base.encoder
    return base.encoder.layer, base


def run(model, ids):
    """States of one unpadded row, by tensor name."""
    states = {}
    base = getattr(model, "transformer", None) or model.base_model
    if not hasattr(base, "encoder") and hasattr(model, "encoder"):
        base = model
    layers, encoder = layers_of(base)

    def keep(name):
        def hook(module, args, output):
            states[name] = (output[0] if isinstance(output, tuple) else output).reshape(len(ids), -1)
        return hook

    def keep_input(module, args, kwargs):
        states["hidden.embed"] = (args[0] if args else kwargs["hidden_states"]).reshape(len(ids), -1)

    hooks = [layer.register_forward_hook(keep(f"hidden.layer_{i}")) for i, layer in enumerate(layers)]
    hooks.append(layers[0].register_forward_pre_hook(keep_input, with_kwargs=True))
    with torch.no_grad():
        out = encoder(ids[None])
        for hook in hooks:
            hook.remove()
        states["hidden_last"] = out.last_hidden_state[0]
        if getattr(out, "pooler_output", None) is not None:
            states["pooler_output"] = out.pooler_output[0]
        if type(model).__name__.endswith("ForMaskedLM"):
            states["mlm_logits"] = model(ids[None]).logits[0]
    return states


def rename_norms(file):
    tensors = load_file(file)
    renamed = {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v for k, v in tensors.items()}
    save_file(renamed, file, metadata={"format": "pt"})


def main():
    for n, (name, (model_type, kind, lengths, keys)) in enumerate(VARIANTS.items()):
        torch.manual_seed(2000 + n)
        base = {} if model_type == "t5" else SMALL
        config = AutoConfig.for_model(model_type, **dict(base, **keys))
        config._attn_implementation = "eager"
        model = getattr(transformers, kind)(config).float().eval()
        for p in model.parameters():
            if p.dim() > 1:
                torch.nn.init.normal_(p, std=0.2)
            else:
                p.data.add_(0.2 * torch.randn_like(p))
        folder = OUT / name
        model.save_pretrained(folder)
        if os.path.exists(folder / "generation_config.json"):
            os.remove(folder / "generation_config.json")
        model = getattr(transformers, kind).from_pretrained(folder, attn_implementation="eager").float().eval()

        longest = max(lengths)
        pad = config.pad_token_id
        expected = {"input_ids": torch.full((len(lengths), longest), pad), "attention_mask": torch.zeros(len(lengths), longest, dtype=torch.long)}
        rows = {}
        for r, length in enumerate(lengths):
            ids = torch.randint(4, 40, (length,))
            if name == "roberta_mlm":
                ids[2] = pad
            expected["input_ids"][r, :length] = ids
            expected["attention_mask"][r, :length] = 1
            for key, x in run(model, ids).items():
                if x.dim() == 1:
                    rows.setdefault(key, torch.zeros(len(lengths), x.shape[0]))[r] = x
                else:
                    rows.setdefault(key, torch.zeros(len(lengths), longest, x.shape[-1]))[r, :length] = x
        save_file({**expected, **{k: v.contiguous() for k, v in rows.items()}}, folder / "expected.safetensors")
        if name == "bert_tensorflow_names":
            rename_norms(folder / "model.safetensors")
        print(name, sorted(rows), float(rows["hidden_last"].abs().max()))


if __name__ == "__main__":
    main()
