"""An answer of the exchange: its format, and what it must say of the file that it answers."""

import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from parsers.discrepancies import read_discrepancies
from parsers.monthly_issues import issues, refuses, together
from parsers.rcni import read_rcni
from parsers.rcno import Answered, read_rcno
from pipeline.wiring import House
from schemas import monthly_tables
from schemas.monthly_answers import load_discrepancy, load_rcno
from schemas.monthly_exchanges import MonthlyExchange
from schemas.monthly_layouts import load_rcni
from schemas.partners import Partner


@dataclass(frozen=True)
class AnswerFormat:
    """How an exchange answers: the reader, and what of the book is behind each field."""

    id: str
    version: str  # with the id
    read: Callable[[bytes, Partner], Answered]
    dollars: tuple[str, ...] = ()  # fields whose difference is money of each month
    told_by: dict[str | None, tuple[str, str | None]] = field(default_factory=dict)


def format_of(month: MonthlyExchange) -> AnswerFormat:
    """The format in which that exchange answers."""
    if month.answer == "rcno":
        layout = load_rcno(month.answer)
        fields = layout.triplets.fields
        return AnswerFormat(
            layout.id,
            f"{layout.id} {layout.version}",
            lambda content, partner: read_rcno(content, layout, partner),
            tuple(one.name for one in fields if one.dollars),
            {one.name: (one.told_by, one.amount) for one in fields},
        )
    columns = load_discrepancy(month.answer)
    return AnswerFormat(
        columns.id,
        f"{columns.id} {columns.version}",
        lambda content, _: read_discrepancies(content, columns),
        told_by=dict.fromkeys(columns.reasons.values(), ("member", None)),
    )


def read_answer(content: bytes | None, form: AnswerFormat, partner: Partner) -> Answered:
    """What the file says; `content` is None where it could not be unpacked."""
    if content is None:
        return _nothing(issues("month-packed", [None]))
    return form.read(content, partner)


def unpacked(content: bytes, most_bytes: int) -> bytes | None:
    """The content without gzip or xz around it: a packed copy is the same file.

    None when it is damaged, cut off, or longer than the settings allow.
    """
    try:
        if content.startswith(b"\x1f\x8b"):
            packed = zlib.decompressobj(wbits=31)
            found = packed.decompress(content, most_bytes + 1)
            whole = packed.eof
        elif content.startswith(b"\xfd7zXZ"):
            unpacker = lzma.LZMADecompressor()
            found = unpacker.decompress(content, most_bytes + 1)
            whole = unpacker.eof
        else:
            return content
    except (zlib.error, lzma.LZMAError):
        return None
    return found if whole else None


def _nothing(found: pa.Table) -> Answered:
    return Answered(
        monthly_tables.RCNO_RECORDS.empty_table(),
        monthly_tables.RCNO_FIELDS.empty_table(),
        together([found]),
    )


def unlike_what_we_sent(house: House, asked: Any, answered: Answered) -> Answered:
    """The answer with what is wrong of it beside the RCNI `asked` (a row of month_file).

    Every record of ours is answered, once; a record that names one of ours speaks of its policy;
    and our dollars come back as we sent them.
    """
    with house.landing.open(asked["storage_key"]) as file:
        sent = read_rcni(file.read(), load_rcni(asked["layout"].split()[0])).records
    records = answered.records
    traced = records.filter(pc.is_valid(records["trace_number"]))
    place = pc.index_in(traced["trace_number"], sent["trace_number"].combine_chunks())
    policies = sent["exchange_policy_id"].take(place)
    is_ours = pc.fill_null(pc.equal(policies, traced["exchange_policy_id"]), False)
    found = [
        answered.issues,
        issues(
            "month-unknown-trace",
            traced["line"].filter(pc.invert(is_ours)).to_pylist(),
            load_rcno().trace_number,
        ),
    ]
    missing = sent.num_rows - traced.num_rows
    if missing:
        found.append(issues("month-unanswered", [None], None, f"{missing:,}"))
    for name, column in (("premium", "premium_total"), ("APTC", "aptc")):
        came_back = traced[f"issuer_{name.lower()}"]
        if _sum(came_back) != _sum(sent[column]):
            found.append(issues("month-echo", [None], None, name))
    whole = together(found)
    if refuses(whole):
        return _nothing(whole)
    return Answered(records, answered.fields, whole)


def _sum(amounts: pa.ChunkedArray) -> Decimal:
    return pc.sum(amounts.cast(pa.decimal128(38, 2))).as_py() or Decimal(0)
