"""Writes rope.json: inverse frequencies and attention scaling as transformers computes them.

    python make_rope.py     # torch and transformers 5.x

Each case is a config.json and the number of positions of a pass. The model's own rotary embedding runs that pass, so that
types that depend on the length ("dynamic", "longrope") choose as they do in use.
"""

import json
import pathlib

import torch
import transformers
from transformers import AutoConfig
from transformers.models.gemma3.modeling_gemma3 import Gemma3RotaryEmbedding
from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXRotaryEmbedding
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.phi3.modeling_phi3 import Phi3RotaryEmbedding

CLASSES = {"gemma3_text": Gemma3RotaryEmbedding, "gpt_neox": GPTNeoXRotaryEmbedding, "phi3": Phi3RotaryEmbedding}

SIZES = dict(vocab_size=100, hidden_size=128, intermediate_size=64, num_hidden_layers=6, num_attention_heads=4)


def case(name, positions, model_type="llama", kind="", longest=4096, **keys):
    return dict(name=name, positions=positions, kind=kind,
                config=dict(SIZES, model_type=model_type, max_position_embeddings=longest, **keys))


def v5(**rope):
    return {"rope_parameters": dict({"rope_theta": 10000.0}, **rope)}


SHORT = [1.0 + 0.05 * i for i in range(16)]
LONG = [1.0 + 0.8 * i for i in range(16)]
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=1024)
LONGROPE = dict(rope_type="longrope", short_factor=SHORT, long_factor=LONG)

CASES = [
    case("default", 64, **v5(rope_type="default")),
    case("nothing said", 64),
    case("theta of the old spelling", 64, rope_theta=500000.0),
    case("linear", 64, **v5(rope_type="linear", factor=4.0)),
    case("linear, old spelling", 64, rope_theta=20000.0, rope_scaling={"type": "linear", "factor": 2.5}),
    case("llama3", 64, **v5(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0,
                            high_freq_factor=4.0, original_max_position_embeddings=512)),
    case("dynamic, short", 64, longest=256, **v5(rope_type="dynamic", factor=4.0)),
    case("dynamic, just full", 256, longest=256, **v5(rope_type="dynamic", factor=4.0)),
    case("dynamic, longer", 777, longest=256, **v5(rope_type="dynamic", factor=4.0)),
    case("dynamic, partial", 600, longest=256, **v5(rope_type="dynamic", factor=4.0, partial_rotary_factor=0.5)),
    case("dynamic, old spelling", 500, longest=256, rope_scaling={"type": "dynamic", "factor": 2.0}),
    case("yarn", 64, **v5(**YARN)),
    case("yarn, theta 1e6", 64, **v5(**dict(YARN, rope_theta=1e6))),
    case("yarn, old spelling", 64, "qwen2", rope_theta=1e6,
         rope_scaling={"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096}),
    case("yarn, original length not said", 64, **v5(rope_type="yarn", factor=2.0)),
    case("yarn, factor not said", 64, **v5(**dict(YARN, factor=None))),
    case("yarn, mscale", 64, **v5(mscale=0.7, mscale_all_dim=1.1, **YARN)),
    case("yarn, mscale alone", 64, **v5(mscale=0.7, **YARN)),
    case("yarn, attention factor", 64, **v5(attention_factor=1.25, **YARN)),
    case("yarn, betas", 64, **v5(beta_fast=16.0, beta_slow=2.0, **YARN)),
    case("yarn, not truncated", 64, **v5(truncate=False, **YARN)),
    case("yarn, partial", 64, **v5(partial_rotary_factor=0.75, **YARN)),
    case("longrope, short", 64, "phi3", original_max_position_embeddings=512, **v5(**LONGROPE)),
    case("longrope, just full", 512, "phi3", original_max_position_embeddings=512, **v5(**LONGROPE)),
    case("longrope, long", 513, "phi3", original_max_position_embeddings=512, **v5(**LONGROPE)),
    case("longrope, old name and spelling", 600, "phi3", original_max_position_embeddings=512, rope_theta=10000.0,
         rope_scaling={"type": "su", "short_factor": SHORT, "long_factor": LONG,
                       "original_max_position_embeddings": 512}),
    case("longrope, partial", 600, "phi3", original_max_position_embeddings=512,
         **v5(**dict(LONGROPE, short_factor=SHORT[:12], long_factor=LONG[:12], partial_rotary_factor=0.75))),
    case("longrope, factor", 64, **v5(factor=32.0, original_max_position_embeddings=512, **LONGROPE)),
    case("longrope, attention factor", 64, **v5(attention_factor=1.19, original_max_position_embeddings=512, **LONGROPE)),
    case("gpt_neox, nothing said", 64, "gpt_neox"),
    case("gpt_neox, old spelling", 64, "gpt_neox", rotary_emb_base=20000.0, rotary_pct=0.5),
    case("smollm3, nothing said", 64, "smollm3"),
    case("phi3, partial, old spelling", 64, "phi3", partial_rotary_factor=0.5, rope_theta=5000.0),
]
for spelling, keys in {
    "nested": {"rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 2e4}}},
    "nested, theta not said": {"rope_parameters": {
        "full_attention": {"rope_type": "default"}, "sliding_attention": {"rope_type": "default"}}},
    "old spelling": {"rope_theta": 2e6, "rope_local_base_freq": 3e4, "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    "nothing said": {},
}.items():
    for kind in ("full_attention", "sliding_attention"):
        CASES.append(case(f"gemma3, {spelling}, {kind}", 64, "gemma3_text", kind, head_dim=32, num_key_value_heads=2,
                          sliding_window=16, **keys))


def main():
    for c in CASES:
        config = AutoConfig.for_model(**json.loads(json.dumps(c["config"])))
        rope = CLASSES.get(config.model_type, LlamaRotaryEmbedding)(config)
        args = (torch.zeros(1), torch.arange(c["positions"])[None])
        if c["kind"]:
            rope(*args, c["kind"])
            freqs, scaling = getattr(rope, c["kind"] + "_inv_freq"), getattr(rope, c["kind"] + "_attention_scaling")
        else:
            rope(*args)
            freqs, scaling = rope.inv_freq, rope.attention_scaling
        c["inverse_frequencies"] = [float(f"{x:.9g}") for x in freqs.tolist()]
        c["attention_scaling"] = float(scaling)
    out = pathlib.Path(__file__).with_name("rope.json")
    with out.open("w") as f:
        f.write('{"made_with": "transformers %s", "cases": [\n' % transformers.__version__)
        f.write(",\n".join(json.dumps(c) for c in CASES))
        f.write("\n]}\n")


if __name__ == "__main__":
    main()
