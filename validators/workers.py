"""The stretches of a file judged by a crew: first counted, so that each knows what came before."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

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
from strongroom.files import Source
from validators.business.checks import load_checks
from validators.crews import Crew
from validators.element_table import element_kinds
from validators.parts import Part, check_part
from validators.processes import give_back_memory, keep_freed_memory


@dataclass(frozen=True)
class Work:
    """A file and what is asked of it."""

    source: Source
    wants_tables: bool
    limits: Limits
    rules: RuleSet

    def check(self, span: Span, before: Cursor, tally: Tally | None = None) -> Part:
        """The part of one span."""
        content, wants_tables = self._read(span), self.wants_tables
        return check_part(content, span, before, self.rules, wants_tables=wants_tables, tally=tally)

    def send(self, place: tuple[Span, Cursor, Tally]) -> "_Sent":
        """The part of one span behind what came before it, for another process."""
        part = self.check(*place)
        tables = {name: to_buffer(table) for name, table in part.tables.items()}
        return _Sent(replace(part, tables={}), tables)

    def tally(self, span: Span) -> Tally:
        """The tally of one span."""
        return tally_bytes(self._read(span), span.delimiters, guide_named(span.version).unit_id)

    def _read(self, span: Span) -> bytes:
        return self.source.read(span.byte_start, span.byte_end)


@dataclass(frozen=True)
class _Sent:
    """A part on its way between processes, its tables as Arrow IPC streams."""

    part: Part
    tables: dict[str, pa.Buffer]

    def received(self) -> Part:
        tables = {name: from_buffer(buffer) for name, buffer in self.tables.items()}
        return replace(self.part, tables=tables)


def check_parts(received: ReceivedFile, work: Work, crew: Crew) -> Iterator[Part]:
    """The parts of all stretches, in file order, by the crew where the file is worth one."""
    keep_freed_memory()
    spans = list(received.spans(work.limits))
    if not crew.is_worth(received.size_bytes):
        yield from _one_by_one(spans, work)
        return
    with crew.gathered(lambda: _load_for_all(work.rules, received.guide)) as in_order:
        tallies = list(in_order(work.tally, spans))
        cursors = _cursors(spans, tallies)
        for sent in in_order(work.send, zip(spans, cursors, tallies, strict=True)):
            yield sent.received()


def _load_for_all(rules: RuleSet, guide: Guide) -> None:
    """Loads what every process needs, once for all that are forked."""
    load_automaton(guide)
    load_checks(rules)
    element_kinds(guide)
    np.unique(np.zeros(0))  # with numpy.ma, which it loads when it is first asked


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
