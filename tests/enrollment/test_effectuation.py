"""Which policies are confirmed to the exchange, on what evidence, and how often: once."""

from datetime import date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from schemas import tables
from schemas.book import decision

NEXT_NIGHT = datetime.fromisoformat("2026-12-02T06:00:00+00:00")


@pytest.fixture
def enrolled(carrier, say):
    """A carrier whose book holds P1 of S1 and D1, who owe 200.00 for the first month."""
    carrier.receives(say.enrollment("P1", "S1", "D1", middle_name="Q"))
    carrier.applies()
    return carrier


def test_who_came_back_is_covered_since_then(enrolled, say):
    """DTP*348 is the day of DTP*356 (table 22), and not that of the first time."""
    march, june = date(2027, 3, 31), date(2027, 6, 1)
    changes = (
        say.change("P1", "S1", say.removed("P1", "S1", "D1", march), submitted="2026121008000000"),
        say.change("P1", "S1", say.added("P1", "S1", "D1", june), submitted="2026121108000000"),
    )
    enrolled.receives(*changes)
    enrolled.applies()

    rows = enrolled.decides([("P1", "200.00")]).to_pylist()

    begins = {row["exchange_member_id"]: row["benefit_begin"] for row in rows}
    assert begins == {"S1": date(2027, 1, 1), "D1": june}
    assert {row["exchange_member_id"]: row["eligibility_begin"] for row in rows} == begins


def test_a_paid_binder_confirms_every_covered_member(enrolled):
    """One row a member, the subscriber first, with what the exchange wants to see again."""
    ids = {"exchange_policy_id": "P1", "issuer_policy_id": "C-1", "issuer_subscriber_id": "I-1"}
    records = [
        ids | {"exchange_member_id": "D1", "issuer_member_id": "I-1-2"},
        ids | {"exchange_member_id": "S1", "issuer_member_id": "I-1-1"},
    ]

    confirmed = enrolled.decides([("P1", "150.00"), ("P1", "50.00")], records)

    assert confirmed.schema.equals(tables.ISSUER_TRANSACTIONS)
    subscriber, dependent = confirmed.to_pylist()
    assert subscriber["is_subscriber"]
    assert subscriber["issuer_member_id"] == "I-1-1"
    assert dependent["issuer_member_id"] == "I-1-2"
    assert dependent["exchange_member_id"] == "D1"
    for row in (subscriber, dependent):
        assert row["reference"] == "4711"
        assert (row["total_count"], row["dependent_count"]) == (2, 1)
        assert row["plan_id"] == "91001TX001000101"
        assert row["issuer_policy_id"] == "C-1"
        assert row["last_premium_paid"] == date(2026, 12, 15)
        assert row["benefit_begin"] == row["eligibility_begin"] == date(2027, 1, 1)
        assert (row["sponsor_name"], row["middle_name"]) == ("SAMPLE SPONSOR", "Q")


def test_the_planner_knows_how_large_the_tables_of_a_decision_are(enrolled):
    """Without that a night of many members looks each of them up in a table of all of them."""
    ids = {"exchange_policy_id": "P1", "issuer_policy_id": "C-1", "issuer_subscriber_id": "I-1"}
    enrolled.decides([("P1", "200.00")], [ids | {"exchange_member_id": "S1"}])
    unknown = sa.text(
        "SELECT relname FROM pg_class WHERE relpersistence = 't' AND reltuples < 0"
        " AND relname = ANY(:joined)"
    )
    joined = ["standing", "candidate", "issuer_id", "untold_id", "incomplete", "judged_request"]
    joined += ["chosen", "offered", "written", "former_id", "payment", "carrier_member"]
    assert enrolled.conn.scalars(unknown, {"joined": joined}).all() == []


@pytest.mark.parametrize("payments", [[], [("P1", "199.99")], [("P2", "500.00")]])
def test_an_unpaid_binder_confirms_nothing(enrolled, payments):
    """A payment that is missing, short or somebody else's is no evidence."""
    assert enrolled.decides(payments).num_rows == 0


def test_a_policy_that_owes_nothing_is_confirmed_without_a_payment(carrier, say):
    """With APTC for the whole premium there is no payment: the first day stands for its day."""
    carrier.receives(say.enrollment("P1", "S1", premium="100.00", aptc="100.00"))
    carrier.applies()

    confirmed = carrier.decides().to_pylist()

    assert [row["last_premium_paid"] for row in confirmed] == [date(2027, 1, 1)]


def test_the_evidence_is_kept_with_the_decision(enrolled):
    """An auditor finds the amount owed, the amount paid and the day of the payment."""
    enrolled.decides([("P1", "150.00"), ("P1", "60.00")])

    kept = enrolled.conn.execute(
        sa.select(decision.c.responsible_amount, decision.c.paid_amount, decision.c.paid_on)
    ).one()

    assert tuple(kept) == (Decimal("200.00"), Decimal("210.00"), date(2026, 12, 15))


