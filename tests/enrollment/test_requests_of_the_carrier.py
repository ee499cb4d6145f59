"""What the carrier asks to be told to the exchange, and what of it cannot be."""

from datetime import date

import pytest

from tests.enrollment.deciding import Desk

STANDINGS = {
    "initial": ("initial", True),
    "effectuated": ("effectuated", False),
    "terminated-from-initial": ("terminated", True),
    "terminated-from-effectuated": ("terminated", False),
    "cancelled": ("cancelled", False),
}


@pytest.fixture
def desk(carrier, say):
    """A desk whose book holds P1 of S1, effectuated and paid for the year 2027."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.applies()
    desk = Desk(carrier)
    desk.paid("P1", "2400.00", on="2026-12-15", through="2027-12-31")
    desk.stands("P1", "effectuated")
    return desk


def stands_as(desk, say, standing):
    """P1 in one of the columns of table 16; a termination is at the end of June."""
    status, needs_effectuation = STANDINGS[standing]
    if status == "terminated":
        desk.carrier.receives(say.termination("P1", "S1", date(2027, 6, 30)))
    if status == "cancelled":
        desk.carrier.receives(say.cancellation("P1", "S1"))
    desk.carrier.applies()
    desk.stands("P1", status, needs_effectuation=needs_effectuation)


@pytest.mark.parametrize(
    ("standing", "cancels", "terminates"),
    [
        ("initial", True, True),
        ("effectuated", True, True),
        ("terminated-from-initial", True, True),
        ("terminated-from-effectuated", True, True),
        ("cancelled", False, False),
    ],
)
def test_the_status_of_a_policy_says_what_may_be_asked(desk, say, standing, cancels, terminates):
    """Table 16; the termination is earlier than the one before."""
    stands_as(desk, say, standing)
    desk.records.rows["payments"] = []

    desk.asks("cancel", "P1", "CANCEL-OTH")
    cancelled = [row for row in desk.decides("2027-01-06") if row[1] == "cancellation-requested"]
    cancel_findings = desk.findings()
    desk.records.rows["requests"] = []
    desk.asks("terminate", "P1", "TERM-OTH", end="2027-05-31")
    terminated = [row for row in desk.decides("2027-01-06") if row[1] == "termination-requested"]

    wrong = [("P1", "request", "wrong-status")]
    assert cancelled == (
        [("P1", "cancellation-requested", "CANCEL-OTH", "2027-01-01")] if cancels else []
    )
    assert cancel_findings == ([] if cancels else wrong)
    assert terminated == (
        [("P1", "termination-requested", "TERM-OTH", "2027-05-31")] if terminates else []
    )
    assert desk.findings() == ([] if terminates else wrong)


def test_a_request_is_followed_also_while_the_payments_stand_still(desk):
    """Nothing of it is for want of one."""
    desk.records.payments_are_stale = True
    desk.asks("terminate", "P1", "TERM-OTH", end="2027-05-31")

    assert desk.decides("2027-01-06") == [("P1", "termination-requested", "TERM-OTH", "2027-05-31")]


@pytest.mark.parametrize("end", ["2027-06-30", "2027-07-31"])
def test_what_is_terminated_is_terminated_earlier_only(desk, say, end):
    """A later end needs a reinstatement first (section 7.2.6)."""
    stands_as(desk, say, "terminated-from-effectuated")
    desk.asks("terminate", "P1", "TERM-OTH", end=end)

    assert desk.decides("2027-05-02") == []
    assert desk.findings() == [("P1", "request", "end-not-earlier")]


@pytest.mark.parametrize("reason", ["CANCEL-ANTIDUPLICATION", "CANCEL-OUT-OF-AREA"])
def test_some_reasons_are_only_for_what_is_not_effectuated_yet(desk, reason):
    """Medicare and the service area are looked at before coverage is confirmed."""
    desk.asks("cancel", "P1", reason)
    assert desk.decides("2027-01-06") == []
    assert desk.findings() == [("P1", "request", "not-initial")]

    desk.stands("P1", "initial", needs_effectuation=True)
    assert desk.decides("2027-01-06") == [("P1", "cancellation-requested", reason, "2027-01-01")]


@pytest.mark.parametrize(("on", "is_in_time"), [("2027-01-11", True), ("2027-01-12", False)])
def test_a_free_look_has_its_days(desk, on, is_in_time):
    """Ten days from the first day of coverage, unless the partner's file says otherwise."""
    desk.asks("cancel", "P1", "CANCEL-FLC", on=on)

    decided = desk.decides("2027-01-20")

    assert bool(decided) is is_in_time
    assert desk.findings() == ([] if is_in_time else [("P1", "request", "free-look-over")])
    desk.agrees(free_look_days=30)
    assert desk.decides("2027-01-20")


