"""What people see in a terminal: tables, progress, one-line failures. Plain lines elsewhere."""

import errno
import itertools
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from logging import WARNING
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

import click
from rich import box
from rich.console import Console, JustifyMethod
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # every command draws here, and few of them need what is drawn
    from pipeline.show_command import Line
    from schemas.catalog import Rule
    from validators.check import Checked, Tell

_PLAIN_WIDTH = 120  # where there is no terminal that has a width


class _StandardError:
    """Standard error. What it does not take is lost: no night ends for want of a place to tell."""

    def write(self, text: str) -> int:
        """Writes what can be written."""
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """Flushes what can be flushed."""
        with suppress(OSError, ValueError):
            sys.stderr.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(sys.stderr, name)


_ERR = cast(TextIO, _StandardError())

# No markup: sentences, paths and names hold square brackets of their own.
out = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
err = Console(
    file=_ERR,
    highlight=False,
    markup=False,
    width=None if sys.stderr.isatty() else _PLAIN_WIDTH,
)

_SHOW_PROGRESS_BYTES = 5_000_000
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_COLOURS = {"reject": "red", "error": "red", "warning": "yellow", "info": "dim"}


def visible(text: str) -> str:
    """The text with a sign for each control character: a received file must not steer a terminal.

    So too for bytes of a file name that are no UTF-8, which cannot be printed.
    """
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def table_of(
    title: str,
    rows: Sequence[Mapping[str, str]],
    *,
    in_title: Collection[str] = (),
    right: Collection[str] = (),
) -> Table:
    """Rows with the same names as a table, in which no id is broken apart.

    A column of `in_title` that says the same in every row is told there instead, and a column that
    says nothing is left out.
    """
    columns: dict[str, set[str]] = {}
    for row in rows:
        for name, cell in row.items():
            columns.setdefault(name, set()).add(cell)
    same = {name: columns[name] for name in in_title if len(columns.get(name, ())) == 1}
    heading = ", ".join([title, *(f"{name} {cell}" for name, (cell,) in same.items() if cell)])
    table = Table(title=heading, title_justify="left")
    shown = [name for name, cells in columns.items() if name not in same and cells != {""}]
    for name in shown:
        words = any(" " in cell for cell in columns[name])
        justify: JustifyMethod = "right" if name in right else "left"
        table.add_column(name, justify=justify, no_wrap=not words, overflow="fold")
    for row in rows:
        table.add_row(*(row[name] for name in shown))
    return table


def fail(sentence: str) -> None:
    """Says in one line on standard error what failed."""
    err.print(f"edi834: {visible(sentence)}", soft_wrap=True)


def fail_by_system(error: OSError, path: Path | None = None) -> None:
    """An error of the operating system as where, what, and what to do."""
    where = error.filename or path or "This machine"
    if error.errno == errno.ESPIPE or str(where) == "-":
        fail(f"{where} is no file on a disk. Store what comes through it in one, and name that.")
        return
    remedy = "Make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "Correct the path"
    fail(f"{where}: {error.strerror}. {remedy}.")


def mark(holds: bool) -> Text:
    """Yes or NO, as a cell of a table."""
    return Text("yes") if holds else Text("NO", style="red")


def silence_logs(least: int = WARNING) -> None:
    """Log lines on standard error, key=value: warnings, or what is at least as bad as `least`.

    For commands that show progress.
    """
    import structlog  # not for commands that log nothing: it takes long to load

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=28),
        ],
        logger_factory=structlog.PrintLoggerFactory(_ERR),
        wrapper_class=structlog.make_filtering_bound_logger(least),
        cache_logger_on_first_use=False,
    )


@contextmanager
def byte_progress(path: Path) -> Iterator["Tell"]:
    """Something to tell how many bytes of a file are done: a bar for large files in a terminal."""
    size = path.stat().st_size if path.is_file() else 0
    if size < _SHOW_PROGRESS_BYTES or not err.is_terminal:
        yield lambda _: None
        return
    columns = (
        TextColumn(visible(path.name), markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("", total=size)
        yield lambda done: progress.update(task, completed=done)


def show_checked(path: Path, checked: "Checked") -> None:
    """A summary that a steward can read: the verdict, what was in the file, the worst first."""
    from pipeline.check_command import worst_issues
    from schemas.catalog import load_rules

    verdict, counts = checked.verdict, checked.counts
    sets = verdict.set_verdicts["ack"].to_pylist()
    summary = f": {verdict.file_verdict.replace('_', ' ')}"
    out.print(Text.assemble((visible(str(path)), "bold"), summary), soft_wrap=True)
    out.print(
        f"  {counts['members']:,} members in {len(sets):,} transaction sets "
        f"({sets.count('R'):,} rejected), {counts['segments']:,} segments"
    )
    rules = load_rules()
    for row in worst_issues(verdict.issues):
        rule = rules[row["rule"]]
        often = f", {row['count_all']:,} times" if row["count_all"] > 1 else ""
        segment, message = visible(row["segment_id_first"]), visible(row["message_first"])
        place = f"first in segment {segment} at byte {row['byte_start_first']:,}"
        severity = (row["severity"], _COLOURS[row["severity"]])
        out.print(Text.assemble("  ", severity, f" {message}"), soft_wrap=True)
        out.print(f"    {place}{often}. Rule {rule.id}. {rule.fix}", soft_wrap=True)


def show_rules(rules: list["Rule"]) -> None:
    """Rules as a table: what each is called, how severe it is, what it earns, its source."""
    from pipeline.rules_command import answer

    table = Table("rule", "severity", "SNIP", "answer", "source", box=box.SIMPLE_HEAD)
    for column in table.columns[:-1]:
        column.no_wrap = True
    for rule in rules:
        severity = Text(rule.severity, _COLOURS[rule.severity])
        snip = str(rule.snip or "")
        table.add_row(rule.id, severity, snip, answer(rule), rule.source)
    out.print(table)


def show_rule(rule: "Rule") -> None:
    """The whole row of a rule, for reading."""
    from pipeline.rules_command import facts, sentence

    out.print(Text.assemble((rule.id, "bold")))
    out.print(f"  {sentence(rule)}", soft_wrap=True)
    table = Table.grid(padding=(0, 2))
    for label, text in facts(rule):
        table.add_row("", label, text)
    out.print(table)


@contextmanager
def doing(sentence: str) -> Iterator[Callable[[str], None]]:
    """Says what is being done: a spinner for people, a line elsewhere; yields how to say more."""
    if not err.is_terminal:
        err.print(sentence)
        yield lambda more: err.print(f"  {more}")
        return
    with err.status(sentence) as status:
        yield lambda more: status.update(f"{sentence}: {more}")


def show_lines(lines: Iterator["Line"]) -> bool:
    """Lines of a tree, through a pager for people. False when there was none."""
    texts = (f"{_marked(line)}\n" for line in lines)
    first = next(texts, None)
    if first is None:
        return False
    everything = itertools.chain([first], texts)
    if out.is_terminal:
        click.echo_via_pager(everything)
    else:
        sys.stdout.writelines(everything)
    return True


def _marked(line: "Line") -> str:
    text = "  " * line.depth + visible(line.text)
    if line.severity is None or not out.is_terminal:
        return text
    return click.style(text, fg="red" if line.severity in ("reject", "error") else "yellow")