def test_an_unsent_decision_is_offered_again_in_a_later_run(enrolled):
    """A run that was killed before its file was recorded loses no confirmation."""
    first = enrolled.decides([("P1", "200.00")])
    assert enrolled.decides([("P1", "200.00")]).equals(first)

    enrolled.begins_night(NEXT_NIGHT)

    assert enrolled.decides([("P1", "200.00")]).equals(first)
    assert enrolled.sends_effectuations() == 1


def test_a_sent_decision_is_never_offered_again(enrolled):
    """The policy is effectuated once, and a further payment does not repeat it."""
    enrolled.decides([("P1", "200.00")])
    assert enrolled.sends_effectuations() == 1
    assert enrolled.sends_effectuations() == 0

    enrolled.begins_night(NEXT_NIGHT)

    assert enrolled.decides([("P1", "400.00")]).num_rows == 0
    assert enrolled.book()["P1", "S1"]["policy_status"] == "effectuated"
    assert enrolled.conn.scalar(sa.select(sa.func.count()).select_from(decision)) == 1


def test_a_change_does_not_ask_for_a_second_effectuation(enrolled, say):
    """An initial enrollment is decided once, also when a change comes before it was sent."""
    enrolled.decides([("P1", "200.00")])
    enrolled.receives(say.change("P1", "S1", last_name="RENAMED"))
    enrolled.applies()

    confirmed = enrolled.decides([("P1", "200.00")]).to_pylist()

    assert [row["exchange_member_id"] for row in confirmed] == ["S1", "D1"]
    assert confirmed[0]["last_name"] == "RENAMED"
    assert enrolled.conn.scalar(sa.select(sa.func.count()).select_from(decision)) == 1


def test_a_policy_that_is_cancelled_before_it_was_sent_is_not_confirmed(enrolled, say):
    """A decision from before the cancellation stays behind."""
    enrolled.decides([("P1", "200.00")])
    enrolled.receives(say.cancellation("P1", "S1"))
    enrolled.applies()

    assert enrolled.decides([("P1", "200.00")]).num_rows == 0
    assert enrolled.sends_effectuations() == 0


def test_a_removed_member_is_not_confirmed_and_the_last_totals_are(enrolled, say):
    """QTY comes from the exchange's last transaction set, which may be a change."""
    removed = say.removed("P1", "S1", "D1", date(2027, 1, 1))
    enrolled.receives(say.change("P1", "S1", removed))
    enrolled.applies()

    confirmed = enrolled.decides([("P1", "200.00")]).to_pylist()

    assert [row["exchange_member_id"] for row in confirmed] == ["S1"]
    assert [(row["reference"], row["total_count"]) for row in confirmed] == [("4712", 2)]


def test_policies_of_a_plan_are_adjacent(carrier, say):
    """Rows are ordered by plan and policy, because a functional group holds one plan."""
    silver, bronze = "91001TX001000204", "91001TX001000101"
    plans = {"P1": silver, "P2": bronze, "P3": silver}
    for policy, plan in plans.items():
        carrier.receives(say.enrollment(policy, f"S{policy}", f"D{policy}", plan=plan))
    carrier.applies()

    confirmed = carrier.decides([(policy, "500.00") for policy in plans]).to_pylist()

    assert [(row["exchange_policy_id"], row["is_subscriber"]) for row in confirmed] == [
        ("P2", True),
        ("P2", False),
        ("P1", True),
        ("P1", False),
        ("P3", True),
        ("P3", False),
    ]


def test_what_is_paid_later_is_confirmed_by_the_next_run(enrolled, say):
    """What the first run has sent stays as it is."""
    enrolled.receives(say.enrollment("P2", "S2"))
    enrolled.applies()
    enrolled.decides([("P1", "200.00")])
    enrolled.sends_effectuations()
    both = [("P1", "200.00"), ("P2", "200.00")]

    enrolled.begins_night(NEXT_NIGHT)
    confirmed = enrolled.decides(both).to_pylist()
    assert [row["exchange_policy_id"] for row in confirmed] == ["P2"]


def test_a_policy_waits_while_something_of_it_is_at_the_gate(enrolled, say):
    """What is staged may cancel the policy: it is confirmed only once that is in the book."""
    enrolled.receives(say.enrollment("P2", "S2"))
    enrolled.applies()
    enrolled.receives(say.termination("P1", "S1", date(2027, 3, 31)))
    paid = [("P1", "200.00"), ("P2", "200.00")]

    meanwhile = enrolled.decides(paid).to_pylist()
    enrolled.sends_effectuations()
    enrolled.applies()

    assert [row["exchange_policy_id"] for row in meanwhile] == ["P2"]
    late = enrolled.decides(paid).to_pylist()  # terminated before it was effectuated: table 16
    assert {row["exchange_policy_id"] for row in late} == {"P1"}
