"""What persons say to the nights, and which files were expected."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ledger import operator_words as words
from ledger.corrections import Word
from ledger.expected_files import clock_of, expected_files
from ledger.files import record_received
from ledger.runs import open_run
from schemas.arrivals import ExpectedFile
from schemas.errors import Terminal
from schemas.partners import load_exchange, load_partner
from tests.ledger.conftest import PARTNER, SIX_O_CLOCK, a_file

ROSA = Word("Rosa", "rosa", "The exchange has announced it.")
# A Tuesday, 06:00 UTC: 01:00 on the exchange's clock.
DROP = datetime(2026, 11, 30, 23, tzinfo=UTC)  # Monday 18:00
DUE = DROP + timedelta(hours=2)


def _expected(conn, clock, **changed):
    row = ExpectedFile(
        **{
            "kind": "enrollment",
            "days": ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
            "drop": "18:00",
            "due_by": "20:00",
            "effective_from": date(2026, 1, 1),
        }
        | changed
    )
    partner = load_partner(PARTNER).model_copy(update={"expected_files": (row,)})
    return expected_files(conn, [partner], {"ffe": load_exchange("ffe")}, clock)


@pytest.mark.parametrize(
    ("named_at", "received_at", "state"),
    [
        (datetime(2026, 11, 30, 18, 1), DROP + timedelta(hours=1), "arrived"),
        (datetime(2026, 11, 30, 18, 1), DUE + timedelta(days=3), "late"),
        (datetime(2026, 12, 1, 17, 59), DUE + timedelta(days=3), "late"),
        (datetime(2026, 12, 1, 18), DUE + timedelta(days=3), "missing"),
        (datetime(2026, 11, 30, 17, 59), DROP + timedelta(hours=1), "missing"),
        (None, DROP + timedelta(hours=1), "arrived"),
        (None, DUE + timedelta(hours=1), "late"),
    ],
)
def test_a_file_belongs_to_the_last_drop_before_its_name(
    conn, run_id, named_at, received_at, state
):
    """By the moment in its name, or by its arrival when the name has none."""
    record_received(conn, a_file(run_id, named_at=named_at, received_at=received_at))
    first = _expected(conn, DUE + timedelta(minutes=1))[0]
    assert (first.dropped_at, first.due_at, first.state) == (DROP, DUE, state)


def test_a_file_is_missing_from_the_minute_at_which_it_was_due(conn, run_id):
    """Before that it is only expected; what nobody waited for is not missed."""
    assert [one.state for one in _expected(conn, DUE - timedelta(minutes=1))] == ["expected"]
    assert [one.state for one in _expected(conn, DUE)] == ["missing"]
    assert _expected(conn, DROP - timedelta(minutes=1)) == []
    assert _expected(conn, DUE, effective_from=date(2026, 12, 1)) == []
    assert _expected(conn, DUE, days=("tue",)) == []


def test_a_copy_of_another_day_is_not_the_file_of_this_one(conn, run_id):
    """The same bytes under a new name bring nothing."""
    old = datetime(2026, 11, 28, 18)
    record_received(conn, a_file(run_id, named_at=old, received_at=DROP - timedelta(hours=3)))
    copy = a_file(run_id, name="again", received_at=DROP + timedelta(hours=1))
    record_received(conn, copy)
    assert [one.state for one in _expected(conn, DUE)] == ["missing"]


@pytest.mark.fault("F18")
def test_a_deadline_follows_the_clock_of_the_exchange(conn):
    """Through the end of summer time, too: 18:00 in New York is another hour in UTC."""
    open_run(conn, datetime(2026, 10, 31, 23, tzinfo=UTC))
    hours = [one.due_at.hour for one in _expected(conn, datetime(2026, 11, 2, 12, tzinfo=UTC))]
    assert hours == [0, 1]  # 31 October in summer time, 1 November in winter time


@pytest.mark.fault("F18")
@pytest.mark.parametrize(
    ("before", "days"),
    [
        (datetime(2028, 2, 28, 12, tzinfo=UTC), [(2, 28), (2, 29), (3, 1)]),
        (datetime(2027, 2, 27, 12, tzinfo=UTC), [(2, 27), (2, 28), (3, 1)]),
        (datetime(2026, 12, 30, 12, tzinfo=UTC), [(12, 30), (12, 31), (1, 1)]),
    ],
    ids=["leap day", "no leap day", "end of the year"],
)
def test_every_day_of_the_calendar_has_its_drop_once(conn, before, days):
    """Also the 29th of February, and the last day of a year."""
    open_run(conn, before + timedelta(days=1))
    found = _expected(conn, before + timedelta(days=2, hours=18))
    told = [one.dropped_at.astimezone(ZoneInfo("America/New_York")) for one in found]
    assert [(one.month, one.day) for one in told] == days


def test_a_weekly_file_may_come_on_any_day_until_the_next(conn):
    """On Wednesdays only: one that is made on Friday is late, and not lost."""
    run = open_run(conn, datetime(2026, 12, 2, 20, tzinfo=UTC))
    friday = datetime(2026, 12, 4, 9)
    late = a_file(run, named_at=friday, received_at=datetime(2026, 12, 4, 15, tzinfo=UTC))
    record_received(conn, late)
    found = _expected(conn, datetime(2026, 12, 10, 12, tzinfo=UTC), days=("wed",))
    assert [one.state for one in found] == ["late", "missing"]


def test_an_alarm_stays_until_somebody_says_why(conn, run_id):
    """The word names the deadline; the next night's alarm is another one."""
    words.explain_absence(conn, PARTNER, "enrollment", DUE, ROSA)
    first, second = _expected(conn, DUE + timedelta(days=1))
    assert (first.state, first.is_alarm, first.explained_by) == ("missing", False, "Rosa")
    assert second.is_alarm


