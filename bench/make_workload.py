"""Writes the workload that every side of the bench runs: token ids, so that no tokenizer
or prompt makes a difference. README.md describes the file.

    make_workload.py --tokenizer DIR --text FILE --out FILE [--quick]
    make_workload.py --random VOCABULARY --out FILE [--quick]

The ids are windows of the tokenized text at fixed offsets, or, for random weights,
numbers from a fixed seed. The same arguments give the same file.
"""

import argparse
import json
import os
import random

SCHEMA = "janus-bench-workload/1"

FULL = {
    "prefill_tokens": 256, "prefill_repeat": 5,
    "prompt_tokens": 128, "new_tokens": 64, "batches": [1, 8, 16, 32], "decode_repeat": 1,
    "prefix_tokens": 300, "findings": 64, "suffix_tokens": (20, 100), "finding_new_tokens": 32, "peer_batch": 16,
    "verdict_prompt_tokens": 400, "verdict_new_tokens": 32,
}
QUICK = dict(FULL, prefill_repeat=1, prompt_tokens=32, new_tokens=8, batches=[1, 8],
             prefix_tokens=64, findings=8, suffix_tokens=(8, 24), finding_new_tokens=4, peer_batch=4,
             verdict_prompt_tokens=64, verdict_new_tokens=4)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", help="folder with tokenizer.json")
    parser.add_argument("--text", help="text to take the ids from")
    parser.add_argument("--random", type=int, help="take random ids below this vocabulary size instead")
    parser.add_argument("--batches", help="batch sizes of the decode phase, such as 1,8")
    parser.add_argument("--findings", type=int, help="findings of the shared_prefix phase")
    parser.add_argument("--out", required=True)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything runs")
    arguments = parser.parse_args()

    if arguments.random:
        # The low ids are control tokens in most vocabularies.
        generator = random.Random(1)
        ids = [generator.randrange(min(1000, arguments.random // 2), arguments.random) for _ in range(4096)]
    elif arguments.tokenizer and arguments.text:
        ids = tokenize(arguments.tokenizer, arguments.text)
    else:
        parser.error("give --tokenizer and --text, or --random")

    sizes = QUICK if arguments.quick else FULL
    if arguments.batches:
        sizes = dict(sizes, batches=[int(b) for b in arguments.batches.split(",")])
    if arguments.findings:
        sizes = dict(sizes, findings=arguments.findings)
    write(arguments.out, workload(ids, sizes))


def tokenize(folder, text_file):
    # Imported here: with --random this script needs the standard library only.
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    with open(text_file, encoding="utf-8") as text:
        return tokenizer.encode(text.read(), add_special_tokens=False).ids


def workload(ids, sizes):
    def window(start, length):
        """length ids from position start on, going round at the end of the text."""
        return [ids[(start + i) % len(ids)] for i in range(length)]

    low, high = sizes["suffix_tokens"]
    # Steps that share no factor with the range visit its lengths evenly, in no sorted order.
    suffix_lengths = [low + (37 * i) % (high - low + 1) for i in range(sizes["findings"])]
    rows = max(sizes["batches"])
    return {
        "schema": SCHEMA,
        "prefill": {
            "prompt": window(0, sizes["prefill_tokens"]),
            "repeat": sizes["prefill_repeat"],
        },
        "decode": {
            "prompts": [window(41 * i, sizes["prompt_tokens"]) for i in range(rows)],
            "new_tokens": sizes["new_tokens"],
            "batches": sizes["batches"],
            "repeat": sizes["decode_repeat"],
        },
        "shared_prefix": {
            "prefix": window(500, sizes["prefix_tokens"]),
            "suffixes": [window(900 + 53 * i, n) for i, n in enumerate(suffix_lengths)],
            "new_tokens": sizes["finding_new_tokens"],
            "peer_batch": sizes["peer_batch"],
        },
        "first_verdict": {
            "prompt": window(200, sizes["verdict_prompt_tokens"]),
            "new_tokens": sizes["verdict_new_tokens"],
        },
    }


def write(path, content):
    with open(path + ".new", "w", encoding="utf-8") as out:
        json.dump(content, out)
    os.replace(path + ".new", path)


if __name__ == "__main__":
    main()
