"""Measures an update of a LoRA adapter, Janus beside torch with PEFT: rank 16 on q and v, 4 rows of 256 tokens."""

import json
import os
import re
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
ASKED = 1.0  # what the ratio is asked to reach on 2 cores


def measure(python, model, rounds, steps, folder, benchmark=None):
    """Median seconds of a step by side, over processes that take turns, and their ratio."""
    benchmark = benchmark or build(folder)
    environment = dict(os.environ, MODEL_PATH=os.path.abspath(model))
    sides = {"janus": [], "peft": []}
    for _ in range(rounds):
        printed = run([benchmark, "-test.run", "^$", "-test.bench", "^BenchmarkStep$", "-test.benchtime", "%dx" % steps],
                      environment, os.path.join(ROOT, "train"))
        found = re.search(r"^BenchmarkStep\S*\s+\d+\s+(\d+) ns/op", printed, re.MULTILINE)
        if not found:
            sys.exit("bench: BenchmarkStep printed no time: %.300r" % printed)
        sides["janus"].append(int(found.group(1)) / 1e9)
        printed = run([python, os.path.join(HERE, "peer_lora.py"), model, str(steps)], environment, HERE)
        sides["peft"].append(json.loads(printed)["seconds"])
    ratio = statistics.median(peer / own for own, peer in zip(sides["janus"], sides["peft"]))
    return {"schema": "janus-bench-lora/1", "steps": steps, "rounds": sides, "ratio": round(ratio, 3), "asked": ASKED,
            "seconds": {name: round(statistics.median(list_), 3) for name, list_ in sides.items()}}


def build(folder):
    """Compiles train's benchmark, so that compiling is in no figure."""
    path = os.path.join(folder, "train.test")
    subprocess.run([os.path.join(ROOT, "scripts", "goenv"), "go", "test", "-c", "-o", path, "./train"], cwd=ROOT, check=True)
    return path


def run(command, environment, where):
    done = subprocess.run(command, env=environment, cwd=where, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit("bench: %s ended with status %d" % (" ".join(command), done.returncode))
    return done.stdout


def table(result):
    lines = ["%-12s %8.3f s a step" % (name, seconds) for name, seconds in result["seconds"].items()]
    verdict = "reached" if result["ratio"] >= result["asked"] else "MISSED"
    return "\n".join(lines + ["ratio %.2f (above 1: Janus is faster)   asked %.1f: %s" % (result["ratio"], result["asked"], verdict)])
