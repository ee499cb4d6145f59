"""What follows from payments and deadlines, on the day and the day after."""

from datetime import date

import pytest

from tests.enrollment.deciding import Desk

PAID = ("P1", "binder-paid", "CONFIRM", None)
UNPAID = ("P1", "binder-unpaid", "CANCEL", "2027-01-01")


@pytest.fixture
def desk(carrier, say):
    """A desk whose book holds P1 of S1, who owes 200.00 of 300.00 a month from 2027-01-01."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.applies()
    return Desk(carrier)


@pytest.fixture
def without_aptc(carrier, say):
    """A desk whose book holds P1 of S1, effectuated, who owes 300.00 a month without APTC."""
    carrier.receives(say.enrollment("P1", "S1", aptc="0.00"))
    carrier.applies()
    desk = Desk(carrier)
    desk.paid("P1", "300.00", on="2026-12-15")
    desk.stands("P1", "effectuated")
    return desk


@pytest.fixture
def with_aptc(desk):
    """The desk with P1 effectuated and its first month paid."""
    desk.paid("P1", "200.00", on="2026-12-15")
    desk.stands("P1", "effectuated")
    return desk


@pytest.mark.parametrize(
    ("received", "decided"),
    [("2026-12-20", PAID), ("2027-01-31", PAID), ("2027-02-01", UNPAID)],
)
def test_a_binder_counts_until_the_day_of_its_deadline(desk, received, decided):
    """Thirty days after coverage begins, that day included."""
    desk.paid("P1", "200.00", on=received)

    assert desk.decides("2027-02-01") == [decided]


def test_a_binder_that_is_not_paid_waits_for_its_deadline(desk):
    """On the day itself it may still come; on the next it is over."""
    assert desk.decides("2027-01-31") == []
    assert desk.decides("2027-02-01") == [UNPAID]
    assert desk.evidence() == {
        "payments": [],
        "deadline": "2027-01-31",
        "terms": ["binder-regular"],
    }


def test_the_binder_of_a_coverage_that_began_before_it_came_has_thirty_days(carrier, say):
    """The file came on 2026-12-01, for a coverage from 2026-11-01."""
    carrier.receives(say.enrollment("P1", "S1", begin=date(2026, 11, 1)))
    carrier.applies()
    desk = Desk(carrier)

    assert desk.decides("2026-12-31") == []
    assert desk.decides("2027-01-01") == [("P1", "binder-unpaid", "CANCEL", "2026-11-01")]
    assert desk.evidence()["terms"] == ["binder-retroactive"]


@pytest.mark.parametrize(("amount", "rules"), [("190.00", [PAID]), ("189.99", [])])
def test_a_threshold_of_the_net_premium_makes_a_binder_full(desk, amount, rules):
    """95 % of 200.00, to the cent; without an agreement all of it is owed."""
    desk.paid("P1", amount, on="2026-12-20")
    assert desk.decides("2026-12-21") == []

    desk.agrees(threshold_net_percent=95, threshold_gross_percent=98, threshold_fixed=10)

    assert desk.decides("2026-12-21") == rules


def test_parts_make_a_binder_and_the_evidence_names_them(desk):
    """Two parts, each with its day; the last of them is the day of payment."""
    desk.paid("P1", "150.00", on="2026-12-20")
    desk.paid("P1", "50.00", on="2026-12-22")

    assert desk.decides("2026-12-23") == [PAID]
    assert [row["amount"] for row in desk.evidence()["payments"]] == [150.00, 50.00]
    assert desk.findings() == []


def test_an_exchange_is_told_the_day_of_the_last_payment_or_what_it_is_for(desk):
    """Table 18 wants the most recent premium paid date. A reversal is no payment."""
    desk.paid("P1", "150.00", on="2026-12-20")
    desk.paid("P1", "100.00", on="2026-12-22")
    desk.paid("P1", "-50.00", on="2026-12-24")

    assert desk.decides("2026-12-24") == [PAID]
    assert {row["last_premium_paid"] for row in desk.offers()} == {date(2026, 12, 22)}
    federal = desk.carrier.exchange
    other = federal.effectuation.model_copy(update={"last_premium_paid": "paid_through"})
    desk.carrier.exchange = federal.model_copy(update={"effectuation": other})
    assert {row["last_premium_paid"] for row in desk.offers()} == {date(2027, 1, 31)}


def test_a_binder_that_was_paid_twice_is_told_and_confirmed(desk):
    """The earlier of two dates counts; the surplus is not a month."""
    desk.paid("P1", "200.00", on="2026-12-20")
    desk.paid("P1", "200.00", on="2027-02-10")

    assert desk.decides("2027-02-11") == [PAID]
    assert desk.findings() == [
        ("P1", "payment", "more-than-owed"),
        ("P1", "payment", "two-binder-dates"),
    ]


def test_a_binder_that_was_taken_back_is_not_paid(desk):
    """A reversal counts as what it is, and is told."""
    desk.paid("P1", "200.00", on="2026-12-20")
    desk.paid("P1", "-200.00", on="2026-12-28")

    assert desk.decides("2027-01-02") == []
    assert desk.findings() == [("P1", "payment", "reversal")]
    assert desk.decides("2027-02-01") == [UNPAID]


def test_a_binder_that_is_taken_back_later_cancels_what_was_effectuated(desk):
    """Not before its deadline: until then it may be paid again."""
    desk.stands("P1", "effectuated")
    desk.paid("P1", "200.00", on="2026-12-20")
    desk.paid("P1", "-200.00", on="2027-01-10")

    assert desk.decides("2027-01-31") == []
    assert desk.decides("2027-02-01") == [("P1", "binder-reversed", "CANCEL", "2027-01-01")]


def test_a_payment_of_the_future_counts_when_its_day_has_come(desk):
    """Until then it is told."""
    desk.paid("P1", "200.00", on="2027-01-20")

    assert desk.decides("2027-01-19") == []
    assert desk.findings() == [("P1", "payment", "in-the-future")]
    assert desk.decides("2027-01-20") == [PAID]
    assert desk.findings() == []


def test_a_payment_for_an_unknown_policy_is_told(desk):
    """It belongs to somebody, and nothing follows from it."""
    desk.paid("P9", "200.00", on="2026-12-20")

    assert desk.decides("2026-12-21") == []
    assert desk.findings() == [("P9", "payment", "unknown-policy")]


def test_who_owes_nothing_is_confirmed_without_a_payment(carrier, say):
    """APTC for the whole premium: no deadline ends it."""
    carrier.receives(say.enrollment("P1", "S1", premium="100.00", aptc="100.00"))
    carrier.applies()
    desk = Desk(carrier)

    assert desk.decides("2027-03-01") == [("P1", "nothing-owed", "CONFIRM", None)]
    assert [row["last_premium_paid"] for row in desk.offers()] == [date(2027, 1, 1)]


def test_a_plain_renewal_needs_neither_effectuation_nor_binder(carrier, say):
    """What it owes and nobody ever paid is told: no grace is known for it."""
    renewal = {"maintenance_reason": "41", "reason": "PASSIVE"}
    carrier.receives(say.enrollment("P1", "S1", **renewal), function_code="I834AR")
    carrier.applies()
    desk = Desk(carrier)

    assert desk.decides("2027-06-01") == []
    assert desk.findings() == [("P1", "payment", "never-paid")]


def test_a_policy_that_ended_before_it_was_confirmed_is_confirmed_when_paid(desk, say):
    """Table 16 takes an effectuation of what was terminated while initial."""
    desk.carrier.receives(say.termination("P1", "S1", date(2027, 3, 31)))
    desk.carrier.applies()
    desk.paid("P1", "200.00", on="2026-12-20")

    assert desk.decides("2027-01-02") == [PAID]
    assert [row["exchange_member_id"] for row in desk.offers()] == ["S1", "D1"]


def test_a_policy_waits_while_something_of_it_is_at_the_gate(desk, say):
    """That may be its cancellation. What was decided before is decided afterwards again."""
    desk.paid("P1", "200.00", on="2026-12-20")
    desk.decides("2026-12-21")
    desk.carrier.receives(say.cancellation("P1", "S1"))

    assert desk.decides("2026-12-21") == []
    assert desk.findings() == []


def test_days_of_grace_end_coverage_with_what_was_paid(without_aptc):
    """31 days from the first unpaid day; the day after them decides."""
    assert without_aptc.decides("2027-03-03") == []
    assert without_aptc.decides("2027-03-04") == [("P1", "grace-over", "TERM", "2027-01-31")]
    evidence = without_aptc.evidence()
    assert (evidence["grace_begin"], evidence["deadline"]) == ("2027-02-01", "2027-03-03")
    assert evidence["terms"] == ["state-grace"]


def test_the_partner_knows_the_days_of_its_state(without_aptc):
    """Its file goes before ours."""
    without_aptc.agrees(grace_days=10)

    assert without_aptc.decides("2027-02-10") == []
    assert without_aptc.decides("2027-02-11") == [("P1", "grace-over", "TERM", "2027-01-31")]
    assert without_aptc.evidence()["terms"] == ["own-grace_days"]


def test_with_aptc_grace_is_three_months_of_which_the_first_is_covered(with_aptc):
    """February is covered, March and April are not."""
    assert with_aptc.decides("2027-04-30") == []
    assert with_aptc.decides("2027-05-01") == [("P1", "grace-over-aptc", "TERM", "2027-02-28")]
    assert with_aptc.evidence()["grace_begin"] == "2027-02-01"


@pytest.mark.fault("F18")
@pytest.mark.control("exchange-duties")
def test_grace_with_aptc_goes_across_the_end_of_the_year(with_aptc):
    """Paid through November: December is the first month, and its end may be told from March."""
    with_aptc.paid("P1", "2000.00", on="2027-11-01", through="2027-11-30")

    assert with_aptc.decides("2028-02-29") == []
    assert with_aptc.decides("2028-03-01") == [("P1", "grace-over-aptc", "TERM", "2027-12-31")]


def test_who_has_paid_the_whole_year_owes_nothing_of_the_next(with_aptc):
    """A coverage without an end ends with its plan year."""
    with_aptc.paid("P1", "2200.00", on="2027-11-01", through="2027-12-31")

    assert with_aptc.decides("2028-06-01") == []


def test_a_month_counts_when_it_is_paid_within_the_threshold(without_aptc):
    """Of later months the dollars and the share of the gross premium count, too."""
    without_aptc.paid("P1", "290.00", on="2027-02-01", through="2027-02-28")
    short = ("P1", "grace-over", "TERM", "2027-01-31")
    assert without_aptc.decides("2027-03-04") == [short]

    without_aptc.agrees(threshold_fixed=10)
    assert without_aptc.decides("2027-03-04") == []

    without_aptc.agrees(threshold_fixed="9.99")
    assert without_aptc.decides("2027-03-04") == [short]


def test_what_the_exchange_ended_is_ended_earlier_for_want_of_payment(with_aptc, say):
    """Only if the day is earlier: an equal one would be rejected."""
    with_aptc.carrier.receives(say.termination("P1", "S1", date(2027, 6, 30)))
    with_aptc.carrier.applies()
    with_aptc.stands("P1", "terminated")

    assert with_aptc.decides("2027-05-01") == [("P1", "grace-over-aptc", "TERM", "2027-02-28")]


@pytest.mark.fault("F26")
def test_by_stale_payments_nobody_is_ended(desk, with_aptc):
    """Those that are missing may have come."""
    with_aptc.records.payments_are_stale = True

    assert with_aptc.decides("2027-05-01") == []


def test_a_decision_keeps_its_id_from_run_to_run(desk):
    """Decided again in the next run, with newer evidence."""
    desk.paid("P1", "150.00", on="2026-12-20")
    desk.paid("P1", "50.00", on="2026-12-21")
    desk.decides("2026-12-22")
    before = desk.decisions()
    desk.paid("P1", "10.00", on="2026-12-23")

    desk.decides("2026-12-24")

    assert desk.decisions() == before
    assert desk.evidence()["payments"][-1]["amount"] == 10.00
    assert (desk.decided.made, desk.decided.withdrawn) == (0, 0)


def test_a_cancellation_is_withdrawn_when_a_payment_in_time_comes_to_light(desk):
    """It was not sent yet; the payment is confirmed instead."""
    assert desk.decides("2027-02-01") == [UNPAID]
    desk.paid("P1", "200.00", on="2027-01-31")

    assert desk.decides("2027-02-02") == [PAID]
    assert [state for _, state in desk.decisions()] == ["withdrawn", "open"]
