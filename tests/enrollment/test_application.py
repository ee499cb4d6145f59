"""What the exchange's transactions do to the book."""

import itertools
from datetime import date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from enrollment.application import Night, apply_events
from schemas.book import address, member
from schemas.errors import Terminal

NEXT_NIGHT = datetime.fromisoformat("2026-12-02T06:00:00+00:00")
END_OF_JUNE = date(2027, 6, 30)


def test_an_enrollment_enters_the_book(carrier, say):
    """An initial enrollment makes a policy with its members and amounts, not yet effectuated."""
    file_id = carrier.receives(say.enrollment("P1", "S1", "D1"))

    result = carrier.applies()

    assert (result.applied, result.duplicate, result.pending) == (1, 0, 0)
    subscriber = carrier.book()["P1", "S1"]
    assert subscriber["policy_status"] == "initial"
    assert subscriber["benefit_begin"] == date(2027, 1, 1)
    assert subscriber["benefit_end"] is None
    assert subscriber["premium_total"] == Decimal("300.00")
    assert subscriber["aptc"] == Decimal("100.00")
    assert subscriber["file_id"] == file_id
    assert carrier.book()["P1", "D1"]["premium_total"] is None
    assert carrier.dispositions(file_id) == [("accepted", None), ("accepted", None)]
    assert carrier.file_state(file_id) == "applied"


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("PASSIVE", "effectuated"),
        ("PASSIVE \N{EN DASH} B2S", "effectuated"),
        ("PASSIVE - INITIAL", "initial"),
    ],
)
def test_a_plain_renewal_needs_no_effectuation(carrier, say, reason, status):
    """Whether a renewal must be effectuated depends on its reason, however it is spelt."""
    carrier.receives(
        say.enrollment("P1", "S1", reason=reason, maintenance_reason="41"), function_code="I834AR"
    )

    carrier.applies()

    assert carrier.book()["P1", "S1"]["policy_status"] == status


def test_applying_again_changes_nothing(carrier, say):
    """A second application finds nothing to do, and staging a staged file neither."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.applies()
    before = carrier.book()

    result = carrier.applies()

    assert (result.applied, result.duplicate, result.pending) == (0, 0, 0)
    assert carrier.book() == before


def test_a_cancellation_takes_everybody_off_from_the_first_day(carrier, say):
    """Only the subscriber is in the cancellation, but all members end where they began."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.receives(say.cancellation("P1", "S1"))

    carrier.applies()

    book = carrier.book()
    assert {row["policy_status"] for row in book.values()} == {"cancelled"}
    assert [row["benefit_end"] for row in book.values()] == [date(2027, 1, 1)] * 2


def test_a_termination_ends_everybody_on_its_day(carrier, say):
    """Only the subscriber is in the termination, but all members end on its day."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.receives(say.termination("P1", "S1", END_OF_JUNE))

    carrier.applies()

    book = carrier.book()
    assert {row["policy_status"] for row in book.values()} == {"terminated"}
    assert [row["benefit_end"] for row in book.values()] == [END_OF_JUNE] * 2


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1)])
def test_an_end_of_the_exchange_is_moved_by_what_it_says_later(carrier, say, order):
    """Earlier or later, in whatever order it comes: it has no other way to move an end."""
    carrier.receives(say.enrollment("P1", "S1"))
    ends = (END_OF_JUNE, date(2027, 5, 31), date(2027, 7, 31))
    for place in order:
        said = say.termination("P1", "S1", ends[place])
        carrier.receives(say.at(f"2027010{place + 1}08000000", said))
        carrier.applies()

    assert carrier.book()["P1", "S1"]["benefit_end"] == date(2027, 7, 31)
    assert carrier.open_items() == []


def test_a_repeated_termination_without_a_clock_may_only_be_earlier(carrier, say):
    """Nothing tells which of two ends was said last: a later one waits."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.receives(say.termination("P1", "S1", END_OF_JUNE))
    earlier = carrier.receives(say.termination("P1", "S1", date(2027, 5, 31)))
    later = carrier.receives(say.termination("P1", "S1", date(2027, 7, 31)))

    carrier.applies()

    assert carrier.book()["P1", "S1"]["benefit_end"] == date(2027, 5, 31)
    assert carrier.dispositions(earlier) == [("accepted", None)]
    assert carrier.dispositions(later) == [("pending", "later-end-needs-reinstatement")]


def test_a_termination_on_the_first_day_waits(carrier, say):
    """An end that is not after the beginning may be meant as a cancellation: a person decides."""
    carrier.receives(say.enrollment("P1", "S1"))
    file_id = carrier.receives(say.termination("P1", "S1", date(2027, 1, 1)))

    carrier.applies()

    assert carrier.dispositions(file_id) == [("pending", "end-not-after-begin")]
    assert carrier.book()["P1", "S1"]["policy_status"] == "initial"


