#!/usr/bin/env python3
"""Makes parity fixtures of other seeds and sizes than testdata/golden, in its layout.

    python3 scripts/make_fixtures.py DIR [--seed N] [--only TEXT]   # torch, safetensors, transformers 5.x, peft
    make parity FIXTURES=DIR

Tiny models with random weights, whose sizes are drawn from the seed: decoders/NAME for every family and every rope_type,
encoders/NAME, and lora/BASE/VARIANT. Each has the model as save_pretrained wrote it, config.v4.json (its config in the
spelling of transformers 4) and expected.safetensors: what transformers and PEFT compute on the CPU in float32, each row alone,
unpadded and without a cache; 0 stands at padding, which is on the right. The tensors are

    input_ids, attention_mask [B, S]; token_type_ids [B, S] of BERT
    hidden.embed, hidden.layer_i, hidden_last [B, S, D]: the residual stream into layer 0 and out of layer i; after the last norm
    logits [B, S, V]; target_ids, target_token_logprobs [B, T]: a continuation and log p of its tokens
    greedy_ids [B, G], greedy_min_gap [B]: argmax tokens, and the least distance of the best two logits on the way
    gen_states [B, G+1, D]: hidden_last from the prompt's last token to the last greedy one; gen_mean_at, gen_mean_from, prompt_gen_mean [B, D]
    pooled_mean, pooled_last, pooled_cls, pooler_output [B, D]; mlm_logits [B, S, V] of encoders
    merged.NAME: weights of the base with the adapter merged in
"""

import argparse
import copy
import json
import pathlib
import random

import peft
import torch
import transformers
from safetensors.torch import save_file

GREEDY, TARGETS, LEAST_GAP = 16, 6, 1e-3


def rope(kind="default", theta=10000.0, **keys):
    return dict(rope_parameters=dict(rope_type=kind, rope_theta=theta, **keys))


def sizes(draw):
    """The sizes that every decoder has. Windows, where there are any, are shorter than the longest prompt."""
    groups, heads, head = draw.choice([1, 2, 3]), draw.choice([1, 2]), draw.choice([8, 12, 16])
    return dict(vocab_size=draw.randrange(90, 180), hidden_size=groups * heads * head, intermediate_size=8 * draw.randrange(5, 14),
                num_hidden_layers=draw.choice([2, 3, 5]), num_attention_heads=groups * heads, num_key_value_heads=heads, head_dim=head,
                max_position_embeddings=160, bos_token_id=1, eos_token_id=2, pad_token_id=0)


def factors(n, step):
    return [1.0 + step * i for i in range(n)]


