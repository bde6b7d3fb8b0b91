"""Whole processes as a user starts them: time, throughput and memory.

python -m benchmarks.indexing STORE
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks.reporting import print_table, sample


def run(*words: str | Path) -> tuple[float, float, str]:
    """Seconds, peak memory of the process and all its workers in GB, and what it printed."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "shapesim", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    peaks = [0.0]
    watcher = threading.Thread(target=_watch, args=(process.pid, peaks))
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - began
    watcher.join()
    return seconds, peaks[0] / 1e9, output


def _watch(pid: int, peaks: list[float]) -> None:
    """Notes the largest sum of proportional memory: shared pages count once."""
    try:
        parent = psutil.Process(pid)
        while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
            family = [parent, *parent.children(recursive=True)]
            peaks[0] = max(peaks[0], sum(_memory(process) for process in family))
            time.sleep(0.2)
    except psutil.NoSuchProcess:
        pass


def _memory(process: psutil.Process) -> float:
    try:
        full = process.memory_full_info()
        return float(getattr(full, "pss", full.rss))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    options = parser.parse_args()
    query = sample(options.store, 1)[0]
    rows = [["shapesim --help", f"{run('--help')[0]:.2f} s", ""]]
    shares: list[list[str]] = []
    for space in ("shape", "both"):
        with tempfile.TemporaryDirectory() as folder:
            asked = ["--gallery", folder, "--by", space, "--json"]
            seconds, memory, output = run("index", options.store, *asked)
            again = run("index", options.store, *asked)
            swapped = run("swap", query, *asked)
        report = json.loads(output)
        count, failed = report["assets"], len(report["failed"])
        rate = f"{count / seconds:.1f} assets/s, {memory:.2f} GB in all processes"
        rows += [
            [f"index --by {space}, {count} assets, {failed} failed", f"{seconds:.1f} s", rate],
            ["  again, nothing changed", f"{again[0]:.2f} s", ""],
            [f"swap --by {space}, cold", f"{swapped[0]:.2f} s", ""],
        ]
        work = report["seconds"]
        total = sum(work.values())
        shares.append([space, *(f"{part:.0f} s ({part / total:.0%})" for part in work.values())])
    print_table("Whole processes", ["command", "time", ""], rows)
    print_table("Work while indexing, summed over workers", ["by", *work], shares)


if __name__ == "__main__":
    main()
