"""The transformers side of the bench: runs a workload and prints one JSON object.

    peer_transformers.py --workload FILE --model DIR [--phases NAME,…]
                         [--device cpu|cuda] [--dtype float32|bfloat16]

README.md describes the workload and the result. Every phase but first_verdict warms up
before it is measured; generation is greedy with exactly the tokens asked for, as on
Janus' side.
"""

import time

STARTED = time.perf_counter()  # before the slow imports, which are part of a cold start

import argparse  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import platform  # noqa: E402

import torch  # noqa: E402
import transformers  # noqa: E402

SCHEMA = "janus-bench-side/1"
PHASES = ["prefill", "decode", "shared_prefix", "shared_prefix_batched"]
PAD = 0  # any id will do: padding is masked


class Clock(transformers.LogitsProcessor):
    """Notes when the first token's scores and the last one's were there."""

    def __init__(self, device):
        self.device = device
        self.first = self.last = None

    def __call__(self, input_ids, scores):
        if self.first is None:
            synchronize(self.device)  # once, so that later steps can still overlap
            self.first = time.perf_counter()
        self.last = time.perf_counter()
        return scores


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


class Side:
    """A loaded model and how this bench runs it."""

    def __init__(self, arguments):
        self.device = arguments.device
        start = time.perf_counter()
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            arguments.model, dtype=getattr(torch, arguments.dtype), local_files_only=True).to(self.device).eval()
        synchronize(self.device)
        self.load_s = time.perf_counter() - start

    def generate(self, prompts, new_tokens):
        """Returns (ids of the new tokens by row, seconds of decoding, seconds in all).

        The seconds of decoding start when the prompt has been read and its scores are
        there; new_tokens-1 forward passes a row fall into them.
        """
        width = max(len(p) for p in prompts)
        ids = torch.tensor([[PAD] * (width - len(p)) + p for p in prompts], device=self.device)
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=self.device)
        clock = Clock(self.device)
        synchronize(self.device)
        start = time.perf_counter()
        with torch.inference_mode():
            out = self.model.generate(
                input_ids=ids, attention_mask=mask, do_sample=False, use_cache=True, pad_token_id=PAD,
                min_new_tokens=new_tokens, max_new_tokens=new_tokens,
                logits_processor=transformers.LogitsProcessorList([clock]))
        rows = out[:, width:].tolist()
        synchronize(self.device)
        end = time.perf_counter()
        return rows, end - clock.first, end - start

    def prefill(self, work):
        ids = torch.tensor([work["prompt"]], device=self.device)

        def once():
            synchronize(self.device)
            start = time.perf_counter()
            with torch.inference_mode():
                self.model(input_ids=ids, use_cache=True, logits_to_keep=1)
            synchronize(self.device)
            return time.perf_counter() - start

        once()
        return {"rows": 1, "tokens": len(work["prompt"]), "seconds": [once() for _ in range(work["repeat"])]}

    def decode(self, work):
        results = {}
        for batch in work["batches"]:
            prompts = work["prompts"][:batch]
            self.generate(prompts, 2)
            seconds, totals = [], []
            for _ in range(work["repeat"]):
                ids, decoding, total = self.generate(prompts, work["new_tokens"])
                seconds.append(decoding)
                totals.append(total)
            results[str(batch)] = {"rows": batch, "tokens": batch * (work["new_tokens"] - 1),
                                   "seconds": seconds, "total_s": totals, "ids": ids}
        return results

    def shared_prefix(self, work):
        """One finding after another, as a loop over a report does."""
        return self._findings(work, 1)

    def shared_prefix_batched(self, work):
        """generate() on batches of findings in the order they come."""
        return self._findings(work, work["peer_batch"])

    def _findings(self, work, batch):
        prompts = [work["prefix"] + suffix for suffix in work["suffixes"]]
        self.generate(prompts[:batch], 2)
        ids = []
        start = time.perf_counter()
        for first in range(0, len(prompts), batch):
            ids += self.generate(prompts[first:first + batch], work["new_tokens"])[0]
        seconds = time.perf_counter() - start
        return {"rows": len(prompts), "tokens": len(prompts) * work["new_tokens"], "batch": batch,
                "seconds": [seconds], "ids": ids}

    def first_verdict(self, work):
        """From the start of this program to the last token of one finding."""
        ids, _, _ = self.generate([work["prompt"]], work["new_tokens"])
        return {"rows": 1, "tokens": work["new_tokens"], "seconds": [time.perf_counter() - STARTED], "ids": ids}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", required=True)
    parser.add_argument("--model", required=True, help="Hugging Face folder")
    parser.add_argument("--phases", default=",".join(PHASES), help="default: %(default)s; first_verdict alone, in a cold process")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    arguments = parser.parse_args()

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    with open(arguments.workload, encoding="utf-8") as file:
        workload = json.load(file)
    side = Side(arguments)
    result = {
        "schema": SCHEMA,
        "name": "transformers",
        "versions": {"python": platform.python_version(), "torch": torch.__version__,
                     "transformers": transformers.__version__},
        "device": torch.cuda.get_device_name() if arguments.device == "cuda" else "cpu",
        "dtype": arguments.dtype,
        "threads": threads,
        "load_s": side.load_s,
        "compile_s": 0.0,
    }
    for phase in arguments.phases.split(","):
        # Both ways of running the shared prefix take the same part of the workload.
        work = workload["shared_prefix" if phase.startswith("shared_prefix") else phase]
        result[phase] = getattr(side, phase)(work)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
