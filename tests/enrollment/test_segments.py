"""The book cut into spans in which nothing changes: what a month is reported and paid by."""

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

from enrollment.segments import book_segments
from schemas import monthly_tables
from tests.enrollment.conftest import NEW_YEAR, PARTNER

JUNE = date(2027, 6, 1)
MAY_END = date(2027, 5, 31)
MARCH = date(2027, 3, 1)


@pytest.fixture
def segments(carrier):
    """The rows of a policy by (member, first day of the segment), once all is applied."""

    def of(policy):
        carrier.applies()
        rows = book_segments(carrier.conn, PARTNER, carrier.as_of)
        assert rows.schema.equals(monthly_tables.BOOK_SEGMENTS)
        return {
            (row["exchange_member_id"], row["segment_begin"]): row
            for row in rows.to_pylist()
            if row["exchange_policy_id"] == policy
        }

    return of


def test_a_policy_without_any_change_is_one_open_segment_a_member(carrier, say, segments):
    """Amounts of the policy stand on the subscriber's row, each member's premium on his own."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))

    found = segments("P1")

    assert list(found) == [("S1", NEW_YEAR), ("D1", NEW_YEAR)]
    subscriber, dependent = found.values()
    assert (subscriber["segment_end"], subscriber["benefit_end"]) == (None, None)
    assert subscriber["premium_total"] == Decimal("300.00")
    assert subscriber["aptc"] == Decimal("100.00")
    assert subscriber["responsible_amount"] == Decimal("200.00")
    assert (subscriber["aptc_begin"], subscriber["aptc_end"]) == (NEW_YEAR, None)
    assert subscriber["csr"] is None
    assert (dependent["premium_total"], dependent["aptc"]) == (None, None)
    assert dependent["individual_premium"] == Decimal("300.00")
    assert dependent["relationship_code"] == "19"


def test_a_change_of_aptc_in_the_middle_of_the_year_makes_two_segments(carrier, say, segments):
    """The premium goes on through both; the APTC has a span of its own in each."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    amounts = [("APTC AMT", "150.00", JUNE), ("TOT RES AMT", "150.00", JUNE)]
    others = [say.unchanged("P1", "S1", "D1")]
    carrier.receives(say.change("P1", "S1", *others, amounts=amounts))

    found = segments("P1")

    assert {key: row["segment_end"] for key, row in found.items()} == {
        ("S1", NEW_YEAR): MAY_END,
        ("D1", NEW_YEAR): MAY_END,
        ("S1", JUNE): None,
        ("D1", JUNE): None,
    }
    before, after = found["S1", NEW_YEAR], found["S1", JUNE]
    assert (before["aptc"], after["aptc"]) == (Decimal("100.00"), Decimal("150.00"))
    assert (before["aptc_begin"], before["aptc_end"]) == (NEW_YEAR, MAY_END)
    assert (after["aptc_begin"], after["aptc_end"]) == (JUNE, None)
    assert (after["premium_begin"], after["premium_end"]) == (NEW_YEAR, None)
    assert after["benefit_begin"] == NEW_YEAR


def test_a_change_of_the_variant_begins_a_segment_but_no_coverage(carrier, say, segments):
    """The member's span goes on: only the last two characters of the plan are others."""
    carrier.receives(say.enrollment("P1", "S1"))
    told = say.change("P1", "S1", reason="CSR VARIANT CHANGE", maintenance_effective=JUNE)
    told.people[0].coverage["plan_id"] = "91001TX001000104"
    carrier.receives(told)

    found = segments("P1")

    assert {begin: row["plan_id"][-2:] for (_, begin), row in found.items()} == {
        NEW_YEAR: "01",
        JUNE: "04",
    }
    assert {row["benefit_begin"] for row in found.values()} == {NEW_YEAR}
    assert {row["benefit_end"] for row in found.values()} == {None}


