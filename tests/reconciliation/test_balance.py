"""Where rows and dollars of a comparison went: all of them somewhere, once, on both sides."""

from datetime import date
from decimal import Decimal

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciliation.balance import balance_of
from reconciliation.comparison import compare
from reconciliation.snapshots import Snapshot

STRANGER = {
    "last_name": "NEWCOMER", "first_name": "ROWAN", "middle_name": None, "name_suffix": None,
    "ssn": "900490002", "birth_date": date(2001, 11, 30), "gender_code": "M",
    "address_line_1": "9 OAK ROAD", "address_line_2": None, "city": "DALLAS",
    "postal_code": "75201", "phone": "2145550177", "email": "rowan@example.com",
}  # fmt: skip


def told(found):
    """By fate, of all lines and years: rows and premiums of both sides."""
    names = ("book_rows", "carrier_rows", "book_premium", "carrier_premium")
    rows = found.group_by("fate").aggregate([(name, "sum") for name in names]).to_pylist()
    return {row["fate"]: tuple(row[f"{name}_sum"] for name in names) for row in rows}


def balanced(book, carrier):
    """The balance of two tables, after they were compared."""
    comparison = compare(Snapshot.of(book), Snapshot.of(carrier))
    return balance_of(book, carrier, comparison), comparison


def test_rows_and_dollars_go_where_their_member_goes(book, carrier, book_row):
    """Equal, unlike, on one side only; a policy's dollars once, whoever is on it."""
    dependent = book_row(1) | {
        "exchange_member_id": "0001000099", "is_subscriber": False, "premium_total": None,
        "aptc": None, "csr": None,
    }  # fmt: skip
    ours = book(
        book_row(1), dependent, book_row(2), book_row(3), book_row(4, policy_status="cancelled")
    )
    theirs = carrier(
        book_row(1),
        dependent | {"premium_total": Decimal("512.30")},
        book_row(2, premium_total=Decimal("500.00")),
        book_row(5, **STRANGER),
    )
    found, _ = balanced(ours, theirs)
    one, less = Decimal("512.30"), Decimal("500.00")
    assert told(found) == {
        "differing": (1, 1, one, less),
        "matched": (2, 2, one, one),
        "may_be_absent": (1, 0, one, 0),
        "missing_at_carrier": (1, 0, one, 0),
        "missing_in_book": (0, 1, 0, one),
    }


def test_a_policy_counts_once_at_the_carrier_wherever_its_dollars_stand(book, carrier, book_row):
    """On the last row of a policy that the book does not know; on every row of one that it does."""
    nobody = {"premium_total": None, "aptc": None, "csr": None}
    ghost = book_row(5, **STRANGER)
    child = ghost | nobody | {"exchange_member_id": "0"}
    more = book_row(1) | STRANGER | {"exchange_member_id": "9", "issuer_member_id": "M9"}
    found, _ = balanced(book(book_row(1)), carrier(book_row(1), more, child, ghost))
    one = Decimal("512.30")
    assert told(found) == {"matched": (1, 1, one, one), "missing_in_book": (0, 3, 0, one)}


def test_dollars_of_another_subscriber_go_where_their_break_says(book, carrier, book_row):
    """The carrier's subscriber of a policy is somebody else; the child on it agrees."""
    nobody = {"premium_total": None, "aptc": None, "csr": None, "is_subscriber": False}
    child = book_row(1) | nobody | {"exchange_member_id": "0", "issuer_member_id": "M0"}
    somebody = book_row(1) | STRANGER | {"exchange_member_id": "9", "issuer_member_id": "M9"}
    found, comparison = balanced(book(book_row(1), child), carrier(child, somebody))
    one = Decimal("512.30")
    assert told(found)["matched"] == (1, 1, 0, 0)
    assert told(found)["missing_in_book"] == (0, 1, 0, one)
    assert sorted(comparison.differences["premium_difference"].to_pylist()) == [-one, one]


def test_records_that_are_found_by_other_ids_are_one_members(book, carrier, book_row):
    """A carrier that has other ids of the exchange has the row nevertheless."""
    lost = book_row(1, exchange_policy_id="77", exchange_member_id="78")
    found, comparison = balanced(book(book_row(1)), carrier(lost))
    assert comparison.matches.num_rows == 1
    rows = {fate: counts[:2] for fate, counts in told(found).items() if any(counts[:2])}
    assert rows in ({"matched": (1, 1)}, {"differing": (1, 1)})
    assert sum(max(counts) for counts in rows.values()) == sum(comparison.counts.values())


def test_lines_and_years_stand_apart(book, carrier, book_row):
    """The book's word where it has the row, else the carrier's; who says none is `not told`."""
    dental = {"insurance_line": "DEN", "benefit_begin": date(2026, 3, 1)}
    ours = book(book_row(1), book_row(2, **dental), book_row(3, insurance_line=None))
    theirs = carrier(book_row(1), book_row(2), book_row(5, **STRANGER))
    found, _ = balanced(ours, theirs)
    rows = {
        (row["fate"], row["insurance_line"], row["plan_year"]): row["book_rows"]
        for row in found.to_pylist()
    }
    line, year = book_row(1)["insurance_line"], str(book_row(1)["benefit_begin"].year)
    assert rows == {
        ("matched", line, year): 1,
        ("differing", "DEN", "2026"): 1,
        ("missing_at_carrier", "not told", year): 1,
        ("missing_in_book", line, year): 0,
    }


_MEMBERS = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.booleans()),
    unique_by=lambda one: one[:2],
    min_size=1,
    max_size=8,
)


def _rows(members, book_row):
    return [
        book_row(
            policy,
            exchange_member_id=f"M{member}",
            is_subscriber=member == 1,
            premium_total=Decimal(premium) if member == 1 else None,
            policy_status="cancelled" if cancelled else "effectuated",
        )
        for policy, member, premium, cancelled in members
    ]


@settings(max_examples=12, deadline=None)
@given(ours=_MEMBERS, theirs=_MEMBERS)
def test_matched_differing_and_unmatched_are_all(book, carrier, book_row, ours, theirs):
    """Of any two snapshots, in rows and in dollars, on both sides; the counts are those found."""
    known, recorded = book(*_rows(ours, book_row)), carrier(*_rows(theirs, book_row))
    found, comparison = balanced(known, recorded)
    rows = {fate: max(counts[:2]) for fate, counts in told(found).items()}
    assert dict.fromkeys(comparison.counts, 0) | rows == comparison.counts
    with duckdb.connect() as connection:
        connection.register("found", found)
        sums = connection.sql(
            "SELECT sum(book_rows), sum(carrier_rows), sum(book_premium), sum(carrier_premium)"
            " FROM found"
        ).fetchall()[0]
    dollars = [sum(r["premium_total"] or 0 for r in side.to_pylist()) for side in (known, recorded)]
    assert sums == (known.num_rows, recorded.num_rows, *dollars)
