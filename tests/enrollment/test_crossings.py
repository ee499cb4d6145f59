"""What we say and what the exchange says cross in one night: neither knows of the other's yet."""

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

from tests.enrollment.deciding import Desk

# The exchange's set was submitted before ours was written (16 December, noon), or after.
EARLIER, LATER = "2026121608000000", "2026121620000000"
CROSSED = pytest.mark.parametrize("submitted", [EARLIER, LATER])
SPRING = date(2027, 3, 31)


@pytest.fixture
def desk(carrier, say):
    """A desk whose book holds P1 of S1 and D1, who owe 200.00 of 300.00 a month from 2027-01-01."""
    carrier.receives(say.at("2026112912000000", say.enrollment("P1", "S1", "D1")))
    carrier.applies()
    return Desk(carrier)


@pytest.fixture
def effectuated(desk):
    """The desk when P1 was confirmed a week before."""
    desk.paid("P1", "200.00", on="2026-12-08")
    desk.sends("2026-12-09")
    return desk


def hears_of(desk, say, submitted, transaction_set):
    """What the exchange sent meanwhile, read in the next night."""
    desk.carrier.receives(say.at(submitted, transaction_set))
    desk.carrier.applies()


def said(rows):
    """The transactions of what was said."""
    return sorted({row["transaction"] for row in rows})


@CROSSED
def test_our_effectuation_and_a_change_of_the_exchange_both_hold(desk, say, submitted):
    """Confirmed, with the new amount; nothing has to be said again."""
    desk.paid("P1", "200.00", on="2026-12-15")
    assert said(desk.sends("2026-12-16")) == ["effectuation"]
    amounts = [("APTC AMT", "150.00", date(2027, 1, 1))]
    desk.carrier.receives(say.change("P1", "S1", amounts=amounts, submitted=submitted))
    desk.carrier.applies()

    assert desk.carrier.status("P1") == ("effectuated", False)
    assert desk.carrier.book()["P1", "S1"]["aptc"] == Decimal("150.00")
    assert desk.sends("2026-12-17") == []


@CROSSED
def test_our_end_and_the_exchange_s_cancellation_leave_no_coverage(effectuated, say, submitted):
    """Whoever was first: the exchange's is the stronger one, and ours is not said again."""
    effectuated.asks("terminate", "P1", "TERM-OTH", end="2027-03-31", on="2026-12-15")
    assert said(effectuated.sends("2026-12-16")) == ["termination"]
    hears_of(effectuated, say, submitted, say.cancellation("P1", "S1"))

    assert effectuated.carrier.status("P1")[0] == "cancelled"
    assert effectuated.carrier.coverage("P1") == []
    assert effectuated.sends("2026-12-17") == []


@CROSSED
def test_our_cancellation_and_the_exchange_s_end_leave_no_coverage(effectuated, say, submitted):
    """An end in March takes nothing back of a cancellation from the first day."""
    effectuated.asks("cancel", "P1", "CANCEL-OTH", on="2026-12-15")
    assert said(effectuated.sends("2026-12-16")) == ["cancellation"]
    hears_of(effectuated, say, submitted, say.termination("P1", "S1", SPRING))

    assert effectuated.carrier.status("P1")[0] == "cancelled"
    assert effectuated.carrier.coverage("P1") == []
    assert effectuated.sends("2026-12-17") == []


@CROSSED
def test_our_ids_and_the_exchange_s_end_both_hold(effectuated, say, submitted):
    """The ids are known, and told once."""
    effectuated.knows("P1", "S1", issuer_member_id="M1", issuer_subscriber_id="U1")
    assert said(effectuated.sends("2026-12-16")) == ["maintenance"]
    hears_of(effectuated, say, submitted, say.termination("P1", "S1", SPRING))

    assert effectuated.carrier.status("P1")[0] == "terminated"
    known = sa.text("SELECT value FROM book.identifier WHERE known_to = 'infinity' ORDER BY 1")
    assert list(effectuated.conn.execute(known).scalars()) == ["M1", "U1"]
    assert effectuated.sends("2026-12-17") == []


@CROSSED
def test_our_reinstatement_does_not_undo_an_end_that_the_exchange_told(effectuated, say, submitted):
    """It was meant for our own cancellation; the exchange's own end is not ours to take back."""
    effectuated.asks("cancel", "P1", "CANCEL-OTH", on="2026-12-10")
    effectuated.sends("2026-12-11")
    effectuated.asks("reinstate", "P1", on="2026-12-15")
    assert said(effectuated.sends("2026-12-16")) == ["reinstatement"]
    hears_of(effectuated, say, submitted, say.termination("P1", "S1", SPRING))

    assert effectuated.carrier.status("P1")[0] == "terminated"
    assert effectuated.sends("2026-12-17") == []


def test_a_carry_forward_cancel_withdraws_what_was_decided_of_the_renewal(carrier, say):
    """In April the exchange cancels a renewal from January: nothing of it is said any more."""
    renewal = say.enrollment("P2", "S2", reason="PASSIVE", maintenance_reason="41")
    carrier.receives(say.at("2026112912000000", renewal), function_code="I834AR")
    carrier.applies()
    desk = Desk(carrier)
    desk.paid("P2", "200.00", on="2026-12-15")
    desk.asks("terminate", "P2", "TERM-OTH", end="2027-05-31", on="2027-04-01")
    desk.decides("2027-04-01")
    assert [rule for _, rule, _, _ in desk.unsent()] == ["termination-requested"]
    new_year = date(2027, 1, 1)
    cancel = say.cancellation("P2", "S2", new_year, "CANCEL - CARRYFORWARD", None)
    hears_of(desk, say, "2027040112000000", cancel)

    assert desk.sends("2027-04-02") == []
    assert [state for _, state in desk.decisions()] == ["withdrawn"]
    assert desk.carrier.status("P2")[0] == "cancelled"
