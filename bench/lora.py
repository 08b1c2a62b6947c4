"""Measures an update of a LoRA adapter, Janus beside torch with PEFT: rank 16 on q and v, 4 rows of 256 tokens."""

import json
import os
import re
import statistics
import subprocess
import sys

from figures import reached
from sides import run_timed

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
ASKED = 1.0  # what both ratios, of time and of memory, are asked to reach on 2 cores


def measure(python, model, rounds, steps, folder, benchmark=None):
    """Median seconds of a step and peak memory by side, over processes that take turns, and their ratios."""
    benchmark = benchmark or build(folder)
    environment = dict(os.environ, MODEL_PATH=os.path.abspath(model))
    seconds, memory = {"janus": [], "peft": []}, {"janus": [], "peft": []}
    for _ in range(rounds):
        printed, cost = run_timed([benchmark, "-test.run", "^$", "-test.bench", "^BenchmarkStep$", "-test.benchtime", "%dx" % steps],
                                  environment, os.path.join(ROOT, "train"))
        found = re.search(r"^BenchmarkStep\S*\s+\d+\s+(\d+) ns/op", printed, re.MULTILINE)
        if not found:
            sys.exit("bench: BenchmarkStep printed no time: %.300r" % printed)
        seconds["janus"].append(int(found.group(1)) / 1e9)
        memory["janus"].append(cost["peak_memory_mb"])
        printed, cost = run_timed([python, os.path.join(HERE, "peer_lora.py"), model, str(steps)], environment, HERE)
        seconds["peft"].append(json.loads(printed)["seconds"])
        memory["peft"].append(cost["peak_memory_mb"])
    return {"schema": "janus-bench-lora/1", "steps": steps, "rounds": {"seconds": seconds, "peak_memory_mb": memory},
            "ratio": ratio(seconds), "memory_ratio": ratio(memory), "asked": ASKED,
            "seconds": medians(seconds, 3), "peak_memory_mb": medians(memory, 0)}


def ratio(sides):
    return round(statistics.median(peer / own for own, peer in zip(sides["janus"], sides["peft"])), 3)


def medians(sides, digits):
    return {name: round(statistics.median(rounds), digits) for name, rounds in sides.items()}


def build(folder):
    """Compiles train's benchmark, so that compiling is in no figure."""
    path = os.path.join(folder, "train.test")
    subprocess.run([os.path.join(ROOT, "scripts", "goenv"), "go", "test", "-c", "-o", path, "./train"], cwd=ROOT, check=True)
    return path


def table(result):
    lines = ["%-12s %8.3f s a step, at most %.0f MB" % (name, seconds, result["peak_memory_mb"][name])
             for name, seconds in result["seconds"].items()]
    for name, what in ("ratio", "is faster"), ("memory_ratio", "takes less memory"):
        lines.append("%s %.2f (above 1: Janus %s)   %s" % (name.replace("_", " "), result[name], what, reached(result[name], result["asked"])))
    return "\n".join(lines)
