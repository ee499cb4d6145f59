"""The writer of X12: columns of elements in, the bytes of an interchange out.

A column of segments is one Arrow array: one segment a row, null where the row has none. Elements
are joined column by column, so a file of a hundred thousand sets costs a few dozen array
operations. The pieces are then put in file order, and the character buffer of that last array is
the file.

What may stand in an element is `plain_text.py`: everything we send is ASCII.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replies.plain_text import one_array, plain
from schemas.errors import Terminal
from schemas.partners import Exchange, InterchangeFacts, Partner

LARGEST_CONTROL_NUMBER = 999_999_999
ISA_BYTES = 106
IDENTIFIER_WIDTH = 15  # ISA06, ISA08

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Envelope:
    """Who writes to whom, under which interchange control number (ISA13), and when."""

    partner: Partner
    exchange: Exchange
    interchange_control_number: int
    created_at: datetime

    def __post_init__(self) -> None:
        if self.created_at.tzinfo is None:
            raise Terminal("An envelope's created_at has no time zone. Pass an aware datetime.")
        if not 1 <= self.interchange_control_number <= LARGEST_CONTROL_NUMBER:
            raise Terminal(
                f"Interchange control number {self.interchange_control_number} does not fit "
                "ISA13. Take it from the ledger."
            )
        if len(self.partner.trading_partner_id) > IDENTIFIER_WIDTH:
            raise Terminal(
                f"trading_partner_id of partner {self.partner.id} is longer than "
                f"{IDENTIFIER_WIDTH} characters. Correct the partner's file."
            )

    @property
    def local_time(self) -> datetime:
        """The moment of creation on the exchange's clock, for ISA09-10, GS04-05 and BGN03-04."""
        return self.created_at.astimezone(ZoneInfo(self.exchange.time_zone))


@dataclass(frozen=True)
class ControlNumbers:
    """The GS06 and ST02 of one outgoing interchange, in file order, as the ledger gave them."""

    groups: Sequence[int]
    sets: Sequence[int]

    def require(self, groups: int, sets: int) -> None:
        """Raises Terminal unless there are exactly as many numbers as there are envelopes."""
        if (len(self.groups), len(self.sets)) != (groups, sets):
            raise Terminal(
                f"{groups} group and {sets} set control numbers are needed, "
                f"{len(self.groups)} and {len(self.sets)} were given. Count before you allot."
            )
        for number in (*self.groups, *self.sets):
            if not 1 <= number <= LARGEST_CONTROL_NUMBER:
                raise Terminal(f"Control number {number} does not fit GS06 and ST02.")


@dataclass(frozen=True)
class Composer:
    """Makes columns of `rows` segments with the exchange's delimiters."""

    facts: InterchangeFacts
    rows: int

    def text(self, column: pa.Array | pa.ChunkedArray) -> pa.Array:
        """The column as elements may hold it; what is blank afterwards is null."""
        return clean_text(column, self.facts)

    def segment(
        self,
        identifier: str,
        *elements: pa.Array | str | None,
        when: pa.Array | pa.ChunkedArray | None = None,
    ) -> pa.Array:
        """One segment a row with its terminator, null where `when` is false or null.

        Empty elements at the end are left out, as X12 demands. Elements come from `text` or
        from our own numbers and dates: they hold no delimiter.
        """
        separator = self.facts.element_separator
        cells = [_large(identifier), *(_large(element) for element in elements)]
        joined = pc.binary_join_element_wise(
            *cells, _large(separator), null_handling="replace", null_replacement=""
        )
        if isinstance(joined, pa.Scalar):
            joined = pa.repeat(joined, self.rows)
        trimmed = pc.ascii_rtrim(joined, characters=separator)
        ended = pc.binary_join_element_wise(
            trimmed, _large(self.facts.segment_terminator), _large("")
        )
        if when is None:
            return ended
        written = pc.fill_null(one_array(when), False)
        return pc.if_else(written, ended, pa.scalar(None, pa.large_string()))


def clean_text(column: pa.Array | pa.ChunkedArray, facts: InterchangeFacts) -> pa.Array:
    """The column without delimiters, control characters and letters outside ASCII."""
    return plain(column, delimiters(facts))


