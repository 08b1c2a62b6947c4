"""Writes sentences.json and expected.safetensors beside this file: what transformers makes of texts with all-MiniLM-L6-v2.

    python make_expected.py FOLDER     # the model's; torch, safetensors and transformers 5.x

sentences.json: texts and their token ids, cut to 512. expected.safetensors, float32, a line a text: pooled_mean and pooled_cls of the
last state, pooler_output, layer_2_mean (the mean of the states that leave layer 2), and sentence, the mean scaled to length 1,
which is what sentence-transformers gives.
"""

import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import BertModel, PreTrainedTokenizerFast

TEXTS = [
    "SQL injection in the login form.",
    "The query is built from a request parameter without escaping it.",
    "The weather is lovely today.",
    "",
    "if (strcpy(buffer, argv[1])) { return -1; }  // CWE-787",
    "Ein Ärgernis: naïve Zeichenketten, 漢字 und 🙂.",
    "GET /search?q=%3Cscript%3Ealert(1)%3C/script%3E HTTP/1.1\r\nHost: example.com\r\n\r\n" * 20,
]


def main():
    folder = pathlib.Path(sys.argv[1])
    here = pathlib.Path(__file__).parent
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.enable_truncation(512)
    model = BertModel.from_pretrained(folder, attn_implementation="eager").float().eval()
    sentences, rows = [], {}
    for text in TEXTS:
        ids = tokenizer.backend_tokenizer.encode(text).ids
        sentences.append({"text": text, "ids": ids})
        with torch.no_grad():
            out = model(torch.tensor([ids]), output_hidden_states=True)
        last = out.last_hidden_state[0]
        for key, x in {"pooled_mean": last.mean(0), "pooled_cls": last[0], "pooler_output": out.pooler_output[0],
                       "layer_2_mean": out.hidden_states[3][0].mean(0),
                       "sentence": torch.nn.functional.normalize(last.mean(0), dim=0)}.items():
            rows.setdefault(key, []).append(x)
    (here / "sentences.json").write_text(json.dumps(sentences, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    save_file({k: torch.stack(v).contiguous() for k, v in rows.items()}, here / "expected.safetensors")
    s = torch.stack(rows["sentence"])
    print([len(x["ids"]) for x in sentences], s @ s.T)


if __name__ == "__main__":
    main()
