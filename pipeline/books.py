"""Both sides' books, compared at the end of a demo: the strongest test there is."""

from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from enrollment.at_exchange import at_exchange
from enrollment.snapshot import book_snapshot
from pipeline.wiring import House

_KEY = ("exchange_policy_id", "exchange_member_id")
_COMPARED = (
    "partner_id",
    "status",
    "effectuated",
    "ended_by",
    "plan_id",
    "benefit_begin",
    "benefit_end",
    "issuer_policy_id",
    "issuer_subscriber_id",
    "issuer_member_id",
    "is_subscriber",
    "last_name",
    "first_name",
    "birth_date",
    "premium_total",
    "aptc",
)


@dataclass(frozen=True)
class BookComparison:
    """How many policies and member rows the exchange's book has, and where ours differs.

    Differences name policy and member ids and fields, never values.
    """

    policies: int
    rows: int
    differences: tuple[str, ...]

    @property
    def agree(self) -> bool:
        """No difference at all."""
        return not self.differences


def compare_books(
    house: House, theirs: pa.Table, known_at: datetime, valid_on: date = date.max
) -> BookComparison:
    """Our book as known at that moment, against the exchange's (`simulator.exchange.BOOK`).

    Both show the amounts of one day: `valid_on`, or the last one of coverage if not given.
    """
    ours = pa.concat_tables(
        _our_book(house, partner, known_at, valid_on) for partner in house.partner_ids
    )
    ours_by_key, theirs_by_key = _by_key(ours), _by_key(theirs)
    differences = []
    for key in sorted(ours_by_key.keys() | theirs_by_key.keys()):
        name = "policy {} member {}".format(*key)
        if key not in ours_by_key:
            differences.append(f"{name} is missing in our book")
        elif key not in theirs_by_key:
            differences.append(f"{name} is missing at the exchange")
        else:
            differences += [
                f"{name}: {field}"
                for field in _COMPARED
                if ours_by_key[key][field] != theirs_by_key[key][field]
            ]
    policies = pc.count_distinct(theirs["exchange_policy_id"]).as_py()
    return BookComparison(policies, len(theirs), tuple(differences))


def _our_book(house: House, partner_id: str, known_at: datetime, valid_on: date) -> pa.Table:
    with house.engine.connect() as conn:
        book = book_snapshot(conn, partner_id, known_at, valid_on)
        told = at_exchange(conn, partner_id)
    of_told = [name for name in told.column_names if name not in _KEY]
    book = book.drop_columns([name for name in of_told if name in book.column_names])
    book = book.join(told, list(_KEY), join_type="left outer")
    book = book.append_column("status", book["policy_status"])
    return book.append_column("partner_id", pa.repeat(partner_id, len(book)))


def _by_key(book: pa.Table) -> dict[tuple[str, str], dict[str, object]]:
    rows = book.select([*_KEY, *_COMPARED]).to_pylist()
    return {tuple(row[name] for name in _KEY): row for row in rows}
