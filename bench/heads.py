"""Measures 30 heads of one `janus train head` on cached states, beside 30 commands of one head each."""

import itertools
import os
import statistics

from figures import reached
from sides import run_timed

ASKED = 10.0  # how many times as long 30 commands are asked to take
FINDINGS = 400
GRIDS = {
    "30 seeds": {"--hidden": ["32"], "--seeds": range(30)},
    "6 widths, 5 seeds": {"--hidden": ["8", "16", "32", "64", "128", "256"], "--seeds": range(5)},
    "3 poolings, 2 layers, 5 seeds": {"--pooling": ["mean_generated", "mean_all", "last"], "--layer": ["last", "12"], "--seeds": range(5)},
}


def measure(janus, model, rounds, findings, cache, folder, say):
    """Median seconds of one command and of 30, by grid of heads, and their ratios; states are harvested before, once."""
    db = os.path.join(folder, "heads.db")
    run_timed([janus, "data", "generate", "--passive", "--num", str(findings // 2), "--db", db], quiet=True)
    states = os.path.join(cache, "bench-heads")
    made = itertools.count()

    def train(flags):
        command = [janus, "train", "head", "--db", db, "--model", model, "--max-tokens", "4", "--states", states,
                   "--out", os.path.join(folder, str(next(made)))]
        return run_timed(command + [text for flag in flags for text in flag], quiet=True)[1]["wall_s"]

    grids = {}
    for name, grid in GRIDS.items():
        say("%s: harvesting" % name)
        together = [(flag, ",".join(map(str, values))) for flag, values in grid.items()]
        train(together)
        grids[name] = {"together_s": [], "alone_s": []}
        for number in range(rounds):
            say("%s: round %d of %d" % (name, number + 1, rounds))
            grids[name]["together_s"].append(train(together))
            grids[name]["alone_s"].append(sum(train(zip(grid, map(str, one))) for one in itertools.product(*grid.values())))
    return {"schema": "janus-bench-heads/1", "findings": findings, "asked": ASKED, "rounds": grids, "grids": {
        name: {"together_s": round(statistics.median(grid["together_s"]), 2), "alone_s": round(statistics.median(grid["alone_s"]), 2),
               "ratio": round(statistics.median(a / t for a, t in zip(grid["alone_s"], grid["together_s"])), 2)}
        for name, grid in grids.items()}}


def table(result):
    return "\n".join("%-32s %7.2f s together %8.2f s one after another: ratio %.1f   %s" % (
        name, grid["together_s"], grid["alone_s"], grid["ratio"], reached(grid["ratio"], result["asked"]))
        for name, grid in result["grids"].items())
