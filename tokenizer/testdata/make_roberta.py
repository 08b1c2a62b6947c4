"""Writes roberta/: a small byte-level BPE without tokenizer.json, and what transformers' RobertaTokenizer makes of texts.

    python make_roberta.py     # from this folder; tokenizers and transformers 5.x

vocab.json and merges.txt are trained on this repository's docs, as they were when this was run; expected.json has the texts with
their token ids, with special tokens (ids) and without (bare).
"""

import json
import pathlib

from tokenizers import ByteLevelBPETokenizer
from transformers import RobertaTokenizer

HERE = pathlib.Path(__file__).parent
OUT = HERE / "roberta"
TEXTS = ["An encoder reads a text once.", " the head's folder", "if (x<y) {\n\treturn a[10]; }", "naïve 漢字 🙂", "",
         "a <mask> of </s> tokens"]


def main():
    OUT.mkdir(exist_ok=True)
    trained = ByteLevelBPETokenizer()
    trained.train([str(p) for p in sorted((HERE.parent.parent / "docs").glob("*.md"))], vocab_size=420, min_frequency=2,
                  special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], show_progress=False)
    trained.save_model(str(OUT))
    backend = RobertaTokenizer(vocab=str(OUT / "vocab.json"), merges=str(OUT / "merges.txt")).backend_tokenizer
    cases = [{"text": text, "ids": backend.encode(text).ids, "bare": backend.encode(text, add_special_tokens=False).ids}
             for text in TEXTS]
    (OUT / "expected.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
