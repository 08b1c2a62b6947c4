"""The llama.cpp side of the bench, through llama-cpp-python: runs a workload at batch 1 on
the quantised GGUF and prints one JSON object of the same form as peer_transformers.py.

    peer_llamacpp.py --workload FILE --model FILE.gguf [--phases NAME,…]

It stands beside the comparison, not in it: its weights are 4-bit, so it reads a seventh of
the bytes a token that the f32 sides read.
"""

import time

STARTED = time.perf_counter()

import argparse  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import platform  # noqa: E402

import llama_cpp  # noqa: E402

SCHEMA = "janus-bench-side/1"
PHASES = ["prefill", "decode", "shared_prefix"]


class Side:
    """A loaded model and how this bench runs it."""

    def __init__(self, arguments, longest):
        start = time.perf_counter()
        self.model = llama_cpp.Llama(arguments.model, n_ctx=longest, n_batch=512, verbose=False,
                                     n_threads=arguments.threads, n_threads_batch=arguments.threads)
        self.load_s = time.perf_counter() - start

    def generate(self, prompt, new_tokens, keep=0):
        """Greedy tokens after prompt, whose first keep tokens are still in the cache.

        Returns (ids, seconds of decoding, seconds in all).
        """
        start = time.perf_counter()
        if keep:
            self.model.n_tokens = keep  # eval drops what the cache holds beyond this
        else:
            self.model.reset()
        self.model.eval(prompt[keep:])
        first = time.perf_counter()
        ids = []
        for _ in range(new_tokens):
            token = self.model.sample(temp=0.0, repeat_penalty=1.0)
            ids.append(token)
            if len(ids) < new_tokens:
                self.model.eval([token])
        end = time.perf_counter()
        return ids, end - first, end - start

    def prefill(self, work):
        def once():
            self.model.reset()
            start = time.perf_counter()
            self.model.eval(work["prompt"])
            return time.perf_counter() - start

        once()
        return {"rows": 1, "tokens": len(work["prompt"]), "seconds": [once() for _ in range(work["repeat"])]}

    def decode(self, work):
        self.generate(work["prompts"][0], 2)
        seconds, totals = [], []
        for _ in range(work["repeat"]):
            ids, decoding, total = self.generate(work["prompts"][0], work["new_tokens"])
            seconds.append(decoding)
            totals.append(total)
        return {"1": {"rows": 1, "tokens": work["new_tokens"] - 1, "seconds": seconds, "total_s": totals, "ids": [ids]}}

    def shared_prefix(self, work):
        """One finding after another; the prefix is read once and stays in the cache."""
        start = time.perf_counter()
        self.model.reset()
        self.model.eval(work["prefix"])
        ids = [self.generate(work["prefix"] + suffix, work["new_tokens"], keep=len(work["prefix"]))[0]
               for suffix in work["suffixes"]]
        seconds = time.perf_counter() - start
        return {"rows": len(ids), "tokens": len(ids) * work["new_tokens"], "batch": 1, "seconds": [seconds], "ids": ids}

    def first_verdict(self, work):
        ids, _, _ = self.generate(work["prompt"], work["new_tokens"])
        return {"rows": 1, "tokens": work["new_tokens"], "seconds": [time.perf_counter() - STARTED], "ids": [ids]}


def longest_sequence(workload):
    """Tokens of the longest prompt and its answer: the context to ask for."""
    shared = workload["shared_prefix"]
    return max(
        len(workload["prefill"]["prompt"]),
        len(workload["first_verdict"]["prompt"]) + workload["first_verdict"]["new_tokens"],
        len(workload["decode"]["prompts"][0]) + workload["decode"]["new_tokens"],
        len(shared["prefix"]) + max(len(s) for s in shared["suffixes"]) + shared["new_tokens"]) + 8


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", required=True)
    parser.add_argument("--model", required=True, help="GGUF file")
    parser.add_argument("--phases", default=",".join(PHASES), help="default: %(default)s; first_verdict alone, in a cold process")
    arguments = parser.parse_args()
    arguments.threads = len(os.sched_getaffinity(0))

    with open(arguments.workload, encoding="utf-8") as file:
        workload = json.load(file)
    side = Side(arguments, longest_sequence(workload))
    result = {
        "schema": SCHEMA,
        "name": "llama.cpp",
        "versions": {"python": platform.python_version(), "llama-cpp-python": llama_cpp.__version__},
        "device": "cpu",
        "dtype": os.path.basename(arguments.model),
        "threads": arguments.threads,
        "load_s": side.load_s,
        "compile_s": 0.0,
    }
    for phase in arguments.phases.split(","):
        result[phase] = getattr(side, phase)(workload[phase])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
