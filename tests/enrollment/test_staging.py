"""Which transaction sets become events, and which are refused for what they say themselves."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlalchemy as sa

from enrollment.staged_events import staged_events
from enrollment.staging import stage_file
from schemas.book import event, event_set

MARCH, APRIL = date(2027, 3, 1), date(2027, 4, 1)


def test_a_file_is_staged_once(carrier, say):
    """Staging a file again adds no event."""
    file_id = carrier.receives(say.enrollment("P1", "S1", "D1"))

    again = stage_file(carrier.conn, file_id, carrier.exchange, carrier.parsed, carrier.run_id)

    assert again == 0
    assert carrier.conn.scalar(sa.select(sa.func.count()).select_from(event)) == 2


def test_an_event_knows_its_bytes(carrier, say):
    """Each event has the place of its INS in the file."""
    file_id = carrier.receives(say.enrollment("P1", "S1", "D1"))

    places = sa.select(event.c.file_id, event.c.byte_start).order_by(event.c.member_ordinal)

    assert [tuple(row) for row in carrier.conn.execute(places)] == [(file_id, 100), (file_id, 200)]


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        ({"reason": "NOBODY KNOWS THIS"}, "unknown-combination"),
        ({"maintenance_reason": "99"}, "unknown-combination"),
        ({"policy": None}, "no-policy-id"),
        ({"plan": None}, "no-plan-id"),
        ({"begin": None}, "no-begin-date"),
        ({"exchange_member_id": "S1"}, "member-ids-not-unique"),
        ({"is_subscriber": True}, "not-one-subscriber"),
        ({"is_subscriber": False}, "not-one-subscriber"),
        ({"is_subscriber": None}, "not-one-subscriber"),
    ],
)
def test_a_set_that_can_be_no_transaction_is_refused(carrier, say, spoilt, reason):
    """The whole household is refused with one reason, and the next one is not harmed."""
    said = {"policy": "P1"} | spoilt
    policy = said.pop("policy")
    file_id = carrier.receives(
        say.enrollment(policy, "S1", "D1", **said), say.enrollment("P2", "S2")
    )

    result = carrier.applies()

    assert carrier.dispositions(file_id) == [("rejected", reason)] * 2 + [("accepted", None)]
    assert result.applied == 1
    assert set(carrier.book()) == {("P2", "S2")}


def test_a_termination_without_an_end_is_refused(carrier, say):
    """Without DTP*357 nobody knows when coverage ends."""
    file_id = carrier.receives(say.termination("P1", "S1", None))

    assert carrier.dispositions(file_id) == [("rejected", "no-end-date")]


def test_a_spelling_of_a_reason_is_no_other_reason(carrier, say):
    """Blanks, hyphens and dashes in ADDL MAINT REASON do not count."""
    carrier.receives(say.cancellation("P1", "S1", reason="CANCEL \N{EN DASH} Oth-Coverage"))

    staged = carrier.conn.execute(sa.select(event_set.c.transaction, event_set.c.state)).one()

    assert tuple(staged) == ("cancellation", "staged")


def test_what_is_no_number_is_no_amount(carrier, say):
    """A category with an amount's qualifier and no number in it is left out, not fatal."""
    carrier.receives(say.enrollment("P1", "S1"))
    amounts = [("PRE AMT TOT", "THREE HUNDRED", None), ("APTC AMT", "99999999999.00", None)]
    carrier.receives(say.change("P1", "S1", amounts=[*amounts, ("TOT RES AMT", ".5", None)]))

    names = sa.select(event.c.amount_names).where(event.c.maintenance_type == "001")

    assert list(carrier.conn.scalars(names)) == [["TOT RES AMT"]]


def test_an_amount_keeps_the_name_that_it_was_told_by(carrier, say):
    """Whatever stands in it: lists of names are written as text on their way."""
    carrier.receives(say.enrollment("P1", "S1"))
    names = ['A "QUOTED" AMT', "B, C {D} AMT", "E \\ AMT"]
    carrier.receives(say.change("P1", "S1", amounts=[(n, "1.00", MARCH) for n in names]))

    carrier.applies()

    told = sa.text("SELECT name FROM book.amount WHERE valid_from = :day ORDER BY name")
    assert list(carrier.conn.scalars(told, {"day": MARCH})) == names


def test_of_an_amount_told_twice_for_a_day_the_last_counts(carrier, say):
    """In the order of the file; other days and names stay beside it, by name and day."""
    amounts = [
        ("PRE AMT TOT", "3.00", APRIL),
        ("PRE AMT TOT", "1.00", MARCH),
        ("APTC AMT", "9.00", MARCH),
        ("PRE AMT TOT", "2.00", MARCH),
    ]
    carrier.receives(say.change("P1", "S1", amounts=amounts))

    told = carrier.conn.execute(
        sa.select(event.c.amount_names, event.c.amounts_from, event.c.amounts)
    ).one()

    assert list(zip(*told, strict=True)) == [
        ("APTC AMT", MARCH, Decimal("9.00")),
        ("PRE AMT TOT", MARCH, Decimal("2.00")),
        ("PRE AMT TOT", APRIL, Decimal("3.00")),
    ]


def test_categories_in_another_order_say_the_same_and_another_value_does_not(carrier, say):
    """The content of a set is what it says, and not how it was written down."""
    one, other = ("APTC AMT", "1.00", MARCH), ("PRE AMT TOT", "2.00", MARCH)
    more = ("PRE AMT TOT", "2.01", MARCH)
    for amounts in ([one, other], [other, one], [one, more]):
        carrier.receives(say.change("P1", "S1", amounts=amounts))

    contents = sa.select(event_set.c.content_hash).order_by(event_set.c.file_id)
    first, second, third = carrier.conn.scalars(contents)

    assert first == second != third


def test_members_in_another_order_say_the_same(carrier, say):
    """Each event is its own member's, wherever he stands in the set."""
    told = say.enrollment("P1", "S1", "D1", "D2")
    other = replace(told, people=told.people[::-1])
    for transaction_set in (told, other):
        carrier.receives(say.enrollment("P0", "S0"), transaction_set)

    hashes = sa.select(event_set.c.content_hash).where(event_set.c.exchange_policy_id == "P1")
    said = sa.select(event.c.exchange_member_id, event.c.is_subscriber, event.c.kind)
    events = carrier.conn.execute(said.order_by(event.c.event_id)).all()

    assert len(set(carrier.conn.scalars(hashes))) == 1
    members = [member for member, _, _ in events]
    assert members == ["S0", "S1", "D1", "D2", "S0", "D2", "D1", "S1"]
    assert [member for member, is_subscriber, _ in events if is_subscriber] == [
        "S0",
        "S1",
        "S0",
        "S1",
    ]
    assert {kind for _, _, kind in events} == {"initial"}


def test_the_first_coverage_of_a_member_is_the_one_that_counts(carrier, say):
    """A later HD of the same member is another line, and not the policy's plan."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    first = carrier.parsed.coverages
    later = pc.add(first.column("coverage_ordinal"), 1)
    plan = pa.array(["91001TX002000101"] * first.num_rows, first.schema.field("plan_id").type)
    names = first.schema.names
    second = first.set_column(names.index("coverage_ordinal"), "coverage_ordinal", later)
    second = second.set_column(names.index("plan_id"), "plan_id", plan)
    both = replace(carrier.parsed, coverages=pa.concat_tables([first, second]))

    told = staged_events(both, both.members.column("member_ordinal").combine_chunks())

    assert told.column("plan_id").to_pylist() == first.column("plan_id").to_pylist()
