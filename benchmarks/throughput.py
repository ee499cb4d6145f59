"""`make bench`: how fast and how small `edi834 check` is, beside pyx12 and the machine's bounds.

Nothing here passes or fails: times are for people to read, in `benchmarks/RESULTS.md`.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import linear_regression, median

from benchmarks import report
from benchmarks.bounds import bounds
from benchmarks.files import enrollment_file, partner
from benchmarks.measure import Usage, run
from benchmarks.report import Line
from benchmarks.stages import stage_seconds

_SECTION = "# Throughput of `edi834 check`"
_GIGABYTE_MEMBERS = 1_270_000
_STAGED_MEMBERS = 100_000
_PEER_MEMBERS = 10_000  # pyx12 takes about a minute for them
_BIN = Path(sys.executable).parent
_WITH_PARTNER = "edi834 check --workers 2 --partner P"  # SNIP 7 too


@dataclass(frozen=True)
class Plan:
    """What to measure: sizes in members, and how often."""

    folder: Path
    sizes: tuple[int, ...]
    rounds: int
    peer_sizes: tuple[int, ...]


def main() -> None:
    """Measures, prints the tables, and writes them to `benchmarks/RESULTS.md`."""
    plan, date = _arguments()
    lines, peers = _measure(plan)
    sections = [
        f"{_SECTION}\n\nMeasured on {date} by `make bench`.",
        report.machine(),
        _whole_command(lines, peers),
        _growth(lines, plan),
        _bounds(plan),
        _stages(plan),
    ]
    text = "\n\n".join(sections) + "\n"
    report.put_section(_SECTION, text)
    print(text)


def _arguments() -> tuple[Plan, str]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", required=True, help="printed in the results")
    parser.add_argument("--folder", type=Path, default=Path("var/benchmarks"))
    parser.add_argument("--sizes", type=int, nargs="+", default=(10_000, 100_000, 1_000_000))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--full", action="store_true", help="pyx12 on 100,000 members too: about nine minutes"
    )
    given = parser.parse_args()
    peer_sizes = (_PEER_MEMBERS, 100_000) if given.full else (_PEER_MEMBERS,)
    return Plan(given.folder, tuple(given.sizes), given.rounds, peer_sizes), given.date


def _measure(plan: Plan) -> tuple[list[Line], dict[int, Line]]:
    """The lines of all commands, and those of pyx12 by size."""
    lines: list[Line] = []
    peers: dict[int, Line] = {}
    for members in plan.sizes:
        path = enrollment_file(plan.folder, members)
        commands = {f"edi834 check --workers {count}": _check(path, count) for count in (1, 2)}
        commands[_WITH_PARTNER] = (*_check(path, 2), "--partner", partner().id)
        if members in plan.peer_sizes:
            commands["x12valid"] = ("x12valid", path)
        measured = _in_turns(path, commands, plan.rounds)
        lines += measured
        peers |= {line.members: line for line in measured if line.command == "x12valid"}
        lines.append(_with_tables(path, members))
    path = enrollment_file(plan.folder, _GIGABYTE_MEMBERS)
    command = (*_check(path, 2), "--partner", partner().id)
    lines.append(_line(path, _GIGABYTE_MEMBERS, _WITH_PARTNER, [_run(command)]))
    return lines, peers


def _check(path: Path, workers: int) -> tuple[str | Path, ...]:
    return ("edi834", "check", path, "--workers", str(workers))


def _run(command: Sequence[str | Path]) -> Usage:
    # x12valid hands True to sys.exit when it is done, which makes 1.
    done = 1 if command[0] == "x12valid" else 0
    return run((_BIN / command[0], *command[1:]), done)


def _in_turns(path: Path, commands: dict[str, tuple[str | Path, ...]], rounds: int) -> list[Line]:
    """All commands round by round, so that none has the machine at another hour."""
    taken: dict[str, list[Usage]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            taken[name].append(_run(command))
    members = int(path.stem.split("-")[1])
    return [_line(path, members, name, usages) for name, usages in taken.items()]


def _line(path: Path, members: int, command: str, usages: Sequence[Usage]) -> Line:
    return Line(members, path.stat().st_size, command, tuple(usages))


def _with_tables(path: Path, members: int) -> Line:
    """One run that also writes all tables as Parquet."""
    out = Path(tempfile.mkdtemp(dir=path.parent))
    try:
        usage = _run((*_check(path, 2), "--out", out))
    finally:
        shutil.rmtree(out)
    return _line(path, members, "edi834 check --workers 2 --out DIR", [usage])


def _whole_command(lines: list[Line], peers: dict[int, Line]) -> str:
    largest = peers[max(peers)]
    return (
        "## The whole command\n\n"
        "Start-up included, medians, the file in the cache of the file system. The ratio compares "
        f"members per second with pyx12 on the same file, or on that of {largest.members:,} "
        "members. Peak memory is that of all processes together.\n\n"
        + report.throughput(lines, peers, largest)
    )


def _growth(lines: list[Line], plan: Plan) -> str:
    """The exponent of growth: least squares on the logarithms, start-up taken off."""
    one = enrollment_file(plan.folder, 1)
    begun = [_run(_check(one, 1)) for _ in range(plan.rounds)]
    start_up = median(usage.cpu_seconds for usage in begun)
    alone = [line for line in lines if line.command == "edi834 check --workers 1"]
    slope = linear_regression(
        [log(line.members) for line in alone],
        [log(line.cpu_seconds - start_up) for line in alone],
    ).slope
    return (
        f"Start-up takes {start_up:.2f} s of processor time. From {alone[0].members:,} to "
        f"{alone[-1].members:,} members the rest grows with the power {slope:.3f} of the members "
        "(one process; least squares on the logarithms)."
    )


def _bounds(plan: Plan) -> str:
    path = enrollment_file(plan.folder, _STAGED_MEMBERS)
    megabytes = path.stat().st_size / 1e6
    rows = [
        (name, f"{median(taken):.3f}", f"{megabytes / median(taken):,.0f}")
        for name, taken in bounds(path, plan.rounds).items()
    ]
    return f"## The same {megabytes:.0f} MB without any check\n\n" + report.table(
        ("what", "seconds", "MB/s"), rows
    )


def _stages(plan: Plan) -> str:
    path = enrollment_file(plan.folder, _STAGED_MEMBERS)
    spent = stage_seconds(path)
    rows = [(name, f"{taken:.2f}", f"{taken / spent['all']:.0%}") for name, taken in spent.items()]
    return (
        f"## Where the time goes\n\nProcessor time for {_STAGED_MEMBERS:,} members in one process, "
        "with a partner's terms, all tables made and none written. Without `--out` the last two "
        "tables are not made.\n\n" + report.table(("stage", "CPU s", "share"), rows)
    )


if __name__ == "__main__":
    main()
