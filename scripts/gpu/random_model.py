"""Writes a Hugging Face folder with random weights of a published model's shape, for
measuring speed where no checkpoint can be had.

    random_model.py --shape NAME --out DIR [--device cuda|cpu] [--dtype bfloat16|float32]

Prints one JSON object: the bytes of all weights and those that one token's decoding reads.
The architecture is always llama; what differs between the shapes is their sizes.
"""

import argparse
import json

import torch
import transformers

# From the config.json of Qwen/Qwen3-1.7B (without its norms on q and k, which move no
# bytes worth counting) and of meta-llama/Llama-3.1-8B.
SHAPES = {
    "qwen3-1.7b": dict(
        vocab_size=151936, hidden_size=2048, intermediate_size=6144, num_hidden_layers=28,
        num_attention_heads=16, num_key_value_heads=8, head_dim=128, max_position_embeddings=40960,
        rms_norm_eps=1e-6, rope_theta=1e6, tie_word_embeddings=True),
    "llama-3.1-8b": dict(
        vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32,
        num_attention_heads=32, num_key_value_heads=8, head_dim=128, max_position_embeddings=131072,
        rms_norm_eps=1e-5, rope_theta=5e5, tie_word_embeddings=False),
    "tiny": dict(
        vocab_size=4096, hidden_size=128, intermediate_size=256, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=32, max_position_embeddings=2048,
        rms_norm_eps=1e-5, rope_theta=1e4, tie_word_embeddings=True),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", required=True, choices=sorted(SHAPES))
    parser.add_argument("--out", required=True)
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"], help="where the weights are drawn")
    parser.add_argument("--dtype", default="bfloat16", choices=["float32", "bfloat16"])
    arguments = parser.parse_args()

    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(1)
    config = transformers.LlamaConfig(bos_token_id=1, eos_token_id=2, **SHAPES[arguments.shape])
    with torch.device(arguments.device):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=getattr(torch, arguments.dtype))
    model.save_pretrained(arguments.out, max_shard_size="4GB")

    total = sum(p.numel() * p.element_size() for p in model.parameters())
    embedding = model.get_input_embeddings().weight
    # Of an embedding that is not the output layer too, one row is read a token.
    per_token = total if config.tie_word_embeddings else total - embedding.numel() * embedding.element_size()
    print(json.dumps({"bytes": total, "bytes_per_token": per_token, "vocab_size": config.vocab_size}))


if __name__ == "__main__":
    main()