def test_a_cancellation_with_a_later_end_waits(carrier, say):
    """A cancellation that leaves days of coverage may be meant as a termination."""
    carrier.receives(say.enrollment("P1", "S1"))
    file_id = carrier.receives(say.cancellation("P1", "S1", end=END_OF_JUNE))

    carrier.applies()

    assert carrier.dispositions(file_id) == [("pending", "cancellation-after-begin")]


def _night(say):
    return {
        1: say.enrollment("P1", "S1", "D1"),
        2: say.change("P1", "S1", amounts=[("PRE AMT TOT", "350.00", date(2027, 3, 1))]),
        3: say.termination("P1", "S1", END_OF_JUNE),
    }


@pytest.mark.parametrize("arrival", list(itertools.permutations([1, 2, 3])))
def test_one_night_applies_in_the_exchanges_order(carrier, say, arrival):
    """Enrollment, change and termination of one night count in that order, however they arrive."""
    sent = _night(say)
    for number in arrival:
        carrier.receives(sent[number], named_at=datetime(2026, 11, 30, 6, 0, number))

    result = carrier.applies()

    subscriber = carrier.book(known_at=carrier.as_of)["P1", "S1"]
    assert (result.applied, result.pending) == (3, 0)
    assert subscriber["policy_status"] == "terminated"
    assert subscriber["benefit_end"] == END_OF_JUNE
    assert _amounts(carrier, "PRE AMT TOT") == [
        (Decimal("300.00"), date(2027, 1, 1), date(2027, 2, 28)),
        (Decimal("350.00"), date(2027, 3, 1), None),
    ]


def test_renewals_come_before_retransmissions_and_these_before_the_rest(carrier, say):
    """I834AR, I834RT, I834 is the order, whatever the times in the names say."""
    renewal = say.enrollment("P1", "S1", reason="PASSIVE", maintenance_reason="41")
    retransmitted = say.change("P1", "S1", last_name="RETRANSMITTED")
    changed = say.change("P1", "S1", last_name="CHANGED")
    carrier.receives(changed, function_code="I834", named_at=datetime(2026, 11, 1))
    carrier.receives(retransmitted, function_code="I834RT", named_at=datetime(2026, 11, 2))
    carrier.receives(renewal, function_code="I834AR", named_at=datetime(2026, 11, 3))

    carrier.applies()

    assert carrier.book()["P1", "S1"]["last_name"] == "CHANGED"
    assert carrier.set_states() == {"applied": 3}


def _amounts(carrier, name):
    rows = carrier.conn.execute(
        sa.text(
            "SELECT amount, valid_from, valid_to FROM book.amount"
            " WHERE name = :name AND known_to = 'infinity' ORDER BY valid_from"
        ),
        {"name": name},
    )
    return [tuple(row) for row in rows]


def test_a_transaction_for_an_unknown_policy_waits_for_it(carrier, say):
    """What comes a night too early is pending, and goes through after the enrollment."""
    early = carrier.receives(say.change("P1", "S1", last_name="RENAMED"))
    carrier.applies()
    assert carrier.dispositions(early) == [("pending", "unknown-policy")]
    assert carrier.book() == {}

    carrier.begins_night(NEXT_NIGHT)
    carrier.receives(say.enrollment("P1", "S1"))
    result = carrier.applies()

    assert (result.applied, result.pending) == (2, 0)
    assert carrier.dispositions(early) == [("accepted", None)]
    assert carrier.book()["P1", "S1"]["last_name"] == "RENAMED"


def test_what_waits_goes_through_in_its_old_order(carrier, say):
    """Two changes that waited are applied oldest first, and nobody believed the first of them."""
    for number, name in enumerate(["FIRST", "SECOND"], start=1):
        carrier.receives(say.change("P1", "S1", last_name=name, first_name=None))
        assert carrier.applies().pending == number
    carrier.begins_night(NEXT_NIGHT)
    carrier.receives(say.enrollment("P1", "S1"))

    result = carrier.applies()

    assert (result.applied, result.pending) == (3, 0)
    assert list(carrier.conn.scalars(sa.select(member.c.last_name))) == ["SECOND"]