def decoders(draw):
    """name -> (model_type, settings, lengths of the prompts)."""
    def lengths(longest=60):
        return [1, longest, draw.randrange(2, 9), draw.randrange(9, longest)]

    window = draw.randrange(3, 9)
    free = dict(head_dim=None)  # families whose heads share the hidden size
    one = {"num_key_value_heads": None, "head_dim": None}  # and that have no groups
    list_ = {
        "llama": ("llama", dict(tie_word_embeddings=bool(draw.randrange(2)))),
        "llama_linear": ("llama", rope("linear", factor=3.0)),
        "llama_llama3": ("llama", rope("llama3", 500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                       original_max_position_embeddings=40)),
        "llama_yarn": ("llama", rope("yarn", factor=4.0, original_max_position_embeddings=40)),
        "llama_yarn_betas": ("llama", rope("yarn", 50000.0, factor=2.5, original_max_position_embeddings=64, beta_fast=8.0, beta_slow=2.0,
                                           attention_factor=1.2)),
        "qwen2_yarn": ("qwen2", dict(free, **rope("yarn", 1e6, factor=2.0, original_max_position_embeddings=80))),
        "llama_dynamic": ("llama", rope("dynamic", factor=4.0)),
        "qwen3_dynamic": ("qwen3", rope("dynamic", factor=2.0)),
        "phi3": ("phi3", dict(free, sliding_window=window)),
        "phi3_longrope": ("phi3", dict(free, original_max_position_embeddings=120, **rope("longrope", partial_rotary_factor=0.5))),
        "llama_longrope": ("llama", rope("longrope", factor=4.0, original_max_position_embeddings=120)),
        "phi3_longrope_long": ("phi3", dict(free, original_max_position_embeddings=32, **rope("longrope"))),
        "mistral": ("mistral", dict(sliding_window=window)),
        "qwen2": ("qwen2", dict(free, use_sliding_window=True, sliding_window=window, max_window_layers=1)),
        "qwen3": ("qwen3", dict(tie_word_embeddings=True)),
        "gemma2": ("gemma2", dict(sliding_window=window, query_pre_attn_scalar=draw.randrange(5, 40))),
        "gemma3": ("gemma3_text", dict(sliding_window=window, query_pre_attn_scalar=draw.randrange(5, 40), num_hidden_layers=7,
                                       rope_parameters={"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 5e5},
                                                        "sliding_attention": {"rope_type": "default", "rope_theta": 2e4}})),
        "smollm3": ("smollm3", dict(free, no_rope_layer_interval=2)),
        "olmo2": ("olmo2", dict(free)),
        "gpt_neox": ("gpt_neox", dict(one, **rope(partial_rotary_factor=0.25, theta=20000.0))),
        "gpt_neox_sequential": ("gpt_neox", dict(one, use_parallel_residual=False, **rope(partial_rotary_factor=0.5))),
        "starcoder2": ("starcoder2", dict(free, sliding_window=window)),
    }
    for name, (kind, keys) in list_.items():
        keys = dict(sizes(draw), **keys)
        if kind == "gpt_neox":  # whose rotated part of a head has to be even
            keys["hidden_size"] = 16 * keys["num_attention_heads"]
        parameters = keys.get("rope_parameters", {})
        if parameters.get("rope_type") == "longrope":
            dim = keys["hidden_size"] // keys["num_attention_heads"]
            pairs = int(dim * parameters.get("partial_rotary_factor", 1.0)) // 2
            parameters.update(short_factor=factors(pairs, 0.07), long_factor=factors(pairs, 0.9))
        settings = {k: v for k, v in keys.items() if v is not None or k not in one}
        yield name, kind, settings, lengths() if not name.endswith("_long") else [60, draw.randrange(33, 60)]  # beyond the original length


def old_spelling(config):
    """A config.json as transformers 4 wrote it."""
    c = json.loads(config.to_json_string(use_diff=False)) if not isinstance(config, dict) else copy.deepcopy(config)
    c["torch_dtype"] = c.pop("dtype", "float32")
    p = c.pop("rope_parameters", None)
    kind = c["model_type"]
    if kind == "gemma3_text":
        c["rope_theta"], c["rope_local_base_freq"] = p["full_attention"].pop("rope_theta"), p["sliding_attention"]["rope_theta"]
        c["rope_scaling"] = p["full_attention"]
        c["sliding_window_pattern"] = c.pop("_sliding_window_pattern", 6)
        del c["layer_types"]
    elif kind == "modernbert":
        c["global_rope_theta"], c["local_rope_theta"] = (p[k]["rope_theta"] for k in ("full_attention", "sliding_attention"))
        c["global_attn_every_n_layers"] = 3
        del c["layer_types"]
    elif p:
        theta, partial = p.pop("rope_theta"), p.pop("partial_rotary_factor", None)
        old = kind == "gpt_neox"
        c["rotary_emb_base" if old else "rope_theta"] = theta
        if partial is not None:
            c["rotary_pct" if old else "partial_rotary_factor"] = partial
        if p.get("rope_type", "default") != "default":
            p["type"] = p.pop("rope_type")
            c["rope_scaling"] = p
    return c


def randomise(model):
    """Weights large enough that a wrong setting shows, and small enough that deep models do not blow roundings up."""
    for p in model.parameters():
        if p.dim() > 1:
            torch.nn.init.normal_(p, std=0.1 if "Gemma3" in type(model).__name__ else 0.15)
        else:
            p.data.add_(0.2 * torch.randn_like(p))


