"""Runs the sides of the bench as processes and reads what they print."""

import json
import os
import subprocess
import sys
import tempfile
import time


def run_timed(command, environment=None):
    """Runs command; returns (what it printed, {"wall_s": …, "peak_memory_mb": …})."""
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit("bench: %s ended with status %d" % (" ".join(command), process.returncode))
        out.seek(0)
        # ru_maxrss is in kilobytes on Linux.
        return out.read().decode(), {"wall_s": wall, "peak_memory_mb": usage.ru_maxrss / 1024}


def run_side(command, environment=None):
    """Runs one side; returns the object that it printed, with wall_s and peak_memory_mb."""
    printed, cost = run_timed(command, environment)
    try:
        return dict(json.loads(printed), **cost)
    except ValueError as problem:
        sys.exit("bench: %s printed no JSON object (%s): %.200r" % (" ".join(command), problem, printed))
