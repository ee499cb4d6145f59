"""What an exchange pays is what the book says is due, or a row says what is not, and how much."""

from datetime import date
from decimal import Decimal

import pyarrow.compute as pc
import pytest

from reconciliation.premium import differences_of, terms_of
from tests.reconciliation.premium_cases import (
    FEBRUARY,
    JANUARY,
    matched,
    paid_in_full,
    payment,
    segment,
    told,
)


def test_what_is_due_is_paid():
    """APTC and user fee agree, and nothing is told."""
    match = matched(paid_in_full(), [segment()])
    assert told(match) == []
    assert match.months["category"].to_pylist() == ["agreed", "agreed"]
    assert match.stated == Decimal(375)


@pytest.mark.parametrize(
    ("payments", "expected"),
    [
        ([payment(amount=390), payment("UF", -25)], ("short", "aptc", -1000)),
        ([payment(amount=410), payment("UF", -25)], ("over", "aptc", 1000)),
        ([payment(), payment("UF", -30)], ("over", "user_fee", -500)),
        ([payment(), payment("UF", -20)], ("short", "user_fee", 500)),
        ([payment("UF", -25)], ("not_paid", "aptc", -40000)),
        ([*paid_in_full(), payment("CSR", 50)], ("over", "csr", 5000)),
        ([*paid_in_full(), payment("APTC", 400)], ("over", "aptc", 40000)),
    ],
)
def test_an_amount_that_differs_is_told(payments, expected):
    """By amount: the charge is measured apart from the payment, and a sum against the sum."""
    category, amount_type, cents = expected
    rows = told(matched(payments, [segment()]))
    assert rows == [(category, "4567", JANUARY, amount_type, cents)]


def test_a_cent_of_rounding_is_within_the_tolerance_of_a_fee():
    """It is zero cents of APTC, and one of a user fee."""
    assert told(matched([payment(), payment("UF", "-25.01")], [segment()])) == []
    assert told(matched([payment(amount="400.01"), payment("UF", -25)], [segment()])) != []


def test_a_policy_that_the_exchange_left_out_is_not_paid():
    """All that is due of it in the months that the file pays."""
    rows = told(matched(paid_in_full(), [segment(), segment("9999", aptc=Decimal(100))]))
    assert rows == [
        ("not_paid", "9999", JANUARY, "aptc", -10000),
        ("not_paid", "9999", JANUARY, "user_fee", 2500),
    ]


def test_a_policy_that_nobody_knows_is_told_as_it_was_sent():
    """One of ours that the book does not have, or one of another issuer."""
    unknown = payment("APTC", 70, policy="1")
    other = payment("APTC", 80, policy="2", plan_id="99999TX0010001")
    rows = told(matched([*paid_in_full(), unknown, other], [segment()]))
    assert rows == [
        ("other_issuer", "2", JANUARY, "aptc", 8000),
        ("unknown_policy", "1", JANUARY, "aptc", 7000),
    ]


@pytest.mark.parametrize(
    ("known", "by"),
    [
        ({}, "exchange_policy_id"),
        ({"exchange_policy_id": None}, "issuer_policy_id"),
        ({"exchange_policy_id": "0", "issuer_policy_id": None}, "exchange_subscriber_id"),
    ],
)
def test_the_first_id_that_finds_a_policy_finds_it(known, by):
    """And the row says which it was."""
    payments = [row | known for row in paid_in_full()]
    match = matched(payments, [segment()])
    assert told(match) == []
    assert set(match.months["matched_by"].to_pylist()) == {by}


def test_an_id_of_two_policies_finds_neither():
    """A subscriber with two policies says nothing of which one is paid."""
    nameless = {"exchange_policy_id": None, "issuer_policy_id": None}
    both = [
        segment("1", exchange_subscriber_id="S4567"),
        segment("2", exchange_subscriber_id="S4567"),
    ]
    rows = told(matched([payment() | nameless], both))
    assert ("unknown_policy", None, JANUARY, "aptc", 40000) in rows


def test_a_payment_of_a_policy_that_the_book_lacks_is_not_the_one_of_the_year_before():
    """The 834 of its renewal is missing; the subscriber's policy of last year has ended."""
    before = segment(
        "OLD",
        exchange_subscriber_id="S1",
        segment_begin=date(2025, 1, 1),
        segment_end=date(2025, 12, 31),
    )
    renewal = {"exchange_subscriber_id": "S1", "issuer_policy_id": "IOLD"}
    paid = [payment(policy="NEW") | renewal]
    assert told(matched(paid, [before])) == [("unknown_policy", "NEW", JANUARY, "aptc", 40000)]

    still = before | {"segment_end": date(2026, 1, 31)}
    assert [row[:2] for row in told(matched(paid, [still]))] == [("not_paid", "OLD")]
    nameless = [row | {"exchange_policy_id": "000"} for row in paid]
    assert told(matched(nameless, [before])) == [("paid_after_end", "OLD", JANUARY, "aptc", 40000)]


def test_money_after_the_end_is_told_as_that():
    """Also what is paid before the begin, and of a policy that was cancelled."""
    ended = segment(segment_end=date(2026, 1, 31))
    rows = told(matched(paid_in_full(month=FEBRUARY), [ended]))
    assert [row[0] for row in rows] == ["paid_after_end"] * 2
    rows = told(matched(paid_in_full(), [segment(segment_begin=FEBRUARY)]))
    assert [row[0] for row in rows] == ["not_covered"] * 2
    rows = told(matched(paid_in_full(), [segment(policy_status="cancelled")]))
    assert [row[0] for row in rows] == ["not_covered"] * 2


