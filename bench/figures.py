"""The bench's arithmetic: from what the sides printed to medians and ratios.

A round is a dict from a side's name to what that side printed (README.md has the form),
with wall_s, peak_memory_mb and, from a cold process, cold added by who ran it.
"""

import re
import statistics


def reached(value, asked):
    """Says whether a ratio is what was asked for."""
    return "asked %.1f: %s" % (asked, "reached" if value >= asked else "MISSED")


def rate(phase):
    """Tokens a second of a phase."""
    return phase["tokens"] / statistics.median(phase["seconds"])


def measures(side):
    """Every figure of one side in one round, by name; `_tok_s` is better when higher."""
    found = {
        "load_s": side["load_s"],
        "compile_s": side["compile_s"],
        "peak_memory_mb": side["peak_memory_mb"],
    }
    if "cold" in side:
        found["first_verdict_cold_s"] = side["cold"]["wall_s"]
    if "prefill" in side:
        found["prefill_tok_s"] = rate(side["prefill"])
    for batch, phase in side.get("decode", {}).items():
        found["decode_b%s_tok_s" % batch] = rate(phase)
        found["generate_b%s_s" % batch] = statistics.median(phase["total_s"])
    for phase in ("shared_prefix", "shared_prefix_batched"):
        if phase in side:
            found[phase + "_s"] = statistics.median(side[phase]["seconds"])
    return found


def figures(rounds):
    """The median of every figure over the rounds of one side."""
    each = [measures(side) for side in rounds]
    return {key: round(statistics.median(one[key] for one in each), 4) for key in each[0]}


def compare(rounds, peer):
    """How many times faster (or smaller) Janus is than peer: the median over the rounds."""
    collected = {}
    for one in rounds:
        janus, other = measures(one["janus"]), measures(one[peer])
        for key, value in janus.items():
            if key not in other or not value or not other[key]:
                continue
            name = re.sub("_cold_s$|_tok_s$|_mb$|_s$", "", key)
            collected.setdefault(name, []).append(value / other[key] if key.endswith("_tok_s") else other[key] / value)
        if "shared_prefix_s" in janus and "shared_prefix_batched_s" in other:
            # Janus has one way of reading findings that share a prefix: the same figure stands against both.
            collected.setdefault("shared_prefix_batched", []).append(
                other["shared_prefix_batched_s"] / janus["shared_prefix_s"])
        if "shared_prefix_s" in janus and "shared_prefix_s" in other:
            # A whole run: loading and compiling are paid once.
            compiling = one["janus"]["shared_prefix"].get("compile_s", janus["compile_s"])
            whole = janus["load_s"] + compiling + janus["shared_prefix_s"]
            collected.setdefault("shared_prefix_cold", []).append((other["load_s"] + other["shared_prefix_s"]) / whole)
    return {name: statistics.median(values) for name, values in collected.items()}


def agreement(janus, peer):
    """Rows whose greedy ids are the same on both sides, as "same/all", by phase."""
    found = {}
    pairs = [("decode_b" + batch, phase, peer["decode"].get(batch)) for batch, phase in janus.get("decode", {}).items()]
    pairs.append(("shared_prefix", janus.get("shared_prefix"), peer.get("shared_prefix")))
    for name, ours, theirs in pairs:
        if ours and theirs:
            same = sum(a == b for a, b in zip(ours["ids"], theirs["ids"]))
            found[name] = "%d/%d" % (same, len(theirs["ids"]))
    return found


def without_ids(value):
    """value without the generated ids, which are long and told by agreement."""
    if isinstance(value, dict):
        return {key: without_ids(inner) for key, inner in value.items() if key != "ids"}
    return value
