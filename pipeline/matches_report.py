"""What pairs look like: ids, weights and reasons; values only where somebody reveals them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.table import Table

from pipeline import terminal
from schemas.errors import Terminal
from strongroom.files import parquet

_SHOWN = (
    *("last_name", "first_name", "middle_name", "birth_date", "gender_code", "ssn"),
    *("address_line_1", "city", "postal_code", "relationship_code"),
    *("plan_id", "insurance_line", "benefit_begin", "benefit_end"),
)
Records = tuple[Mapping[str, Any], Mapping[str, Any]]


def as_object(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with dates as text."""
    return {
        name: value.isoformat() if isinstance(value, date | datetime) else value
        for name, value in row.items()
    }


def match_object(
    row: Mapping[str, Any], words: Iterable[Mapping[str, Any]], sides: Records | None
) -> dict[str, Any]:
    """One pair with the words about it; both records only where they are revealed."""
    shown = {**as_object(row), "words": [as_object(word) for word in words]}
    if sides is not None:
        shown |= {"book": as_object(sides[0]), "carrier": as_object(sides[1])}
    return shown


def both_records(reports: Path, row: Mapping[str, Any]) -> Records:
    """The two records as the last reconciliation that saw the pair has frozen them."""
    folder = reports / str(row["last_run_id"]) / row["partner_id"] / "reconciliation"
    book, carrier = (
        _shown(snapshot_record(folder, side, row[f"{side}_policy_id"], row[f"{side}_member_id"]))
        for side in _SIDES
    )
    return book, carrier


@dataclass(frozen=True)
class Compared:
    """One field of a pair as either record has it, as text; None where it does not tell it."""

    name: str
    book: str | None
    carrier: str | None

    @property
    def differs(self) -> bool:
        """Whether both tell it and tell something else, case aside."""
        if self.book is None or self.carrier is None:
            return False
        return self.book.strip().casefold() != self.carrier.strip().casefold()


def compared_records(reports: Path, row: Mapping[str, Any]) -> list[Compared]:
    """The fields of a pair side by side, those that either record tells."""
    book, carrier = (as_object(one) for one in both_records(reports, row))
    found = [
        Compared(name, *(None if one.get(name) in (None, "") else str(one[name]) for one in sides))
        for sides in [(book, carrier)]
        for name in _SHOWN
    ]
    return [one for one in found if one.book is not None or one.carrier is not None]


def _shown(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record.get(name) for name in _SHOWN} if record else {}


_SIDES = ("book", "carrier")


def snapshot_record(folder: Path, side: str, policy_id: str, member_id: str) -> dict[str, Any]:
    """A member's record in a snapshot of that side, below a reconciliation's folder; {} without."""
    path = folder / side / "members.parquet"
    keys = [("exchange_policy_id", "==", policy_id), ("exchange_member_id", "==", member_id)]
    if not path.is_file():
        raise Terminal(f"{path} is gone, so the records cannot be shown. Restore the reports.")
    found = pq.read_table(parquet(path), filters=keys).slice(0, 1).to_pylist()
    return found[0] if found else {}


def matches_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """One row a pair."""
    table = Table(title="Pairs without a common id", title_justify="left")
    for name in ("pair", "partner", "policy and member", "the carrier's", "how", "state"):
        table.add_column(name, overflow="fold")
    for name in ("weight", "next best"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            str(row["match_id"]),
            row["partner_id"],
            *(_ids(row, side) for side in _SIDES),
            row["how"],
            row["state"],
            _bits(row["weight"]),
            _bits(row["runner_up"]),
        )
    return table


def show_match(
    row: Mapping[str, Any], words: Iterable[Mapping[str, Any]], sides: Records | None
) -> None:
    """The pair for people: ids, state, weight with its reasons, and what was said of it."""
    terminal.out.print(
        f"Pair {row['match_id']} of {row['partner_id']}: member {_ids(row, 'book')} of the book, "
        f"record {_ids(row, 'carrier')} of the carrier. {row['state'].capitalize()}, by "
        f"{row['how']}; found {row['first_seen']:%Y-%m-%d}, last {row['last_seen']:%Y-%m-%d}.",
        soft_wrap=True,
    )
    if row["weight"] is not None:
        best = _bits(row["runner_up"]) or "there is none"
        terminal.out.print(f"Weight: {_bits(row['weight'])} bits; next best pair: {best}.")
        for reason in row["reasons"] or ():
            terminal.out.print(f"  {reason}")
    for word in words:
        terminal.out.print(
            f"{word['at']:%Y-%m-%d %H:%M} {word['word']}, by {terminal.visible(word['person'])}: "
            f"{terminal.visible(word['reason'])}",
            soft_wrap=True,
        )
    if sides is not None:
        terminal.out.print(_records_table(sides))


def _records_table(sides: Records) -> Table:
    table = Table(title="Both records", title_justify="left")
    for name in ("what", *_SIDES):
        table.add_column(name, overflow="fold")
    for name in _SHOWN:
        values = (side.get(name) for side in sides)
        table.add_row(name, *(terminal.visible(str("" if v is None else v)) for v in values))
    return table


def _ids(row: Mapping[str, Any], side: str) -> str:
    policy, member = row[f"{side}_policy_id"], row[f"{side}_member_id"]
    return f"{terminal.visible(policy or '')} {terminal.visible(member or '')}"


def _bits(weight: float | None) -> str:
    return "" if weight is None else f"{weight:+.1f}"
