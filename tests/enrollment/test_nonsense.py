"""What an exchange can say that cannot be meant: it stays out of the book, and a person is told."""

from datetime import date

import pytest
import sqlalchemy as sa

from enrollment.application import Night, apply_events
from enrollment.believed import PolicyKey
from pipeline.book_answer import Answer, Question
from tests.enrollment.conftest import PARTNER

END_OF_JUNE = date(2027, 6, 30)
MARCH = date(2027, 3, 1)


def _spans(conn, table, *columns):
    rows = sa.text(
        f"SELECT {', '.join(columns)} FROM book.{table} WHERE known_to = 'infinity' ORDER BY 1, 2"
    )
    return [tuple(row) for row in conn.execute(rows)]


@pytest.mark.parametrize("ending", ["cancellation", "termination", "change"])
def test_what_names_another_subscriber_does_not_touch_the_policy(carrier, say, ending):
    """An id of a policy that was mistyped ends nobody else's coverage."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    meant = {
        "cancellation": say.cancellation("P1", "S9"),
        "termination": say.termination("P1", "S9", END_OF_JUNE),
        "change": say.change("P1", "S9", last_name="OTHER"),
    }
    file_id = carrier.receives(meant[ending])

    carrier.applies()

    assert carrier.dispositions(file_id) == [("pending", "other-subscriber")]
    assert {row["policy_status"] for row in carrier.book().values()} == {"initial"}
    assert {row["benefit_end"] for row in carrier.book().values()} == {None}


def test_a_dependent_does_not_become_subscriber_by_a_change(carrier, say):
    """A new subscriber is a new policy (CMS guide 7.2, section 6.6)."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    file_id = carrier.receives(say.change("P1", "D1", say.unchanged("P1", "D1", "S1")))

    carrier.applies()

    book = carrier.book()
    assert carrier.dispositions(file_id) == [("pending", "other-subscriber")] * 2
    assert [member for (_, member), row in book.items() if row["is_subscriber"]] == ["S1"]


def test_a_change_does_not_bring_another_plan(carrier, say):
    """Only the variant of a plan changes on a policy (CMS guide 7.2, section 6.6)."""
    carrier.receives(say.enrollment("P1", "S1"))
    change = say.change("P1", "S1", reason="CSR VARIANT CHANGE")
    change.people[0].coverage["plan_id"] = "91001TX002000104"
    file_id = carrier.receives(change)

    carrier.applies()

    assert carrier.dispositions(file_id) == [("pending", "other-plan")]
    assert carrier.book()["P1", "S1"]["plan_id"] == "91001TX001000101"


def test_a_subscriber_is_not_removed_while_others_stay(carrier, say):
    """The end of the subscriber is the end of the policy, and nothing else may be in its set."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    removal = say.termination("P1", "S1", END_OF_JUNE)
    removal.people.append(say.unchanged("P1", "S1", "D1"))
    file_id = carrier.receives(removal)

    carrier.applies()

    assert carrier.dispositions(file_id) == [("rejected", "unknown-combination")] * 2
    assert {row["policy_status"] for row in carrier.book().values()} == {"initial"}


def test_a_member_whose_end_is_before_the_begin_is_never_covered(carrier, say):
    """The span ends on the day it begins, and nothing of it is in effect."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    removed = say.removed("P1", "S1", "D1", date(2026, 11, 30))
    carrier.receives(say.change("P1", "S1", removed))

    carrier.applies()

    columns = ("exchange_member_id", "benefit_begin", "benefit_end")
    new_year = date(2027, 1, 1)
    assert _spans(carrier.conn, "coverage", *columns) == [
        ("D1", new_year, new_year),
        ("S1", new_year, None),
    ]
    assert _spans(carrier.conn, "effective_coverage", *columns) == [("S1", new_year, None)]