def test_the_clock_is_never_behind_the_newest_run(conn, run_id):
    """A night that is played ahead of time has its own clock."""
    assert clock_of(conn, SIX_O_CLOCK - timedelta(days=9)) == SIX_O_CLOCK
    assert clock_of(conn, SIX_O_CLOCK + timedelta(days=9)) == SIX_O_CLOCK + timedelta(days=9)


def test_a_partner_is_held_until_somebody_resumes_it(conn):
    """Who, why and since when; twice is refused."""
    words.hold_partner(conn, PARTNER, ROSA)
    assert words.partner_holds(conn, [PARTNER])[PARTNER].reason == ROSA.reason
    assert not words.is_held(conn, "harbor-light-nc")
    with pytest.raises(Terminal, match="held already, by Rosa"):
        words.hold_partner(conn, PARTNER, ROSA)
    words.resume_partner(conn, PARTNER, ROSA)
    assert not words.is_held(conn, PARTNER)
    with pytest.raises(Terminal, match="is not held"):
        words.resume_partner(conn, PARTNER, ROSA)


@pytest.mark.parametrize("word", [Word("", "rosa", "So."), Word("Rosa", "rosa", " ")])
def test_nothing_is_said_without_a_person_and_a_reason(conn, run_id, word):
    """Whatever it is."""
    for said in (
        lambda: words.hold_partner(conn, PARTNER, word),
        lambda: words.resume_partner(conn, PARTNER, word),
        lambda: words.explain_absence(conn, PARTNER, "enrollment", DUE, word),
        lambda: words.release_file(conn, 1, "any", word),
        lambda: words.ask_again(conn, run_id, PARTNER, "fetching files", word),
    ):
        with pytest.raises(Terminal, match="a person and a reason"):
            said()


def test_only_what_is_in_quarantine_is_released(conn, run_id):
    """And a step that has not failed is not tried again."""
    known = record_received(conn, a_file(run_id))
    with pytest.raises(Terminal, match="not in quarantine"):
        words.release_file(conn, known.file_id, "any", ROSA)
    with pytest.raises(Terminal, match="has not failed"):
        words.ask_again(conn, run_id, PARTNER, "fetching files", ROSA)