def test_adjustments_are_netted_with_what_earlier_files_paid():
    """January was paid with 500; now 600 are taken back and 500 paid: 400 are due."""
    earlier = [payment(amount=500), payment("UF", -25)]
    now = [
        *paid_in_full(month=FEBRUARY),
        payment("APTCADJ", -600),
        payment("APTCADJ", 500),
    ]
    match = matched(now, [segment()], earlier=earlier)
    assert told(match) == []
    january = match.months.filter(pc.equal(match.months["month"], JANUARY)).to_pylist()
    assert [(row["amount_type"], row["paid_before"], row["adjusted"]) for row in january] == [
        ("aptc", Decimal(500), Decimal(-100))
    ]


def test_a_part_of_a_month_is_due_in_part():
    """By its days; of two segments each has its own amount."""
    halves = [
        segment(segment_end=date(2026, 1, 15)),
        segment(segment_begin=date(2026, 1, 16), aptc=Decimal(310), premium_total=Decimal(2000)),
    ]
    aptc = round(Decimal(400) * 15 / 31 + Decimal(310) * 16 / 31, 2)
    fee = round(Decimal(25) * 15 / 31 + Decimal(50) * 16 / 31, 2)
    assert told(matched([payment(amount=aptc), payment("UF", -fee)], halves)) == []


def test_half_a_cent_is_rounded_up():
    """17 of 28 days of 200.06 are 121.465, which no binary fraction is."""
    part = segment(
        segment_begin=date(2026, 2, 12), aptc=Decimal("200.06"), premium_total=Decimal(0)
    )
    assert told(matched([payment("APTC", "121.47", month=FEBRUARY)], [part])) == []
    assert told(matched([payment("APTC", "121.46", month=FEBRUARY)], [part])) == [
        ("short", "4567", FEBRUARY, "aptc", -1)
    ]


def test_a_payment_of_several_months_is_split_to_the_cent():
    """The first months have the cents that are left."""
    three = payment("APTCADJ", "-100.00", date(2025, 12, 1), period_end=date(2026, 2, 28))
    match = matched([three], [segment(segment_begin=date(2025, 12, 1))])
    assert match.is_conserved
    assert match.months["charges"].to_pylist() == [
        Decimal("-33.34"),
        Decimal("-33.33"),
        Decimal("-33.33"),
    ]


def test_money_of_no_policy_stands_by_itself():
    """Balances and debts, types that nobody knows, and what has no month."""
    nameless = {
        "exchange_policy_id": None,
        "issuer_policy_id": None,
        "exchange_subscriber_id": None,
    }
    payments = [
        *paid_in_full(),
        payment("BAL", -5) | nameless,
        payment("NEW", 7),
        payment("CSR", 9, period_begin=None, period_end=None),
    ]
    assert told(matched(payments, [segment()])) == [
        ("program", None, JANUARY, "BAL", -500),
        ("unknown_type", "4567", JANUARY, "NEW", 700),
        ("without_period", "4567", None, "csr", 900),
    ]


def test_what_a_total_says_beside_its_payments_is_a_row_too():
    """A cent of BPR02 that no payment explains is not lost."""
    rows = told(matched(paid_in_full(), [segment()], total="380.50"))
    assert rows == [("unitemised", None, None, "BPR02", 550)]


def test_a_year_without_a_known_fee_expects_none():
    """What is charged is told as not expected, and nothing is missed when nothing is charged."""
    terms = terms_of("dc-health-link", ["12345TX0010001"])
    assert told(matched([payment()], [segment()], terms=terms)) == []
    rows = told(matched(paid_in_full(), [segment()], terms=terms))
    assert rows == [("not_expected", "4567", JANUARY, "user_fee", -2500)]


def test_what_nobody_has_confirmed_is_not_due_also_after_its_end():
    """A terminated policy is paid for only where it was confirmed before."""
    ended = {"policy_status": "terminated", "segment_end": date(2026, 1, 31)}
    never = segment("9", is_confirmed=False, **ended)
    rows = told(matched(paid_in_full(), [segment(**ended), never]))
    assert rows == []


def test_an_empty_file_pays_nothing_and_misses_nothing():
    """It has no month."""
    assert told(matched([], [segment()])) == []


def test_differences_name_the_month_and_both_sides():
    """Expected is the book's value, paid the other side's; what agrees is none."""
    payments = [payment(amount=390), payment("UF", -25), payment("APTC", 70, policy="1")]
    found = differences_of(matched(payments, [segment(), segment("9999")]).months, 7).to_pylist()
    told_of = ("kind", "exchange_policy_id", "field", "book_value", "carrier_value", "rule")
    assert [tuple(row[name] for name in told_of) for row in found] == [
        ("missing_at_carrier", "9999", "aptc", "400.00", "0.00", "not_paid"),
        ("missing_at_carrier", "9999", "user_fee", "-25.00", "0.00", "not_paid"),
        ("differs", "4567", "aptc", "400.00", "390.00", "short"),
        ("missing_in_book", "1", "aptc", None, "70.00", "unknown_policy"),
    ]
    assert {(row["period"], row["file_id"]) for row in found} == {("2026-01", 7)}
    assert [row["aptc_difference"] for row in found] == [
        Decimal(-400),
        None,
        Decimal(-10),
        Decimal(70),
    ]


def test_a_hundred_thousand_payments_are_matched_at_once():
    """Every policy in one statement; one in ten is short by a dollar."""
    count = 33_000
    segments = [segment(str(number)) for number in range(count)]
    payments = [
        payment("APTC", 399 if number % 10 == 0 else 400, policy=str(number))
        for number in range(count)
    ]
    payments += [payment("UF", -25, policy=str(number)) for number in range(count)]
    payments += [payment("CSR", 0, policy=str(number)) for number in range(count)]
    match = matched(payments, segments)
    assert match.is_conserved
    assert len(told(match)) == count // 10
