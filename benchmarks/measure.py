"""What one command takes: time on the wall, processor time, and memory with all its processes."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLE_SECONDS = 0.1
# The kernel counts as a process's peak what its parent held when it was started, so a small process
# starts the command, and tells how it ended, its seconds and its peak in KiB.
_STARTER = """
import json, os, subprocess, sys, time
begun = time.perf_counter()
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
process = subprocess.Popen(sys.argv[1:], **quiet)
_, status, used = os.wait4(process.pid, 0)
wall = time.perf_counter() - begun
ended = os.waitstatus_to_exitcode(status)
print(json.dumps([ended, wall, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""


@dataclass(frozen=True)
class Usage:
    """Seconds and bytes that one run of a command took.

    `peak_bytes` is the largest sum, over the command and its children, of resident memory with
    shared pages divided among those who share them (PSS), looked at ten times a second, or the
    largest resident size of one process (RSS, counted by the kernel) where that is more.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


def run(command: Sequence[str | Path], done: int = 0) -> Usage:
    """The usage of a command that ends with exit code `done`; its output is dropped."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _STARTER, *map(str, command)],
        stdout=subprocess.PIPE,
        env=_with_compiled_modules(),
    )
    sampler = _Sampler(process.pid)
    sampler.start()
    told, _ = process.communicate()
    sampler.stop()
    ended, wall, cpu, peak_kib = json.loads(told)
    if ended != done:
        raise SystemExit(f"{command[0]} ended with exit code {ended}.")
    return Usage(wall, cpu, max(sampler.peak_bytes, peak_kib * 1024))


def _with_compiled_modules() -> dict[str, str]:
    """The environment, but Python keeps its compiled modules, as it does unless it is told not to.

    The first run of a command writes them, the others find them.
    """
    return {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class _Sampler(threading.Thread):
    """Looks at the memory of all descendants of a process until it is stopped."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak_bytes = 0
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(_SAMPLE_SECONDS):
            pids = _with_descendants(self.pid)[1:]
            self.peak_bytes = max(self.peak_bytes, sum(_shared_out_bytes(pid) for pid in pids))

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _with_descendants(pid: int) -> list[int]:
    found = [pid]
    for parent in found:  # grows while it is walked
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found.extend(int(child) for child in children.read_text().split())
            except OSError:  # the thread has ended
                continue
    return found


def _shared_out_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # the process has ended
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