def test_a_member_added_later_cuts_the_subscribers_segment_too(carrier, say, segments):
    """What a household pays for from that day on is another thing, also for those who were in."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.receives(say.change("P1", "S1", say.added("P1", "S1", "D1", MARCH)))

    found = segments("P1")

    assert list(found) == [("S1", NEW_YEAR), ("S1", MARCH), ("D1", MARCH)]
    assert found["S1", NEW_YEAR]["segment_end"] == date(2027, 2, 28)
    assert found["D1", MARCH]["benefit_begin"] == MARCH
    assert found["D1", MARCH]["individual_premium"] == Decimal("50.00")


def test_a_member_who_is_removed_is_in_no_later_segment(carrier, say, segments):
    """The others go on in a segment of their own."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.receives(say.change("P1", "S1", say.removed("P1", "S1", "D1", MAY_END)))

    found = segments("P1")

    assert list(found) == [("S1", NEW_YEAR), ("D1", NEW_YEAR), ("S1", JUNE)]
    assert found["D1", NEW_YEAR]["benefit_end"] == MAY_END


def test_a_cancelled_policy_covers_nothing_and_has_no_amounts(carrier, say, segments):
    """Each member has a row that begins and ends on the first day: it is known, and worth 0."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.receives(say.cancellation("P1", "S1"))

    found = segments("P1")

    assert list(found) == [("S1", NEW_YEAR), ("D1", NEW_YEAR)]
    for row in found.values():
        assert (row["policy_status"], row["segment_end"]) == ("cancelled", NEW_YEAR)
        assert (row["benefit_begin"], row["benefit_end"]) == (NEW_YEAR, NEW_YEAR)
        assert (row["premium_total"], row["aptc"], row["individual_premium"]) == (None, None, None)


def test_a_terminated_policy_ends_with_its_last_segment(carrier, say, segments):
    """What had been told of later months is not there any more."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.receives(say.change("P1", "S1", amounts=[("APTC AMT", "150.00", JUNE)]))
    carrier.receives(say.termination("P1", "S1", date(2027, 4, 30)))

    found = segments("P1")

    assert list(found) == [("S1", NEW_YEAR)]
    (row,) = found.values()
    assert (row["segment_end"], row["benefit_end"]) == (date(2027, 4, 30), date(2027, 4, 30))
    assert (row["aptc_end"], row["premium_end"]) == (date(2027, 4, 30), date(2027, 4, 30))
    assert (row["policy_status"], row["is_confirmed"]) == ("terminated", False)


def test_segments_are_those_of_the_moment_that_is_asked_for(carrier, say):
    """What was frozen of a month can be made again after later nights."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.applies()
    then = carrier.as_of
    frozen = book_segments(carrier.conn, PARTNER, then)
    carrier.begins_night(then.replace(month=12, day=20))
    carrier.receives(say.change("P1", "S1", amounts=[("APTC AMT", "150.00", JUNE)]))
    carrier.applies()

    assert book_segments(carrier.conn, PARTNER, then).equals(frozen)
    assert book_segments(carrier.conn, PARTNER, carrier.as_of).num_rows == 2
    assert book_segments(carrier.conn, "harbor-light-nc", carrier.as_of).num_rows == 0


def test_ids_that_we_have_said_ourselves_are_known(carrier, say, segments):
    """The exchange has them from our effectuation, before it ever sends them back."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.applies()
    ids = {"issuer_policy_id": "I1", "issuer_subscriber_id": "IS1"}
    records = [
        {"exchange_policy_id": "P1", "exchange_member_id": member, "issuer_member_id": f"I{member}"}
        | ids
        for member in ("S1", "D1")
    ]
    carrier.decides([("P1", "200.00")], records)
    carrier.sends_effectuations()

    found = segments("P1")

    assert {row["issuer_policy_id"] for row in found.values()} == {"I1"}
    assert {row["issuer_subscriber_id"] for row in found.values()} == {"IS1"}
    assert [row["issuer_member_id"] for row in found.values()] == ["IS1", "ID1"]
    assert {row["policy_status"] for row in found.values()} == {"effectuated"}


def test_a_book_of_thousands_is_cut_by_one_statement(carrier, say):
    """And what was set for it holds for no other statement of the transaction."""
    carrier.receives(*[say.enrollment(f"P{n}", f"S{n}", f"D{n}") for n in range(2000)])
    carrier.applies()

    assert book_segments(carrier.conn, PARTNER, carrier.as_of).num_rows == 4000
    assert carrier.conn.execute(sa.text("SHOW enable_nestloop")).scalar_one() == "on"