def test_the_same_enrollment_again_has_no_effect(carrier, say):
    """The same content elsewhere in a file is accepted as a duplicate; other content waits."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.applies()
    again = carrier.receives(say.enrollment("P2", "S2", "D2"), say.enrollment("P1", "S1"))
    other = carrier.receives(say.enrollment("P1", "S1", premium="310.00"))

    result = carrier.applies()

    assert (result.applied, result.duplicate, result.pending) == (1, 1, 1)
    duplicate = ("accepted", "transaction-duplicate")
    assert carrier.dispositions(again) == [("accepted", None)] * 2 + [duplicate]
    assert carrier.dispositions(other) == [("pending", "policy-exists")]
    assert carrier.book()["P1", "S1"]["premium_total"] == Decimal("300.00")


def test_a_cancelled_policy_takes_no_change(carrier, say):
    """After a cancellation, a second one is a duplicate and anything else waits."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.receives(say.cancellation("P1", "S1"))
    carrier.receives(say.cancellation("P1", "S1", reason="CANCELCIC"))
    change = carrier.receives(say.change("P1", "S1"))
    termination = carrier.receives(say.termination("P1", "S1", END_OF_JUNE))

    result = carrier.applies()

    assert (result.applied, result.duplicate, result.pending) == (2, 1, 2)
    assert carrier.dispositions(change) == [("pending", "policy-cancelled")]
    assert carrier.dispositions(termination) == [("pending", "policy-cancelled")]


def test_a_change_adds_and_removes_members(carrier, say):
    """An added member begins on its own day, a removed one ends on the day of its DTP*349."""
    carrier.receives(say.enrollment("P1", "S1", "D1", "D2"))
    carrier.receives(
        say.change(
            "P1",
            "S1",
            say.unchanged("P1", "S1", "D1"),
            say.removed("P1", "S1", "D2", END_OF_JUNE),
            say.added("P1", "S1", "D3", date(2027, 7, 1)),
            reason="NO CHANGE",
        )
    )

    result = carrier.applies()

    book = carrier.book()
    assert result.applied == 2
    assert book["P1", "D1"]["benefit_end"] is None
    assert book["P1", "D2"]["benefit_end"] == END_OF_JUNE
    assert book["P1", "D3"]["benefit_begin"] == date(2027, 7, 1)
    assert book["P1", "S1"]["policy_status"] == "initial"


def test_a_member_whom_a_change_leaves_alone_keeps_its_source(carrier, say):
    """The file behind a member is the one that changed it last, not the last that named it."""
    first = carrier.receives(say.enrollment("P1", "S1", "D1", "D2"))
    second = carrier.receives(
        say.change(
            "P1",
            "S1",
            say.unchanged("P1", "S1", "D1"),
            say.unchanged("P1", "S1", "D2", birth_date=date(2015, 2, 3)),
        )
    )

    carrier.applies()

    book = carrier.book()
    assert (book["P1", "D1"]["file_id"], book["P1", "D2"]["file_id"]) == (first, second)


def test_a_change_of_somebody_unknown_waits(carrier, say):
    """A change that names a member who is not on the policy waits as a whole."""
    carrier.receives(say.enrollment("P1", "S1"))
    file_id = carrier.receives(say.change("P1", "S1", say.unchanged("P1", "S1", "D9")))

    carrier.applies()

    assert carrier.dispositions(file_id) == [("pending", "unknown-member")] * 2


def test_a_new_address_replaces_the_old_one_as_a_whole(carrier, say):
    """A street without a second line means that there is none; what is not sent is kept."""
    carrier.receives(say.enrollment("P1", "S1", phone="5125550100"))
    moved = {"address_line_1": "2 OTHER STREET", "address_line_2": None, "city": "DALLAS"}
    moved["maintenance_effective"] = date(2027, 6, 1)
    carrier.receives(say.change("P1", "S1", reason="DEMOGRAPHIC CHANGE", **moved))

    carrier.applies()

    lines = (address.c.address_line_1, address.c.address_line_2, address.c.city)
    rows = carrier.conn.execute(sa.select(*lines, address.c.valid_to).order_by("valid_from"))
    assert [tuple(row) for row in rows] == [
        ("1 SAMPLE STREET", "APT 5", "AUSTIN", date(2027, 5, 31)),
        ("2 OTHER STREET", None, "DALLAS", None),
    ]
    assert list(carrier.conn.scalars(sa.select(member.c.phone))) == ["5125550100"]


def test_a_new_amount_ends_the_one_before_on_the_day_before(carrier, say):
    """Amounts come without end dates, so each new one closes the span that held until then."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.receives(
        say.change(
            "P1",
            "S1",
            amounts=[
                ("APTC AMT", "120.00", date(2027, 4, 1)),
                ("APTC AMT", "90.00", date(2027, 8, 1)),
            ],
        )
    )
    carrier.receives(say.change("P1", "S1", amounts=[("APTC AMT", "80.00", date(2027, 6, 1))]))

    carrier.applies()

    assert _amounts(carrier, "APTC AMT") == [
        (Decimal("100.00"), date(2027, 1, 1), date(2027, 3, 31)),
        (Decimal("120.00"), date(2027, 4, 1), date(2027, 5, 31)),
        (Decimal("80.00"), date(2027, 6, 1), None),
    ]
    assert len(_amounts(carrier, "PRE AMT TOT")) == 1


def test_an_amount_that_is_said_again_makes_no_new_version(carrier, say):
    """A change that repeats an amount with its date leaves the span as it was."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.receives(say.change("P1", "S1", amounts=[("APTC AMT", "100.00", date(2027, 1, 1))]))

    carrier.applies()

    versions = carrier.conn.scalar(
        sa.text("SELECT count(*) FROM book.amount WHERE name = 'APTC AMT'")
    )
    assert versions == 1


