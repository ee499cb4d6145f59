"""`make bench-peers`: the other Python programs that read an 834, side by side on the same file.

Each is installed by its name into an environment of its own under `var/peers`, with what it needs,
and is asked for the least of its calls that goes through the whole file. What they do with it is
told beside their figures: only pyx12 judges the file as we do.
"""

import argparse
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import report
from benchmarks.files import enrollment_file
from benchmarks.measure import Usage, run

_SECTION = "# Beside other programs"
_HOW = (
    "The same file of {members:,} members, start-up included, medians of {runs}, one command at a "
    "time. Ours judges (SNIP 1-5) and makes the verdict of TA1 and 999; `--workers 1` is one "
    "process, as theirs are. linuxforhealth-x12 refuses what the guide asks for (INS08 AC, REF*6O, "
    "an NM1*31 without a name), so it reads a copy in which these are others; badX12 asks Python "
    "for a name that went with 3.10, and is given it. databricksx12 is on no package registry, so "
    "it is not here."
)
_PYX12 = "pyx12 (x12valid)"


@dataclass(frozen=True)
class Peer:
    """A program: how it is told to read a file (`argv[1]`), and what it does with it."""

    name: str
    needs: tuple[str, ...]  # none: it is in our own environment
    does: str
    script: str = ""
    instead: tuple[tuple[bytes, bytes], ...] = ()  # what it reads in place of what it refuses


PEERS = (
    Peer(
        "linuxforhealth-x12 0.57.0",
        ("linuxforhealth-x12==0.57.0", "pydantic==1.10.24"),
        "a model of objects for each transaction set; counts and envelopes are not judged",
        "import sys\n"
        "from linuxforhealth.x12.io import X12ModelReader\n"
        "with X12ModelReader(sys.argv[1]) as reader:\n"
        "    assert sum(1 for _ in reader.models()) > 0\n",
        (
            (b"***AC~", b"***FT~"),
            (b"~REF*6O*", b"~REF*ZZ*"),
            (b"~NM1*31*1~", b"~NM1*31*1*LOZANO~"),
        ),
    ),
    Peer(
        "badX12 0.2.2",
        ("badX12==0.2.2",),
        "segments and elements as objects; nothing is judged",
        "import collections.abc, sys\n"
        "collections.Iterable = collections.abc.Iterable\n"
        "from badx12 import Parser\n"
        "assert Parser().parse_document(sys.argv[1])\n",
    ),
)


def main() -> None:
    """Measures, prints the table, and writes it to `benchmarks/RESULTS.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", required=True, help="printed in the results")
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    path = enrollment_file(Path("var/benchmarks"), options.members)
    commands = dict(_commands(path))
    taken: dict[str, list[Usage]] = {name: [] for name in commands}
    for _ in range(options.runs):
        for name, command in commands.items():
            # x12valid hands True to sys.exit when it is done, which makes 1.
            taken[name].append(run(command, done=int(name == _PYX12)))
    section = "\n\n".join(
        (
            _SECTION,
            f"Measured on {options.date} by `make bench-peers`.",
            report.machine(),
            _HOW.format(members=options.members, runs=options.runs),
            _table(taken, options.members),
        )
    )
    report.put_section(_SECTION, section)
    print(section)


def _copy(path: Path, peer: Peer) -> Path:
    """The file as the peer can read it."""
    if not peer.instead:
        return path
    copy = path.with_name(f"{path.stem}-{peer.name.replace(' ', '-')}.834")
    content = path.read_bytes()
    for refused, taken in peer.instead:
        content = content.replace(refused, taken)
    copy.write_bytes(content)
    return copy


def _commands(path: Path) -> Iterator[tuple[str, list[str | Path]]]:
    own = Path(sys.executable).parent
    check: list[str | Path] = [own / "edi834", "check", "--workers"]
    yield "edi834 check --workers 1", [*check, "1", path]
    yield "edi834 check --workers 2", [*check, "2", path]
    yield _PYX12, [own / "x12valid", path]
    for peer in PEERS:
        yield peer.name, [_environment(peer), "-c", peer.script, _copy(path, peer)]


def _environment(peer: Peer) -> Path:
    """The Python of an environment that holds the peer."""
    folder = Path("var/peers") / peer.name.replace(" ", "-")
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *peer.needs], check=True)
        (folder / "ready").touch()
    return python.absolute()


def _table(taken: dict[str, list[Usage]], members: int) -> str:
    does = {
        "edi834 check --workers 1": "all of it, in one process",
        "edi834 check --workers 2": "all of it, in two processes",
        _PYX12: "judges envelope, loops, elements and codes; TA1 and 999",
        **{peer.name: peer.does for peer in PEERS},
    }
    rows = []
    for name, usages in taken.items():
        seconds = median(usage.wall_seconds for usage in usages)
        peak = max(usage.peak_bytes for usage in usages)
        cells = (f"{seconds:.2f}", f"{members / seconds:,.0f}", f"{peak / 1e6:,.0f}")
        rows.append((name, *cells, does[name]))
    return report.table(("command", "seconds", "members/s", "peak MB", "what"), rows)


if __name__ == "__main__":
    main()