def test_amounts_from_before_the_policy_count_from_its_first_day(carrier, say):
    """They stand as told, and what is in effect begins with the policy."""
    carrier.receives(say.enrollment("P1", "S1"))
    early = [("APTC AMT", "120.00", date(2026, 10, 1))]
    carrier.receives(say.change("P1", "S1", amounts=early))

    carrier.applies()

    rows = carrier.conn.execute(
        sa.text("SELECT amount, valid_from FROM book.effective_amount WHERE name = 'APTC AMT'")
    )
    assert [(str(amount), day) for amount, day in rows] == [("120.00", date(2027, 1, 1))]


def test_the_ends_of_time_are_days_like_others(carrier, say):
    """Years 1 and 9999 neither stop a night nor leave a span that nobody can read."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    amounts = [("APTC AMT", "1.00", date.min), ("APTC AMT", "2.00", date.max)]
    removed = say.removed("P1", "S1", "D1", date.max)
    carrier.receives(say.change("P1", "S1", removed, amounts=amounts))

    carrier.applies()

    rows = carrier.conn.execute(
        sa.text(
            "SELECT valid_from, valid_to FROM book.amount"
            " WHERE name = 'APTC AMT' AND known_to = 'infinity' ORDER BY valid_from"
        )
    )
    eve = date(9999, 12, 30)
    assert [tuple(row) for row in rows] == [(date.min, eve), (date.max, None)]
    assert carrier.book()["P1", "D1"]["benefit_end"] == date.max


def test_twenty_four_amounts_of_one_set_are_twenty_four_spans(carrier, say):
    """States send an amount for each month; each ends on the day before the next."""
    carrier.receives(say.enrollment("P1", "S1"))
    names = ("MONTHLY PRE AMT TOT", "MONTHLY APTC AMT")
    amounts = [(n, f"{m}.00", date(2027, m, 1)) for n in names for m in range(1, 13)]
    carrier.receives(say.change("P1", "S1", amounts=amounts))

    carrier.applies()

    told = [row for row in _spans(carrier.conn, "amount", "name", "valid_from") if row[0] in names]
    assert told == sorted((name, date(2027, m, 1)) for name in names for m in range(1, 13))


def test_ids_are_not_made_alike(carrier, say):
    """An id in other letters is another id: its change waits, and nobody is guessed."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    policy = carrier.receives(say.change("p1", "S1", last_name="OTHER"))
    member = carrier.receives(say.change("P1", "S1", say.unchanged("P1", "S1", "d1")))

    carrier.applies()

    assert carrier.dispositions(policy) == [("pending", "unknown-policy")]
    assert carrier.dispositions(member) == [("pending", "unknown-member")] * 2


def test_a_policy_id_of_two_partners_is_two_policies(carrier, say):
    """What one exchange says of its policy does not reach the other's, nor what waits there."""
    carrier.receives(say.enrollment("P1", "S1"))
    waiting = carrier.receives(say.change("P2", "S2"))
    carrier.applies()
    other = carrier.receives(say.enrollment("P2", "S2"), say.cancellation("P1", "S1"))
    for table in ("ledger.file", "book.event_set"):
        carrier.conn.execute(
            sa.text(f"UPDATE {table} SET partner_id = 'other' WHERE file_id = :file_id"),
            {"file_id": other},
        )

    night = Night(carrier.run_id, "other", carrier.exchange, carrier.as_of)
    result = apply_events(carrier.conn, night, [other])

    assert (result.applied, result.pending) == (1, 1)
    assert carrier.dispositions(waiting) == [("pending", "unknown-policy")]
    assert carrier.book()["P1", "S1"]["policy_status"] == "initial"


def test_two_changes_of_broker_are_not_copies_of_each_other(carrier, say):
    """Who the broker is stands in the header, and without a clock nothing else tells them apart."""
    carrier.receives(say.enrollment("P1", "S1"))
    for broker in ("FIRST", "SECOND"):
        change = say.change("P1", "S1", reason="AGENT BROKER INFO", submitted=None)
        change.header.update(broker_name=broker, broker_id="1")
        carrier.receives(change)

    result = carrier.applies()

    assert (result.applied, result.duplicate) == (3, 0)
    assert _spans(carrier.conn, "broker", "broker_name", "valid_to") == [("SECOND", None)]