def save(model, folder, kind):
    """Writes a model and reads it back, so that what is computed is what the file holds."""
    model.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.v4.json").write_text(json.dumps(old_spelling(config), indent=1) + "\n")
    return kind.from_pretrained(folder, attn_implementation="eager").float().eval()


def pad(rows):
    """Rows of unlike length [S_i, ...] as [B, S, ...], 0 at padding."""
    out = torch.zeros(len(rows), max(len(r) for r in rows), *rows[0].shape[1:], dtype=rows[0].dtype)
    for i, r in enumerate(rows):
        out[i, :len(r)] = r
    return out


def layer_states(layers, run):
    """What run returns, and the states into the first layer and out of each, of one row."""
    states = {}

    def into(module, args, kwargs):
        states["hidden.embed"] = (args[0] if args else kwargs["hidden_states"])[0]

    def out_of(i):
        def hook(module, args, output):
            x = output[0] if isinstance(output, tuple) else output
            states[f"hidden.layer_{i}"] = x.reshape(-1, x.shape[-1])
        return hook

    hooks = [layers[0].register_forward_pre_hook(into, with_kwargs=True)]
    hooks += [layer.register_forward_hook(out_of(i)) for i, layer in enumerate(layers)]
    result = run()
    for h in hooks:
        h.remove()
    return result, states


def last_states(model, ids):
    """hidden_last [S, D] and logits [S, V] of one row."""
    out = model(ids[None], use_cache=False, output_hidden_states=True)
    return out.hidden_states[-1][0], out.logits[0]


def greedy(model, ids):
    """GREEDY argmax tokens after the prompt, whatever they are, and the least gap."""
    gap = float("inf")
    n = len(ids)
    for _ in range(GREEDY):
        best = last_states(model, ids)[1][-1].topk(2)
        gap = min(gap, float(best.values[0] - best.values[1]))
        ids = torch.cat([ids, best.indices[:1]])
    return ids[n:], gap


def decoder_row(model, layers, ids, targets):
    """Everything that is expected of one prompt."""
    (hidden, logits), row = layer_states(layers, lambda: last_states(model, ids))
    written, gap = greedy(model, ids)
    states, n = last_states(model, torch.cat([ids, written]))[0], len(ids)
    scored = last_states(model, torch.cat([ids, targets]))[1][n - 1:-1].log_softmax(-1)
    row.update({
        "hidden_last": hidden, "logits": logits, "pooled_mean": hidden.mean(0), "pooled_last": hidden[-1],
        "greedy_ids": written, "greedy_min_gap": torch.tensor(gap), "gen_states": states[n - 1:],
        "gen_mean_at": states[n:].mean(0), "gen_mean_from": states[n - 1:-1].mean(0), "prompt_gen_mean": states.mean(0),
        "target_ids": targets, "target_token_logprobs": scored.gather(1, targets[:, None])[:, 0],
    })
    return row


def collect(rows, prompts):
    """expected.safetensors of rows."""
    tensors = {"input_ids": pad(prompts), "attention_mask": pad([torch.ones_like(p) for p in prompts])}
    for key in rows[0]:
        values = [r[key] for r in rows]
        tensors[key] = pad(values) if values[0].dim() else torch.stack(values)
    return {k: v.detach().contiguous().clone() for k, v in tensors.items()}


def decoder_expected(model, lengths, vocabulary, prompts=None):
    layers = model.get_base_model().base_model.layers if isinstance(model, peft.PeftModel) else model.base_model.layers
    chosen, rows = [], []
    for i, length in enumerate(lengths):
        while True:  # until no greedy step hangs on a rounding
            ids = prompts[i] if prompts else torch.randint(3, vocabulary, (length,))
            with torch.no_grad():
                row = decoder_row(model, layers, ids, torch.randint(3, vocabulary, (TARGETS,)))
            if prompts and float(row["greedy_min_gap"]) <= LEAST_GAP:
                return None
            if float(row["greedy_min_gap"]) > LEAST_GAP:
                break
        chosen.append(ids)
        rows.append(row)
    return chosen, collect(rows, chosen)