def delimiters(facts: InterchangeFacts) -> str:
    """The four delimiters of an exchange, which no element may hold."""
    return (
        facts.element_separator
        + facts.component_separator
        + facts.repetition_separator
        + facts.segment_terminator
    )


def dates(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column of dates as CCYYMMDD."""
    return pc.cast(pc.strftime(one_array(column), "%Y%m%d"), pa.large_string())


def numbers(values: Rows | Sequence[int] | pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column of whole numbers without leading zeros (N0)."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return pc.cast(one_array(values), pa.large_string())
    return pc.cast(pa.array(np.asarray(values, dtype=np.int64)), pa.large_string())


def set_control_numbers(values: Sequence[int]) -> pa.Array:
    """ST02 as we write it: nine digits, zeros in front."""
    return pc.utf8_lpad(numbers(values), width=9, padding="0")


def count_segments(columns: Sequence[pa.Array]) -> Rows:
    """How many of the columns' segments each row has."""
    present = [pc.is_valid(column).to_numpy(zero_copy_only=False) for column in columns]
    counted: Rows = np.sum(present, axis=0, dtype=np.int64)
    return counted


def join_segments(columns: Sequence[pa.Array]) -> pa.Array:
    """The segments of each row as one text, absent ones left out."""
    return pc.binary_join_element_wise(
        *columns, _large(""), null_handling="replace", null_replacement=""
    )


def in_file_order(pieces: Sequence[tuple[Rows, pa.Array]]) -> bytes:
    """The texts of all pieces as bytes, ordered by their keys; equal keys keep their order."""
    keys = np.concatenate([keys for keys, _ in pieces])
    texts = pa.concat_arrays([texts for _, texts in pieces])
    ordered = texts.take(pa.array(np.argsort(keys, kind="stable")))
    return _characters(ordered)


def open_interchange(envelope: Envelope, *, acknowledgment_requested: bool) -> bytes:
    """ISA, 106 bytes (CMS guide 7.2, table 12; X12 control segments 00501)."""
    partner, facts = envelope.partner, envelope.exchange.interchange
    elements = (
        "ISA",
        *("00", " " * 10, "00", " " * 10),
        *(partner.interchange_qualifier, partner.trading_partner_id.ljust(IDENTIFIER_WIDTH)),
        *(facts.qualifier, facts.exchange_id.ljust(IDENTIFIER_WIDTH)),
        f"{envelope.local_time:%y%m%d}",
        f"{envelope.local_time:%H%M}",
        *(facts.repetition_separator, facts.version),
        f"{envelope.interchange_control_number:09d}",
        "1" if acknowledgment_requested else "0",
        *(partner.usage_indicator, facts.component_separator),
    )
    header = (facts.element_separator.join(elements) + facts.segment_terminator).encode("ascii")
    if len(header) != ISA_BYTES:
        raise Terminal(
            f"ISA for partner {partner.id} would have {len(header)} bytes, not {ISA_BYTES}. "
            f"Check the interchange facts of exchange {envelope.exchange.id} and of the partner."
        )
    return header


def close_interchange(envelope: Envelope, group_count: int) -> bytes:
    """IEA with the number of functional groups that were written."""
    facts = envelope.exchange.interchange
    elements = ("IEA", str(group_count), f"{envelope.interchange_control_number:09d}")
    return (facts.element_separator.join(elements) + facts.segment_terminator).encode("ascii")


def _large(cell: pa.Array | str | None) -> pa.Array | pa.Scalar:
    if cell is None or isinstance(cell, str):
        return pa.scalar(cell or "", pa.large_string())
    return cell


def _characters(texts: pa.Array) -> bytes:
    """The character buffer of a column without nulls: its rows, one after the other."""
    if not len(texts):
        return b""
    _, offsets, characters = texts.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64)
    first, last = int(bounds[texts.offset]), int(bounds[texts.offset + len(texts)])
    if first == last:
        return b""
    content: bytes = characters.slice(first, last - first).to_pybytes()
    return content