@pytest.mark.parametrize(
    ("reason", "end", "on", "is_open"),
    [
        ("TERM-ANTIDUPLICATION", "2027-12-31", "2027-09-14", False),
        ("TERM-ANTIDUPLICATION", "2027-12-31", "2027-09-15", True),
        ("TERM-ANTIDUPLICATION", "2027-12-31", "2027-12-31", True),
        ("TERM-ANTIDUPLICATION", "2027-12-31", "2028-01-01", False),
        ("TERM-ANTIDUPLICATION", "2027-11-30", "2027-10-01", False),
        ("TERM-OTH", "2027-12-31", "2027-11-30", False),
        ("TERM-OTH", "2027-12-31", "2027-12-01", True),
        ("TERM-OTH", "2027-12-31", "2028-01-01", False),
        ("TERM-OTH", "2027-11-30", "2027-10-01", True),
        ("TERM-HICS", "2027-12-31", "2027-05-01", True),
    ],
)
def test_the_end_of_the_year_has_its_windows(desk, reason, end, on, is_open):
    """Section 6.10: when which reason may be sent with an end on 12/31."""
    desk.asks("terminate", "P1", reason, end=end)

    decided = desk.decides(on)

    assert decided == ([("P1", "termination-requested", reason, end)] if is_open else [])
    assert desk.findings() == ([] if is_open else [("P1", "request", "outside-window")])


@pytest.mark.parametrize(
    ("aptc", "on", "is_open"),
    [
        ("0.00", "2027-12-31", False),
        ("0.00", "2028-01-01", True),
        ("100.00", "2028-02-29", False),
        ("100.00", "2028-03-01", True),
    ],
)
def test_an_end_of_the_year_for_want_of_payment_waits_longer_with_aptc(
    carrier, say, aptc, on, is_open
):
    """Section 6.10: from 1/1 without APTC, from 3/1 with it; before that it is told."""
    carrier.receives(say.enrollment("P1", "S1", aptc=aptc))
    carrier.applies()
    desk = Desk(carrier)
    desk.stands("P1", "effectuated")
    desk.asks("terminate", "P1", "TERM", end="2027-12-31")

    decided = desk.decides(on)

    said = ("P1", "termination-requested", "TERM", "2027-12-31")
    outside = ("P1", "request", "outside-window")
    assert decided == ([said] if is_open else [])
    assert (outside in desk.findings()) is not is_open


@pytest.mark.parametrize(
    ("end", "rule"),
    [
        (None, "end-missing"),
        ("2027-01-01", "end-not-after-begin"),
        ("2028-01-31", "end-after-plan-year"),
    ],
)
def test_a_termination_needs_an_end_within_the_coverage(desk, end, rule):
    """After its first day, and in its plan year."""
    desk.asks("terminate", "P1", "TERM-OTH", end=end)

    assert desk.decides("2027-01-06") == []
    assert desk.findings() == [("P1", "request", rule)]


@pytest.mark.parametrize(("end", "is_right"), [("2027-01-01", True), ("2026-12-31", False)])
def test_a_directive_may_end_coverage_on_its_first_day(desk, end, is_right):
    """Table 25: of terminations only one that results from a HICS case."""
    desk.asks("terminate", "P1", "TERM-HICS", end=end)

    decided = desk.decides("2027-01-06")

    assert decided == ([("P1", "termination-requested", "TERM-HICS", end)] if is_right else [])
    assert desk.findings() == ([] if is_right else [("P1", "request", "end-not-after-begin")])


@pytest.mark.parametrize(
    ("end", "is_right"), [("2027-01-01", True), ("2026-12-31", True), ("2027-01-02", False)]
)
def test_a_cancellation_ends_on_the_first_day_or_the_day_before(desk, end, is_right):
    """Section 7.2.5."""
    desk.asks("cancel", "P1", "CANCEL-FRD", end=end)

    assert desk.decides("2027-01-06") == (
        [("P1", "cancellation-requested", "CANCEL-FRD", end)] if is_right else []
    )