def make_decoder(folder, kind, settings, lengths):
    config = transformers.AutoConfig.for_model(kind, **settings)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    randomise(model)
    model = save(model, folder, transformers.AutoModelForCausalLM)
    prompts, expected = decoder_expected(model, lengths, config.vocab_size)
    save_file(expected, folder / "expected.safetensors")
    return prompts


def encoders(draw):
    """name -> (class, settings)."""
    head = draw.choice([4, 6, 8])
    heads = draw.choice([2, 3, 5])
    bert = dict(vocab_size=draw.randrange(70, 140), hidden_size=head * heads, num_attention_heads=heads, num_hidden_layers=draw.choice([2, 4]),
                intermediate_size=draw.randrange(20, 90), max_position_embeddings=70, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                cls_token_id=1, sep_token_id=2)
    t5 = dict(vocab_size=99, d_model=head * heads, d_kv=head + 2, num_heads=heads, d_ff=50, num_layers=3, pad_token_id=0, is_encoder_decoder=False,
              use_cache=False, relative_attention_num_buckets=2 * draw.randrange(4, 17), relative_attention_max_distance=draw.randrange(40, 129))
    yield "bert", "BertModel", "bert", bert
    yield "bert_mlm", "BertForMaskedLM", "bert", bert
    yield "roberta", "RobertaModel", "roberta", dict(bert, pad_token_id=1, type_vocab_size=1)
    yield "t5_relu", "T5EncoderModel", "t5", dict(t5, feed_forward_proj="relu")
    yield "t5_gated_gelu", "T5EncoderModel", "t5", dict(t5, feed_forward_proj="gated-gelu")
    yield "modernbert", "ModernBertModel", "modernbert", dict(bert, local_attention=2 * draw.randrange(2, 8), num_hidden_layers=4)


def encoder_row(model, ids, types):
    base = model.base_model if hasattr(model, "cls") else model
    layers = base.layers if hasattr(base, "layers") else base.encoder.block if hasattr(base.encoder, "block") else base.encoder.layer
    keys = {"token_type_ids": types[None]} if types is not None else {}
    out, row = layer_states(layers, lambda: base(ids[None], **keys))
    hidden = out.last_hidden_state[0]
    row.update({"hidden_last": hidden, "pooled_mean": hidden.mean(0), "pooled_cls": hidden[0]})
    if getattr(out, "pooler_output", None) is not None:
        row["pooler_output"] = out.pooler_output[0]
    if hasattr(model, "cls"):
        row["mlm_logits"] = model(ids[None], **keys).logits[0]
    if types is not None:
        row["token_type_ids"] = types
    return row


