#!/usr/bin/env python3
"""Writes bpe/cases.json: the vocabularies that the Hugging Face library learns of bpe/text.txt (a part of this project's
documentation, and lines in several scripts), and the ids that it gives some texts with them.

    pip install tokenizers==0.23.3 && python3 make_bpe.py
"""
import json
import pathlib

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent / "bpe"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
PATTERNS = {
    "gpt2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "llama3": pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
                                       pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
}
TEXTS = ["", " ", "the training of an adapter", "Don't we'll  say\n\n\nso?\t1234567 aaaaaaaaaaa", "žluťoučký kůň 你好 🚀 \x00\u00a0\u2028",
         "a <|endoftext|> in the text<|im_end|>\n", "status=200\r\nContent-Type: text/html\r\n\r\n<b>--------</b>"]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]

text = (HERE / "text.txt").read_bytes().decode()
cases = []
for pattern, size, least, special in [("gpt2", 700, 2, SPECIAL), ("llama3", 5000, 0, SPECIAL[:1]), ("gpt2", 400, 0, [])]:
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = PATTERNS[pattern]
    tok.train_from_iterator([text], trainers.BpeTrainer(
        vocab_size=size, min_frequency=least, special_tokens=special, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    model = json.loads(tok.to_str())["model"]
    cases.append({
        "pattern": pattern, "vocab_size": size, "min_count": least, "special": special,
        "tokens": sorted(model["vocab"], key=model["vocab"].get), "merges": model["merges"],
        "encoded": [{"text": t, "ids": tok.encode(t).ids} for t in TEXTS],
    })
(HERE / "cases.json").write_text(json.dumps(cases, ensure_ascii=False, separators=(",", ":")) + "\n")
