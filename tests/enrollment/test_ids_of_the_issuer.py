"""The issuer's own ids: with the effectuation, or afterwards as a maintenance."""

from datetime import UTC, date, datetime

import pytest

from tests.enrollment.deciding import Desk

KNOWN = ("P1", "issuer-ids-known", "ISSUER MAINT", None)
CHANGED = ("P1", "issuer-ids-changed", "ISSUER MAINT", None)


@pytest.fixture
def desk(carrier, say):
    """A desk whose book holds P1 of S1 and D1, effectuated and paid for the year."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.applies()
    desk = Desk(carrier)
    desk.paid("P1", "2400.00", on="2026-12-15", through="2027-12-31")
    desk.stands("P1", "effectuated")
    return desk


def test_an_effectuation_holds_the_ids_that_are_known(desk):
    """So it needs no maintenance of its own."""
    desk.stands("P1", "initial", needs_effectuation=True)
    desk.knows("P1", "S1", issuer_policy_id="C1", issuer_member_id="M1", issuer_subscriber_id="M1")

    assert desk.decides("2026-12-16") == [("P1", "binder-paid", "CONFIRM", None)]

    subscriber, dependent = desk.offers()
    assert (subscriber["issuer_policy_id"], subscriber["issuer_member_id"]) == ("C1", "M1")
    assert (dependent["issuer_policy_id"], dependent["issuer_member_id"]) == ("C1", None)
    assert subscriber["last_premium_paid"] == date(2026, 12, 15)


def test_ids_that_become_known_later_are_told_once(desk):
    """The member whom they name is told as changed, the other one as not."""
    assert desk.decides("2027-01-06") == []
    desk.knows("P1", "D1", issuer_member_id="M2")

    assert desk.decides("2027-01-06") == [KNOWN]

    subscriber, dependent = desk.offers()
    assert subscriber["additional_maintenance_reason"] == "NO CHANGE"
    assert (subscriber["maintenance_type"], subscriber["maintenance_reason"]) == ("001", None)
    assert subscriber["maintenance_effective"] is None
    assert dependent["additional_maintenance_reason"] == "ISSUER MAINT"
    assert (dependent["maintenance_type"], dependent["maintenance_reason"]) == ("001", "25")
    assert (dependent["issuer_member_id"], dependent["former_issuer_member_id"]) == ("M2", None)
    assert dependent["maintenance_effective"] == date(2027, 1, 1)
    assert desk.evidence()["ids"] == [{"member": "D1", "kind": "issuer_member_id", "value": "M2"}]


@pytest.mark.parametrize(
    ("night", "day"),
    [("2027-03-11T02:00", date(2027, 3, 10)), ("2028-06-01T12:00", date(2027, 12, 31))],
)
def test_new_ids_hold_from_the_day_at_the_exchange(desk, night, day):
    """DTP*303 is the day of the file itself, and no day after the coverage."""
    desk.carrier.begins_night(datetime.fromisoformat(night).replace(tzinfo=UTC))
    desk.knows("P1", "S1", issuer_member_id="M1")
    desk.decides(str(day))

    assert [row["maintenance_effective"] for row in desk.offers()] == [day, None]


def test_ids_that_change_are_told_with_the_former_ones(desk, say):
    """REF*23 with ABB, ZZ with Q4, X9 with XM; a policy's id changes for all its members."""
    ids = {"issuer_member_id": "M1", "issuer_subscriber_id": "U1"}
    desk.carrier.receives(say.change("P1", "S1", say.unchanged("P1", "S1", "D1"), **ids))
    desk.carrier.applies()
    desk.stands("P1", "effectuated")
    desk.knows("P1", "S1", issuer_member_id="M9", issuer_subscriber_id="U9", issuer_policy_id="C1")

    assert desk.decides("2027-01-06") == [CHANGED]

    subscriber, dependent = desk.offers()
    assert (subscriber["issuer_member_id"], subscriber["former_issuer_member_id"]) == ("M9", "M1")
    assert subscriber["former_issuer_subscriber_id"] == "U1"
    assert (subscriber["issuer_policy_id"], subscriber["former_issuer_policy_id"]) == ("C1", None)
    assert dependent["additional_maintenance_reason"] == "ISSUER MAINT"


def test_no_ids_are_told_of_what_is_not_effectuated(desk):
    """Table 16 rejects a maintenance before the effectuation, which will hold the ids."""
    desk.stands("P1", "initial", needs_effectuation=True)
    desk.records.rows["payments"] = []
    desk.knows("P1", "D1", issuer_member_id="M2")

    assert desk.decides("2027-01-06") == []


def test_no_ids_are_told_of_what_is_cancelled(desk, say):
    """Nor after a cancellation."""
    desk.carrier.receives(say.cancellation("P1", "S1"))
    desk.carrier.applies()
    desk.knows("P1", "D1", issuer_member_id="M2")

    assert desk.decides("2027-01-06") == []


def test_an_id_of_somebody_whom_the_policy_does_not_have_is_not_told(desk):
    """The reconciliation tells of such a record."""
    desk.knows("P1", "D9", issuer_member_id="M2")

    assert desk.decides("2027-01-06") == []


def test_an_id_of_somebody_who_was_never_covered_is_not_told(desk, say):
    """Removed from the first day on: a maintenance would not name such a member."""
    removed = say.removed("P1", "S1", "D1", date(2027, 1, 1))
    desk.carrier.receives(say.change("P1", "S1", removed))
    desk.carrier.applies()
    desk.stands("P1", "effectuated")
    desk.knows("P1", "D1", issuer_member_id="M2")

    assert desk.decides("2027-01-06") == []


def test_an_exchange_that_wants_the_ids_is_told_nothing_without_them(carrier_of_a_state, say):
    """The binder is paid; the effectuation waits until the carrier knows its own ids."""
    carrier_of_a_state.receives(say.enrollment("P1", "S1", "D1"))
    carrier_of_a_state.applies()
    desk = Desk(carrier_of_a_state)
    desk.paid("P1", "200.00", on="2026-12-15")
    desk.knows("P1", "S1", issuer_policy_id="C1", issuer_member_id="M1")

    assert desk.decides("2026-12-16") == []
    assert desk.findings() == [("P1", "member", "issuer_member_id-missing")]

    desk.knows("P1", "D1", issuer_member_id="M2")
    assert desk.decides("2026-12-16") == [("P1", "binder-paid", "", None)]
    assert desk.findings() == []
    assert [row["issuer_policy_id"] for row in desk.offers()] == ["C1", "C1"]
    assert [row["additional_maintenance_reason"] for row in desk.offers()] == [None, None]
