"""What the exchange's pre-audit file says otherwise than the book, field by field."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from reconciliation.pre_audit import Told, compare_pre_audit, differences_of_year, members_told
from reconciliation.snapshots import Snapshot
from schemas import monthly_tables, tables
from schemas.pre_audit import load_pre_audit, load_pre_audit_comparison
from tests.reconciliation.small_sides import book_of, row_of_book

ON_DAY = date(2026, 5, 1)
YEAR = 2026
OTHER = {
    "date": date(2026, 2, 3), "end_date": date(2026, 11, 30), "money": Decimal("7.77"),
    "digits": "5550199999", "postal_code": "99999",
}  # fmt: skip


def told_of(*rows, left_out=()):
    """A file with a line for each of those rows of a book."""
    names = monthly_tables.PRE_AUDIT_ROWS.names
    more = {"line": 1, "created_on": date(2026, 4, 15), "transaction_code": "1"}
    columns = {name: [(more | row).get(name) for row in rows] for name in names}
    table = pa.table(columns, schema=monthly_tables.PRE_AUDIT_ROWS)
    ids = pa.chunked_array([left_out], pa.large_string())
    return Told(Snapshot.of(table), ids, YEAR, load_pre_audit().alike)


def differing(book, told):
    """Kind, member and field of what is found."""
    comparison = compare_pre_audit(book_of(*book), told, ON_DAY)
    found = comparison.differences.to_pylist()
    return [(row["kind"], row["exchange_member_id"][-2:], row["field"]) for row in found]


def test_where_both_agree_nothing_is_found():
    """A name's suffix is not in the file and is not compared."""
    rows = [row_of_book(n) for n in (1, 2)]
    assert differing(rows, told_of(*reversed(rows))) == []


@pytest.mark.parametrize(
    "field",
    [one for one in load_pre_audit_comparison().fields if one.kind != "spans"],
    ids=lambda one: one.name,
)
def test_each_field_that_differs_is_found(field):
    """Alone, and on the row it differs on."""
    row = row_of_book(1)
    other = row | {field.name: OTHER.get(field.kind, "ELSE")}
    assert ("differs", "01", field.name) in differing([row], told_of(other))


def test_a_gap_in_the_file_is_found_and_a_segment_cut_in_two_is_none():
    """Both days agree; what is covered between them does not."""
    mine = row_of_book(1, benefit_end=date(2026, 12, 31), coverage_spans="2026-01-01/2026-12-31")
    first = mine | {"benefit_end": date(2026, 3, 31)}
    next_day = mine | {"benefit_begin": date(2026, 4, 1)}
    assert differing([mine], told_of(first, next_day)) == []
    gapped = mine | {"benefit_begin": date(2026, 4, 1)}
    told = told_of(mine | {"benefit_end": date(2026, 2, 28)}, gapped)
    found = compare_pre_audit(book_of(mine), told, ON_DAY).differences.to_pylist()
    assert [(row["field"], row["premium_difference"]) for row in found] == [
        ("benefit_begin", Decimal("-512.30"))
    ]


def test_who_is_missing_on_either_side_is_found():
    """In the file as `missing_at_carrier`: the other side is the exchange."""
    mine, both, theirs = (row_of_book(n) for n in (1, 2, 3))
    assert sorted(differing([mine, both], told_of(both, theirs))) == [
        ("missing_at_carrier", "01", None),
        ("missing_in_book", "03", None),
    ]


def test_other_years_are_none_of_the_file():
    """Policies that begin in another year are not missing in it."""
    other = row_of_book(2, benefit_begin=date(2025, 1, 1))
    row = row_of_book(1)
    assert differing([row, other], told_of(row)) == []


def test_what_is_left_out_is_not_compared_on_either_side():
    """A policy with a line that cannot be read, or of which something newer was said."""
    mine, theirs = row_of_book(1), row_of_book(2)
    ids = [row["exchange_policy_id"] for row in (mine, theirs)]
    assert differing([mine], told_of(theirs, left_out=ids)) == []


def test_a_cancelled_policy_need_not_be_told_and_is_not_compared_where_it_is():
    """It ends on the day it begins, and nobody was ever covered."""
    begin = date(2026, 1, 1)
    row = row_of_book(1, benefit_end=begin, policy_status="cancelled")
    assert differing([row], told_of()) == []
    assert differing([row], told_of(row | {"aptc": None, "last_name": "OTHER"})) == []
    assert differing([row], told_of(row | {"benefit_end": None})) == [
        ("differs", "01", "benefit_end")
    ]


def test_a_segment_that_ends_before_it_begins_covers_nothing():
    """That is a difference, and no reason to compare nobody."""
    row = row_of_book(1, benefit_end=date(2026, 12, 31), coverage_spans="2026-01-01/2026-12-31")
    told = row | {"benefit_end": date(2025, 12, 31)}
    assert differing([row], told_of(told)) == [("differs", "01", "benefit_end")]


def test_segments_that_follow_each_other_are_one_span():
    """With the amounts of the day, and plan and names of the last."""
    row = row_of_book(1)
    spans = [
        (date(2026, 1, 1), date(2026, 4, 30), "100.00", "A"),
        (date(2026, 5, 1), date(2026, 8, 31), "200.00", "B"),
        (date(2026, 9, 1), None, "300.00", "C"),
    ]
    told = [
        row | {"benefit_begin": begin, "benefit_end": end, "aptc": Decimal(aptc), "plan_id": plan}
        for begin, end, aptc, plan in spans
    ]

    (found,) = members_told(told_of(*told).rows, ON_DAY).to_pylist()

    names = ("benefit_begin", "benefit_end", "aptc", "plan_id")
    assert [found[name] for name in names] == [date(2026, 1, 1), None, Decimal("200.00"), "C"]


def test_of_spans_with_a_gap_the_last_counts():
    """As in the snapshot of the book."""
    row = row_of_book(1)
    told = [
        row | {"benefit_begin": date(2026, 1, 1), "benefit_end": date(2026, 3, 31)},
        row | {"benefit_begin": date(2026, 7, 1), "benefit_end": date(2026, 12, 31)},
    ]
    (found,) = members_told(told_of(*told).rows, ON_DAY).to_pylist()
    assert (found["benefit_begin"], found["benefit_end"]) == (date(2026, 7, 1), date(2026, 12, 31))


def test_codes_that_the_file_does_not_tell_apart_do_not_differ():
    """Tobacco: how long ago it was."""
    row = row_of_book(1, tobacco_code="X")
    assert differing([row], told_of(row | {"tobacco_code": "T"})) == []


def test_breaks_are_of_the_coverage_year():
    """The period is the year, and the other side's values are the exchange's."""
    row = row_of_book(1)
    comparison = compare_pre_audit(book_of(row), told_of(row | {"aptc": Decimal("1.00")}), ON_DAY)
    (found,) = differences_of_year(comparison, YEAR).to_pylist()
    assert differences_of_year(comparison, YEAR).schema.equals(tables.FOUND_DIFFERENCES)
    names = ("period", "field", "book_value", "carrier_value", "rule")
    assert [found[name] for name in names] == ["2026", "aptc", "100.00", "1.00", None]