def test_a_member_without_a_date_of_change_has_the_subscribers(carrier, say):
    """The date of a maintenance stands with its subscriber (CMS guide 7.2, table 22)."""
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    moved = say.unchanged("P1", "S1", "D1", address_line_1="2 OTHER STREET")
    carrier.receives(say.change("P1", "S1", moved, maintenance_effective=MARCH))

    carrier.applies()

    assert ("D1", "2 OTHER STREET", MARCH) in _spans(
        carrier.conn, "address", "exchange_member_id", "address_line_1", "valid_from"
    )


def test_what_was_taken_back_is_no_source_any_more(carrier, say):
    """A row that a later word confirms comes from that word when the first no longer counts."""
    source = sa.text(
        "SELECT e.file_id FROM book.coverage c JOIN book.event e USING (event_id)"
        " WHERE c.known_to = 'infinity' AND c.exchange_member_id = 'D2'"
    )
    carrier.receives(say.at("2026110108000000", say.enrollment("P1", "S1", "D1")))
    d1, d2 = say.unchanged("P1", "S1", "D1"), say.added("P1", "S1", "D2", MARCH)
    first = carrier.receives(say.at("2026110308000000", say.change("P1", "S1", d1, d2)))
    carrier.applies()
    assert carrier.conn.scalar(source) == first

    carrier.begins_night(carrier.as_of.replace(day=2))
    carrier.receives(say.at("2026110208000000", say.cancellation("P1", "S1")))
    again = say.at("2026110408000000", say.enrollment("P1", "S1", "D2", begin=MARCH))
    second = carrier.receives(again)
    carrier.applies()

    assert carrier.dispositions(first) == [("accepted", "before-enrollment")] * 3
    assert carrier.conn.scalar(source) == second


@pytest.mark.parametrize("reason", ["other-subscriber", "other-plan"])
def test_the_enrollment_is_named_that_a_set_speaks_against(carrier, say, reason):
    """Whoever has to ask the exchange sees both: the set that waits, and what it does not fit."""
    carrier.receives(say.enrollment("P1", "S1"))
    change = say.change("P1", "S9" if reason == "other-subscriber" else "S1")
    if reason == "other-plan":
        change.people[0].coverage["plan_id"] = "91001TX002000104"
    carrier.receives(change)
    carrier.applies()

    answer = Answer.to(carrier.conn, Question(PolicyKey("P1", PARTNER), MARCH))
    enrollment, waiting = answer.told

    assert waiting.row["reason"] == reason
    assert answer.blocked_by(waiting) == enrollment.number


@pytest.mark.parametrize(
    "clock", ["20270230120000", "2027022912000000", "00000000000000", "2027010125000000"]
)
def test_a_clock_that_no_calendar_has_is_no_clock(carrier, say, clock):
    """The set belongs to the day of its file's name, and what is open can be asked."""
    carrier.receives(say.at("2026113008000000", say.enrollment("P1", "S1", reason="CIC")))
    carrier.receives(say.at(clock, say.cancellation("P1", "S1", reason="CANCELCIC")))

    carrier.applies()

    moments = carrier.conn.execute(sa.text("SELECT moment FROM book.event_set ORDER BY file_id"))
    assert list(moments.scalars()) == ["2026113008000000", "2026113000000000"]
    assert carrier.status("P1") == ("cancelled", False)
    assert [kind for kind, _, _ in carrier.open_items()] == ["half-a-change", "half-a-change"]


def test_a_moment_that_was_staged_before_clocks_were_looked_up_is_of_no_day(carrier, say):
    """A book from before may hold one, and is asked all the same."""
    carrier.receives(say.enrollment("P1", "S1", reason="CIC"), say.cancellation("P2", "S1"))
    carrier.applies()
    carrier.conn.execute(sa.text("UPDATE book.event_set SET moment = '2027023012000000'"))

    assert [kind for kind, _, _ in carrier.open_items()] == ["waits"]
