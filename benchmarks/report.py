"""The results as Markdown tables."""

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.measure import Usage

RESULTS = Path(__file__).parent / "RESULTS.md"
_LIBRARIES = ("numpy", "pyarrow", "pyx12")


@dataclass(frozen=True)
class Line:
    """All runs of one command on one file."""

    members: int
    size_bytes: int
    command: str
    runs: tuple[Usage, ...]

    @property
    def seconds(self) -> float:
        """Median time on the wall."""
        return median(run.wall_seconds for run in self.runs)

    @property
    def cpu_seconds(self) -> float:
        """Median processor time."""
        return median(run.cpu_seconds for run in self.runs)


def machine() -> str:
    """One line each: processor and memory, system, libraries, and what else the machine did."""
    models = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return "\n".join(
        (
            f"- {len(os.sched_getaffinity(0))} cores, {models[0]}, {memory / 2**30:.0f} GiB",
            f"- {platform.system()} {platform.release()}, Python {platform.python_version()}",
            f"- {libraries}",
            f"- load average when the measurement ended: {os.getloadavg()[2]:.1f}",
        )
    )


def throughput(lines: Sequence[Line], peers: dict[int, Line], peer: Line) -> str:
    """Members per second; the ratio is to pyx12 on the same file, else on its largest one."""
    rows = []
    for line in lines:
        against = peers.get(line.members, peer)
        ratio = line.members / line.seconds / (against.members / against.seconds)
        fastest, slowest = (choose(run.wall_seconds for run in line.runs) for choose in (min, max))
        rows.append(
            (
                f"{line.members:,}",
                line.command,
                f"{line.seconds:.2f}",
                f"{fastest:.2f}-{slowest:.2f} ({len(line.runs)})",
                f"{line.cpu_seconds:.2f}",
                f"{line.members / line.seconds:,.0f}",
                f"{line.size_bytes / 1e6 / line.seconds:.2f}",
                f"{ratio:,.0f}",
                f"{max(run.peak_bytes for run in line.runs) / 1e6:,.0f}",
            )
        )
    titles = ("members", "command", "seconds", "min-max (runs)", "CPU s")
    return table((*titles, "members/s", "MB/s", "to pyx12", "peak MB"), rows)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but texts on the left are set to the right."""
    body = [titles, *rows]
    widths = [max(len(row[column]) for row in body) for column in range(len(titles))]
    texts = [title in ("command", "what", "stage") for title in titles]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if is_text else cell.rjust(width)
            for cell, width, is_text in zip(row, widths, texts, strict=True)
        ]
        return f"| {' | '.join(cells)} |"

    marks = ["-" * w if t else "-" * (w - 1) + ":" for w, t in zip(widths, texts, strict=True)]
    return "\n".join((line(titles), line(marks), *(line(row) for row in body[1:])))


def put_section(title: str, section: str) -> None:
    """Puts a section, with its title of the first level, into the results in place of the old one.

    The others stay as they are; a new one comes last.
    """
    text = RESULTS.read_text("utf-8") if RESULTS.exists() else ""
    parts = [f"# {part}".strip() for part in f"\n{text}".split("\n# ")[1:]]
    kept = {part.partition("\n")[0]: part for part in parts} | {title: section.strip()}
    RESULTS.write_text("\n\n".join(kept.values()) + "\n", "utf-8")