def test_the_partner_may_cancel_on_the_day_before(desk):
    """What the carrier does not say, its terms say."""
    desk.agrees(cancel_end_offset=-1)
    desk.asks("cancel", "P1", "CANCEL-HICS")

    assert desk.decides("2027-01-06") == [
        ("P1", "cancellation-requested", "CANCEL-HICS", "2026-12-31")
    ]


@pytest.mark.parametrize(
    ("request_", "policy", "reason", "rule"),
    [
        ("cancel", "P9", "CANCEL-OTH", "unknown-policy"),
        ("cancel", "P1", "CANCEL-WHY", "reason-unknown"),
        ("cancel", "P1", None, "reason-unknown"),
        ("terminate", "P1", "CANCEL-OTH", "reason-unknown"),
        ("suspend", "P1", None, "request-unknown"),
        ("reinstate", "P1", None, "wrong-status"),
    ],
)
def test_a_request_that_cannot_be_followed_is_told(desk, request_, policy, reason, rule):
    """A row, and nothing else happens."""
    desk.asks(request_, policy, reason)

    assert desk.decides("2027-01-06") == []
    assert desk.findings() == [(policy, "request", rule)]


def test_the_newest_request_counts(desk):
    """What was asked before it is history; two of one day that differ are told."""
    desk.asks("terminate", "P1", "TERM-HICS", end="2027-03-31", on="2027-01-04")
    desk.asks("terminate", "P1", "TERM-HICS", end="2027-04-30", on="2027-01-05")
    assert [row[3] for row in desk.decides("2027-01-06")] == ["2027-04-30"]

    desk.asks("cancel", "P1", "CANCEL-HICS", on="2027-01-05")
    assert desk.decides("2027-01-06") == []
    assert set(desk.findings()) == {("P1", "request", "requests-contradict")}


def test_a_request_of_the_future_waits_for_its_day(desk):
    """Told until then."""
    desk.asks("cancel", "P1", "CANCEL-OTH", on="2027-01-07")

    assert desk.decides("2027-01-06") == []
    assert desk.findings() == [("P1", "request", "in-the-future")]
    assert len(desk.decides("2027-01-07")) == 1


def test_a_request_goes_before_what_follows_from_payments(desk):
    """The binder is paid, and the member was defrauded: the cancellation is said."""
    desk.stands("P1", "initial", needs_effectuation=True)
    assert desk.decides("2027-01-06") == [("P1", "binder-paid", "CONFIRM", None)]

    desk.asks("cancel", "P1", "CANCEL-FRD")

    assert [row[1] for row in desk.decides("2027-01-06")] == ["cancellation-requested"]
    assert [state for _, state in desk.decisions()] == ["withdrawn", "open"]


def test_what_persons_have_refused_is_not_decided_again(desk):
    """Until the request is another one."""
    desk.asks("cancel", "P1", "CANCEL-OTH")
    desk.decides("2027-01-06")
    desk.moves_all_to("refused")

    assert desk.decides("2027-01-07") == []

    desk.asks("cancel", "P1", "CANCEL-OTH", on="2027-01-08")
    assert len(desk.decides("2027-01-08")) == 1


def test_a_held_decision_stays_held(desk):
    """Decided again, it keeps its id and state and does not go out."""
    desk.asks("cancel", "P1", "CANCEL-OTH")
    desk.decides("2027-01-06")
    desk.moves_all_to("held")
    before = desk.decisions()

    desk.decides("2027-01-07")

    assert desk.decisions() == before
    assert desk.offers() == []


def test_an_end_by_the_exchange_is_not_taken_back(desk, say):
    """Section 7.2.7: only the issuer's own."""
    stands_as(desk, say, "terminated-from-effectuated")
    desk.asks("reinstate", "P1")

    assert desk.decides("2027-07-10") == []
    assert desk.findings() == [("P1", "request", "ended-by-exchange")]


def test_what_ends_a_policy_holds_its_subscriber_alone(desk):
    """With the codes of table 29 and the day of the end."""
    desk.asks("terminate", "P1", "TERM-HICS", end="2027-03-31")
    desk.decides("2027-01-06")

    (row,) = desk.offers()

    assert (row["transaction"], row["is_subscriber"]) == ("termination", True)
    assert (row["maintenance_type"], row["maintenance_reason"]) == ("024", "26")
    assert row["additional_maintenance_reason"] == "TERM-HICS"
    assert row["eligibility_end"] == date(2027, 3, 31)
    assert (row["reference"], row["sponsor_name"]) == ("4711", "SAMPLE SPONSOR")
    assert desk.offers("effectuation") == []
