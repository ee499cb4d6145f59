"""A change in circumstance after a year of coverage: the exchange may want no effectuation."""

from datetime import date

import pytest

from tests.enrollment.deciding import Desk

TOLD = ("P2", "payment", "continued-unpaid")
CANCELLED = ("P2", "binder-unpaid", "CANCEL", "2027-01-01")
CONFIRMED = ("P2", "binder-paid", "CONFIRM", None)
OTHER_ISSUER = "91002TX001000101"
RENEWED = {"maintenance_reason": "41", "reason": "PASSIVE"}


def after_a_year(
    carrier,
    say,
    *later,
    reason="CIC",
    subscriber="S1",
    begin=2026,
    plan="91001TX001000101",
    enrolled=RENEWED,
):
    """A desk whose book holds P1 of a year, and P2 of S1 from 2027-01-01, whose binder is 200.00.

    P1 is a plain renewal if nothing else is said, and so effectuated.
    """
    first = say.enrollment("P1", subscriber, begin=date(begin, 1, 1), plan=plan, **enrolled)
    carrier.receives(first, function_code="I834AR")
    second = say.enrollment("P2", "S1", reason=reason, plan="91001TX001000201")
    carrier.receives(*later, second)
    carrier.applies()
    return Desk(carrier)


def decided(desk, on):
    """What is decided of P2, and what is told of its payments."""
    said = [decision for decision in desk.decides(on) if decision[0] == "P2"]
    return said, [finding for finding in desk.findings() if finding[0] == "P2"]


@pytest.mark.parametrize("is_ended", [False, True])
def test_who_goes_on_with_the_same_issuer_is_not_cancelled_without_a_person(carrier, say, is_ended):
    """Section 7.2.4: whether a binder is owed at all, the exchange knows."""
    ended = say.termination("P1", "S1", date(2026, 12, 31), "TERM CIC")
    desk = after_a_year(carrier, say, *([ended] if is_ended else []))

    assert decided(desk, "2027-01-31") == ([], [])
    assert decided(desk, "2027-02-01") == ([], [TOLD])
    desk.asks("cancel", "P2", "CANCEL", on="2027-02-02")
    said, _ = decided(desk, "2027-02-02")
    assert said == [("P2", "cancellation-requested", "CANCEL", "2027-01-01")]


def test_who_goes_on_and_pays_is_confirmed(carrier, say):
    """At worst the exchange rejects what it does not need."""
    desk = after_a_year(carrier, say)
    desk.paid("P2", "200.00", on="2026-12-15")

    assert decided(desk, "2027-02-01") == ([CONFIRMED], [])


@pytest.mark.parametrize(
    "otherwise",
    [
        {"reason": ""},
        {"enrolled": {}},
        {"subscriber": "S9"},
        {"begin": 2025},
        {"plan": OTHER_ISSUER},
    ],
)
def test_who_does_not_go_on_owes_a_binder(carrier, say, otherwise):
    """Only a change in circumstance, after effectuated coverage of the year before, goes on."""
    assert decided(after_a_year(carrier, say, **otherwise), "2027-02-01") == ([CANCELLED], [])


def test_who_was_cancelled_does_not_go_on(carrier, say):
    """Nothing of the year before holds any more."""
    cancellation = say.cancellation("P1", "S1", end=date(2026, 1, 1), reason="CANCELCIC")
    desk = after_a_year(carrier, say, cancellation)

    assert decided(desk, "2027-02-01") == ([CANCELLED], [])