def test_the_book_cannot_learn_in_the_past(carrier, say):
    """A night whose moment lies before what the book knows already is refused."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.applies()
    earlier = datetime.fromisoformat("2026-11-01T06:00:00+00:00")
    night = Night(carrier.run_id, "cedar-valley-tx", carrier.exchange, earlier)

    with pytest.raises(Terminal, match="Run the night with a later moment"):
        apply_events(carrier.conn, night, [])


def test_a_late_change_is_placed_where_it_belongs(carrier, say):
    """What an older file says last comes before what a newer one has said since."""
    carrier.receives(say.enrollment("P1", "S1"))
    newer = say.change("P1", "S1", last_name="NEWER", submitted="2026113010000000")
    carrier.receives(newer, named_at=datetime(2026, 11, 30, 18))
    carrier.applies()
    older = say.change(
        "P1", "S1", last_name="OLDER", phone="5125550100", submitted="2026112910000000"
    )

    carrier.begins_night(NEXT_NIGHT)
    late = carrier.receives(older, named_at=datetime(2026, 12, 1, 18))
    carrier.applies()

    known = sa.select(member.c.last_name, member.c.phone).where(
        member.c.known_to == sa.text("'infinity'")
    )
    assert carrier.dispositions(late) == [("accepted", None)]
    assert tuple(carrier.conn.execute(known).one()) == ("NEWER", "5125550100")


def amounts_of(carrier, member):
    """Name, amount, first and last day of a member's amounts, as told."""
    rows = sa.text(
        "SELECT name, amount, valid_from, valid_to FROM book.amount"
        " WHERE exchange_member_id = :m AND known_to = 'infinity' ORDER BY name, valid_from"
    )
    return [tuple(row) for row in carrier.conn.execute(rows, {"m": member})]


def test_the_premium_of_a_removed_member_ends_with_the_member(carrier, say):
    """Also what was told of later days; whoever comes back has what is told then."""
    begin, august = date(2027, 1, 1), date(2027, 8, 1)
    raised = say.unchanged("P1", "S1", "D1")
    raised.categories.append(
        {"name": "PRE AMT 1", "qualifier": "9V", "value": "310.00", "effective_begin": august}
    )
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.receives(
        say.change("P1", "S1", raised, submitted="2026113012000000"),
        say.change(
            *("P1", "S1", say.removed("P1", "S1", "D1", END_OF_JUNE)),
            submitted="2026113013000000",
        ),
    )
    carrier.applies()
    gone = amounts_of(carrier, "D1")
    carrier.begins_night(NEXT_NIGHT)
    carrier.receives(
        say.change("P1", "S1", say.added("P1", "S1", "D1", august), submitted="2026113014000000")
    )
    carrier.applies()

    first = ("PRE AMT 1", Decimal("300.00"), begin, END_OF_JUNE)
    assert gone == [first]
    assert amounts_of(carrier, "D1") == [first, ("PRE AMT 1", Decimal("50.00"), august, None)]
    assert amounts_of(carrier, "S1")[1] == ("PRE AMT 1", Decimal("300.00"), begin, None)


def test_a_member_who_was_never_covered_has_no_premium(carrier, say):
    """Removed as of the first day: nothing is owed for any."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.receives(
        say.change("P1", "S1", say.removed("P1", "S1", "D1", date(2027, 1, 1)), reason="NO CHANGE")
    )
    carrier.applies()

    assert amounts_of(carrier, "D1") == []


def test_a_plan_that_changes_on_the_first_day_comes_from_the_change(carrier, say):
    """The span names the set that brought the variant, and not the one that it replaced."""
    carrier.receives(say.enrollment("P1", "S1"))
    day = date(2027, 1, 1)
    change = say.change("P1", "S1", reason="CSR VARIANT CHANGE", maintenance_effective=day)
    change.people[0].coverage["plan_id"] = "91001TX001000104"
    brought_by = carrier.receives(change)
    carrier.applies()

    rows = carrier.conn.execute(
        sa.text(
            "SELECT c.plan_id, c.benefit_begin, e.file_id FROM book.coverage c"
            " JOIN book.event e USING (event_id) WHERE c.known_to = 'infinity'"
        )
    )
    assert [tuple(row) for row in rows] == [("91001TX001000104", day, brought_by)]