def make_encoder(folder, class_name, kind, settings, lengths):
    config = transformers.AutoConfig.for_model(kind, **settings)
    config._attn_implementation = "eager"
    class_ = getattr(transformers, class_name)
    model = class_(config).float().eval()
    randomise(model)
    model = save(model, folder, class_)
    prompts = [torch.randint(4, config.vocab_size, (n,)) for n in lengths]
    with torch.no_grad():
        rows = [encoder_row(model, p, (torch.arange(len(p)) >= len(p) // 2).long() if kind == "bert" else None) for p in prompts]
    expected = collect(rows, prompts)
    expected["input_ids"][expected["attention_mask"] == 0] = config.pad_token_id
    save_file(expected, folder / "expected.safetensors")


# base -> variant -> settings of PEFT's LoraConfig.
ADAPTERS = {
    "gpt_neox": {
        "dora": dict(target_modules=["query_key_value", "dense"], use_dora=True, r=3),
        "bias_lora_only": dict(target_modules=["query_key_value", "dense_4h_to_h"], bias="lora_only"),
        "patterns": dict(target_modules="all-linear", rank_pattern={"query_key_value": 2, "layers.1.mlp.dense_h_to_4h": 7},
                         alpha_pattern={"layers.0.attention.dense": 3, "query_key_value": 20}),
    },
    "phi3": {
        "dora": dict(target_modules=["qkv_proj", "gate_up_proj", "down_proj"], use_dora=True, r=6),
        "layers_subset": dict(target_modules=["o_proj", "down_proj"], layers_to_transform=[1]),
        "dora_rslora": dict(target_modules=["o_proj", "qkv_proj"], use_dora=True, use_rslora=True),
    },
    "qwen2": {
        "patterns_regex": dict(target_modules=r".*\.(q_proj|v_proj|up_proj)", rank_pattern={r".*\.0\..*q_proj": 1, "v_proj": 5}),
        "bias_all": dict(target_modules=["q_proj"], bias="all"),
        "bias_lora_only_dora": dict(target_modules=["q_proj", "o_proj"], bias="lora_only", use_dora=True),
        "modules_to_save": dict(target_modules=["k_proj"], modules_to_save=["lm_head"]),
    },
    "gemma2": {"all_linear_dora": dict(target_modules="all-linear", use_dora=True, r=2)},
    "starcoder2": {"bias_lora_only": dict(target_modules=["c_fc", "c_proj", "q_proj"], bias="lora_only", r=5)},
    "olmo2": {"plain": dict(target_modules=["q_proj", "k_proj"], layers_to_transform=[0])},
    "mistral": {"excluded": dict(target_modules="all-linear", exclude_modules=["gate_proj"], r=9)},
}


def make_adapter(root, base, folder, settings, prompts):
    while True:
        model = transformers.AutoModelForCausalLM.from_pretrained(root / "decoders" / base, attn_implementation="eager").float().eval()
        model = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **dict(dict(r=4, lora_alpha=10), **settings))).eval()
        for name, p in model.named_parameters():
            if p.requires_grad and "lora_magnitude" in name:
                p.data.mul_(1 + 0.1 * torch.randn_like(p))
            elif p.requires_grad:
                p.data.add_(0.1 * torch.randn_like(p))
        made = decoder_expected(model, [len(p) for p in prompts], model.config.vocab_size, prompts)
        if made:
            break
    model.save_pretrained(folder)
    file = folder / "adapter_config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps(dict(config, base_model_name_or_path=f"decoders/{base}"), indent=2, sort_keys=True) + "\n")
    expected = made[1]
    for k in ("input_ids", "attention_mask"):
        del expected[k]
    before = transformers.AutoModelForCausalLM.from_pretrained(root / "decoders" / base).state_dict()
    for name, value in model.merge_and_unload().state_dict().items():
        if not torch.equal(before[name], value):
            expected["merged." + name] = value.detach().contiguous().clone()
    save_file(expected, folder / "expected.safetensors")


def main():
    parser = argparse.ArgumentParser(description="Makes parity fixtures of other seeds and sizes, in testdata/golden's layout.")
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="make only what has this in its name (KIND/NAME); an adapter's base comes along")
    options = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    draw = random.Random(options.seed)
    prompts = {}
    for n, (name, kind, settings, lengths) in enumerate(decoders(draw)):
        wanted = options.only in f"decoders/{name}" or any(options.only in f"lora/{name}/{v}" for v in ADAPTERS.get(name, {}))
        if wanted:
            torch.manual_seed(1000 * options.seed + n)
            prompts[name] = make_decoder(options.dir / "decoders" / name, kind, settings, lengths)
            print(f"decoders/{name}", flush=True)
    for n, (name, class_name, kind, settings) in enumerate(encoders(draw)):
        if options.only in f"encoders/{name}":
            torch.manual_seed(1000 * options.seed + 300 + n)
            make_encoder(options.dir / "encoders" / name, class_name, kind, settings, [1, 50, draw.randrange(2, 12)])
            print(f"encoders/{name}", flush=True)
    for base, variants in ADAPTERS.items():
        for n, (variant, settings) in enumerate(variants.items()):
            if options.only in f"lora/{base}/{variant}":
                torch.manual_seed(1000 * options.seed + 600 + n)
                make_adapter(options.dir, base, options.dir / "lora" / base / variant, settings, prompts[base])
                print(f"lora/{base}/{variant}", flush=True)


if __name__ == "__main__":
    main()
