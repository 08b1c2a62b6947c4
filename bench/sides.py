"""Runs the sides of the bench as processes and reads what they print."""

import json
import os
import subprocess
import sys
import tempfile
import time


def run_timed(command, environment=None, where=None, quiet=False):
    """Runs command in the folder where; returns (what it printed, {"wall_s": …, "peak_memory_mb": …}). If quiet, what it reports
    on its way is shown only where it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=errors if quiet else None, env=environment, cwd=where)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            sys.stderr.write(errors.read().decode(errors="replace"))
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
