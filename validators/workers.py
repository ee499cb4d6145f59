"""The stretches of a file judged one after the other, or by several processes at once.

Threads would not help: gathers hold the interpreter lock. Parts come back in file order, and no
more than a few wait, so memory stays bounded.
"""

import gc
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa

from parsers.delimiters import Span
from parsers.loops import load_automaton
from parsers.packed import from_buffer, to_buffer
from parsers.reading import ReceivedFile, at_span
from parsers.tally import Cursor, Tally, tally_bytes
from schemas.declared_guide import guide_named
from schemas.guide import Guide
from schemas.limits import Limits
from schemas.rule_sets import RuleSet
from validators.business.checks import load_checks
from validators.element_table import element_kinds
from validators.parts import Part, check_part
from validators.processes import give_back_memory, keep_freed_memory, leave_pandas_out

WORTH_A_PROCESS_BYTES = 16_000_000  # below, starting processes takes longer than the work
_WAITING_PER_WORKER = 2


@dataclass(frozen=True)
class Work:
    """A file and what is asked of it."""

    path: Path
    wants_tables: bool
    limits: Limits
    rules: RuleSet

    def check(self, span: Span, before: Cursor) -> Part:
        """The part of one span."""
        return check_part(
            self._read(span), span, before, self.rules, wants_tables=self.wants_tables
        )

    def send(self, span: Span, before: Cursor) -> "_Sent":
        """The part of one span, for another process."""
        part = self.check(span, before)
        tables = {name: to_buffer(table) for name, table in part.tables.items()}
        return _Sent(replace(part, tables={}), tables)

    def tally(self, span: Span) -> Tally:
        """The tally of one span."""
        return tally_bytes(self._read(span), span.delimiters, guide_named(span.version).unit_id)

    def _read(self, span: Span) -> bytes:
        with self.path.open("rb") as file:
            file.seek(span.byte_start)
            return file.read(span.byte_end - span.byte_start)


@dataclass(frozen=True)
class _Sent:
    """A part on its way between processes, its tables as Arrow IPC streams."""

    part: Part
    tables: dict[str, pa.Buffer]

    def received(self) -> Part:
        tables = {name: from_buffer(buffer) for name, buffer in self.tables.items()}
        return replace(self.part, tables=tables)


def check_parts(received: ReceivedFile, work: Work, workers: int) -> Iterator[Part]:
    """The parts of all stretches, in file order, by that many processes."""
    keep_freed_memory()
    spans = list(received.spans(work.limits))
    if workers <= 1 or received.size_bytes < WORTH_A_PROCESS_BYTES:
        yield from _one_by_one(spans, work)
        return
    _load_for_all(work.rules, received.guide)
    context = get_context(_start_method())
    with ProcessPoolExecutor(workers, context, initializer=_begin_worker) as pool:
        cursors = _cursors(spans, list(pool.map(work.tally, spans)))
        waiting: deque[Future[_Sent]] = deque()
        for span, before in zip(spans, cursors, strict=True):
            if len(waiting) >= workers * _WAITING_PER_WORKER:
                yield waiting.popleft().result().received()
            waiting.append(pool.submit(partial(work.send, span, before)))
        while waiting:
            yield waiting.popleft().result().received()


def _load_for_all(rules: RuleSet, guide: Guide) -> None:
    """Loads what every process needs, once for all that are forked."""
    load_automaton(guide)
    load_checks(rules)
    element_kinds(guide)
    np.unique(np.zeros(0))  # with numpy.ma, which it loads when it is first asked


def _begin_worker() -> None:
    gc.freeze()  # what is loaded stays: it is not looked through for garbage, and stays shared
    keep_freed_memory()
    leave_pandas_out()


def _start_method() -> str:
    """Forking is quick, but would copy a caller's threads in the middle of what they do."""
    return "fork" if threading.active_count() == 1 else "spawn"


def _one_by_one(spans: list[Span], work: Work) -> Iterator[Part]:
    cursor = Cursor()
    for span in spans:
        cursor = at_span(cursor, span)
        part = work.check(span, cursor)
        yield part
        cursor = cursor.behind(part.tally)
    give_back_memory()


def _cursors(spans: list[Span], tallies: list[Tally]) -> Iterator[Cursor]:
    cursor = Cursor()
    for span, tally in zip(spans, tallies, strict=True):
        cursor = at_span(cursor, span)
        yield cursor
        cursor = cursor.behind(tally)
