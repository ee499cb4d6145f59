"""A member as three sides have it: the exchange's file, our book, and the carrier's records."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from enrollment.snapshot import policy_snapshot
from pipeline.matches_report import snapshot_record
from pipeline.wiring import House
from schemas.comparison import Kind, load_comparison
from strongroom.files import parquet

SIDES = ("file", "book", "carrier")
_AMOUNTS = {  # by the names of reporting categories (CMS guide 7.2, table 17)
    "premium_total": "PRE AMT TOT",
    "aptc": "APTC AMT",
    "csr": "CSR AMT",
    "responsible_amount": "TOT RES AMT",
    "individual_premium": "PRE AMT 1",
}
# The hour, or that of the last night where its clock is ahead, as in a demo.
_NOW = "SELECT greatest(clock_timestamp(), max(as_of)) FROM ledger.run"
_LAST_LOOK = """
SELECT max(run_id) FROM reconciliation.result WHERE partner_id = :partner_id
"""


@dataclass(frozen=True)
class Whom:
    """A member of a policy, and its place in a file of the exchange where there is one."""

    partner_id: str
    policy_id: str | None
    member_id: str | None
    file_id: int | None
    set_ordinal: int | None = None
    member_ordinal: int | None = None
    is_compared: bool = False  # by a night, whose two sides are shown


@dataclass(frozen=True)
class Field:
    """One field as each side has it; None where a side does not tell it. Dates are as ISO 8601."""

    name: str
    kind: Kind
    file: str | None
    book: str | None
    carrier: str | None

    @property
    def told(self) -> list[str]:
        """What the sides tell, as a reconciliation compares it."""
        values = (self.file, self.book, self.carrier)
        return [_compared(self.kind, value) for value in values if value is not None]

    @property
    def differs(self) -> bool:
        """Whether two sides that tell it tell something else."""
        return len(set(self.told)) > 1


@dataclass(frozen=True)
class Sides:
    """The fields that any side tells, in the order in which a reconciliation lists them.

    `known` are the sides that know the member at all.
    """

    known: tuple[str, ...]
    fields: list[Field]


def three_sides(house: House, conn: sa.Connection, whom: Whom) -> Sides:
    """What the file says, what our book has last accepted, and what the carrier has on record.

    The carrier's records are those of the last reconciliation, and of a break our book, too;
    otherwise the book is that of now. Whose id is blank is looked up by the place in the file.
    """
    told = _in_file(house.settings.tables_folder, whom)
    policy_id = whom.policy_id or told.get("exchange_policy_id")
    member_id = whom.member_id or told.get("exchange_member_id")
    book, carrier = {}, {}
    if policy_id and member_id:
        run_id = conn.execute(sa.text(_LAST_LOOK), {"partner_id": whom.partner_id}).scalar()
        folder = house.settings.reports_folder / str(run_id) / whom.partner_id / "reconciliation"
        if run_id is not None and (folder / "carrier").is_dir():
            carrier = snapshot_record(folder, "carrier", policy_id, member_id)
        if whom.is_compared and run_id is not None and (folder / "book").is_dir():
            book = snapshot_record(folder, "book", policy_id, member_id)
        else:
            book = _in_book(house, conn, whom.partner_id, policy_id, member_id)
    rows = dict(zip(SIDES, (told, book, carrier), strict=True))
    fields = [
        Field(one.name, one.kind, *(_text(rows[side].get(one.name)) for side in SIDES))
        for one in load_comparison().fields
    ]
    known = tuple(side for side in SIDES if rows[side])
    return Sides(known, [one for one in fields if one.told])


def _in_file(tables: Path, whom: Whom) -> dict[str, Any]:
    """The member as its transaction set tells it: nothing where the tables are not kept."""
    folder = tables / str(whom.file_id)
    if whom.file_id is None or not (folder / "members.parquet").is_file():
        return {}
    if whom.member_ordinal is not None:
        wanted = pc.field("member_ordinal") == whom.member_ordinal
    elif whom.policy_id and whom.member_id:
        wanted = (pc.field("exchange_policy_id") == whom.policy_id) & (
            pc.field("exchange_member_id") == whom.member_id
        )
    elif whom.set_ordinal is not None:
        wanted = pc.field("set_ordinal") == whom.set_ordinal
    else:
        return {}
    found = (
        pq.read_table(parquet(folder / "members.parquet"), filters=wanted).slice(0, 1).to_pylist()
    )
    if not found:
        return {}
    mine = pc.field("member_ordinal") == found[0]["member_ordinal"]
    coverages, categories = (
        pq.read_table(parquet(folder / f"{name}.parquet"), filters=mine).to_pylist()
        for name in ("coverages", "reporting_categories")
    )
    amounts = {row["name"]: row["value"] for row in categories}
    return {
        **(coverages[0] if coverages else {}),
        **{name: value for name, value in found[0].items() if value is not None},
        **{name: amounts.get(category) for name, category in _AMOUNTS.items()},
    }


def _in_book(
    house: House, conn: sa.Connection, partner_id: str, policy_id: str, member_id: str
) -> dict[str, Any]:
    """The member as a night would compare it now; nothing where the book has none."""
    now = conn.execute(sa.text(_NOW)).scalar_one()
    day = house.day_of(partner_id, now)
    rows = policy_snapshot(conn, partner_id, policy_id, now, day).to_pylist()
    return next((row for row in rows if row["exchange_member_id"] == member_id), {})


def of_work(work: str, row: Mapping[str, Any]) -> Whom:
    """Whom a case or a break is about."""
    places = ("set_ordinal", "member_ordinal") if work == "case" else ()
    return Whom(
        row["partner_id"],
        row["exchange_policy_id"],
        row["exchange_member_id"],
        row["file_id"],
        **{name: row[name] for name in places},
        is_compared=work == "break",
    )


def _compared(kind: Kind, value: str) -> str:
    """A value without what the kind of its comparison passes over."""
    if kind == "digits":
        return "".join(one for one in value if one.isdigit())
    if kind == "postal_code":
        return value[:5]
    if kind == "name":
        return "".join(one for one in value if one.isalnum()).casefold()
    if kind == "spans":
        return _periods(value)
    if kind == "money":
        return _cents(value)
    return value.strip().casefold()


def _cents(value: str) -> str:
    try:
        return str(Decimal(value).quantize(Decimal("0.01")))
    except InvalidOperation:
        return value


def _periods(spans: str) -> str:
    """Spans as periods: those that follow each other are one, an open one ends with its year."""
    periods: list[list[date]] = []
    for span in sorted(spans.split()):
        first, _, last = span.partition("/")
        begin = date.fromisoformat(first)
        end = date(begin.year, 12, 31) if last == ".." else date.fromisoformat(last)
        if periods and begin <= periods[-1][1] + timedelta(days=1):
            periods[-1][1] = max(periods[-1][1], end)
        else:
            periods.append([begin, end])
    return str(periods)


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    return value.isoformat() if isinstance(value, date) else str(value)
