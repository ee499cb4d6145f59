"""What ends much coverage waits for two persons, who release what they have seen."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from enrollment.holds import Spoken, hold_endings, holds, speak
from enrollment.previews import preview
from schemas.book import decision, event, event_set
from schemas.errors import Terminal
from schemas.outgoing import load_holding

PARTNER = "cedar-valley-tx"
TODAY = date(2027, 3, 1)


@pytest.fixture
def decided(carrier, say):
    """A carrier that has decided to cancel P0 to P3 of eight policies, and to confirm P4."""
    for number in range(8):
        carrier.receives(say.enrollment(f"P{number}", f"S{number}", premium="500.00"))
    carrier.applies()
    for number in range(5):
        _decides(carrier, f"P{number}", "effectuation" if number == 4 else "cancellation")
    return carrier


def _decides(carrier, policy, kind):
    same_set = sa.and_(
        event.c.file_id == event_set.c.file_id, event.c.set_ordinal == event_set.c.set_ordinal
    )
    first = sa.select(event.c.event_id).join_from(event, event_set, same_set)
    event_id = carrier.conn.execute(
        first.where(event_set.c.exchange_policy_id == policy, event.c.is_subscriber)
    ).scalar_one()
    values = {
        "partner_id": PARTNER, "exchange_policy_id": policy, "kind": kind, "rule": "binder-unpaid",
        "additional_maintenance_reason": "CANCEL", "event_id": event_id, "evidence": {},
        "run_id": carrier.run_id, "state": "open",
    }  # fmt: skip
    carrier.conn.execute(sa.insert(decision).values(values))


def _hold(carrier, also=(), **bounds):
    wide = {"endings": 100, "share_of_policies": 1, "monthly_premium": 1_000_000}
    return hold_endings(
        carrier.conn, carrier.run_id, PARTNER, TODAY, load_holding(wide | bounds), also
    )


def _states(carrier):
    rows = sa.select(decision.c.exchange_policy_id, decision.c.state)
    return dict(tuple(row) for row in carrier.conn.execute(rows))


def _says(carrier, hold_id, word, by):
    return speak(carrier.conn, hold_id, Spoken(word, by, "edi", "It is meant."))


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        ({"endings": 3}, "4 policies would end; 3 are the bound."),
        (
            {"share_of_policies": 0.4, "fewest_endings": 4},
            "50.0% of 8 policies in force would end; 40.0% is the bound.",
        ),
        (
            {"monthly_premium": 1999},
            "Policies of 2,000.00 dollars a month would end; 1,999.00 is the bound.",
        ),
    ],
)
def test_above_a_bound_what_ends_coverage_is_held(decided, bounds, reason):
    """All of it, with the figures; what ends nothing goes out."""
    hold_id = _hold(decided, **bounds)

    (held,) = holds(decided.conn)
    assert (held.hold_id, held.reasons, held.waiting) == (hold_id, [reason], 4)
    assert _states(decided) == dict.fromkeys(["P0", "P1", "P2", "P3"], "held") | {"P4": "open"}


@pytest.mark.parametrize(
    "bounds",
    [
        {"endings": 4},
        {"share_of_policies": 0.5, "fewest_endings": 4},
        {"share_of_policies": 0.1, "fewest_endings": 5},
        {"monthly_premium": 2000},
    ],
)
def test_at_a_bound_nothing_is_held(decided, bounds):
    """A bound is what is still usual."""
    assert _hold(decided, **bounds) is None
    assert set(_states(decided).values()) == {"open"}


def test_stale_records_hold_whatever_ends_coverage(decided):
    """However few they are."""
    _hold(decided, also=["The carrier's records are stale."])

    assert holds(decided.conn)[0].reasons == ["The carrier's records are stale."]


@pytest.mark.control("separation")
def test_two_persons_release_a_hold(decided):
    """One is not enough, and the same one twice is one."""
    hold_id = _hold(decided, endings=1)

    assert _says(decided, hold_id, "released", "Ada First").state == "held"
    with pytest.raises(Terminal, match="Somebody else"), decided.conn.begin_nested():
        _says(decided, hold_id, "released", "ada  first")
    assert _states(decided)["P0"] == "held"

    assert _says(decided, hold_id, "released", "Ben Second").state == "released"
    assert set(_states(decided).values()) == {"released", "open"}


def test_one_person_keeps_a_hold_back(decided):
    """Whatever the other one says before or after."""
    hold_id = _hold(decided, endings=1)
    _says(decided, hold_id, "released", "Ada First")

    assert _says(decided, hold_id, "refused", "Ben Second").state == "refused"
    assert _states(decided)["P0"] == "refused"
    with pytest.raises(Terminal, match="it is refused"), decided.conn.begin_nested():
        _says(decided, hold_id, "released", "Cleo Third")


def test_an_account_of_the_console_releases_once_whatever_its_name(decided):
    """Two persons are two accounts: a name is what the provider says."""
    hold_id = _hold(decided, endings=1)
    word = Spoken("released", "ada@old", "console:7", "It is meant.")
    assert speak(decided.conn, hold_id, word).state == "held"
    with pytest.raises(Terminal, match="Somebody else must"), decided.conn.begin_nested():
        speak(decided.conn, hold_id, replace(word, decided_by="ada@new"))
    assert speak(decided.conn, hold_id, replace(word, decided_by="ben", account="console:8"))


@pytest.mark.parametrize(("by", "reason"), [(" ", "It is meant."), ("Ada First", " ")])
def test_a_word_has_a_person_and_a_reason(decided, by, reason):
    """An auditor asks for both."""
    hold_id = _hold(decided, endings=1)

    with pytest.raises(Terminal, match="person and a reason"), decided.conn.begin_nested():
        speak(decided.conn, hold_id, Spoken("released", by, "edi", reason))


def test_nothing_is_added_to_a_hold(decided):
    """What the next night decides to end is a hold of its own, and counts with what waits."""
    first = _hold(decided, endings=1)
    decided.begins_night(decided.as_of + timedelta(days=1))
    _decides(decided, "P5", "termination")

    second = _hold(decided, endings=4)

    assert [(one.hold_id, one.decisions) for one in holds(decided.conn)] == [
        (first, 4),
        (second, 1),
    ]


def test_a_hold_of_which_nothing_waits_is_not_open(decided):
    """What was withdrawn needs nobody's word any more."""
    hold_id = _hold(decided, endings=1)
    decided.conn.execute(sa.update(decision).values(state="withdrawn"))

    assert not holds(decided.conn)[0].is_open
    with pytest.raises(Terminal, match="Nothing of hold"), decided.conn.begin_nested():
        _says(decided, hold_id, "released", "Ada First")


def test_a_preview_tells_each_policy_now_and_then(decided):
    """With what it pays a month; the book itself is untouched."""
    rows = {row["exchange_policy_id"]: row for row in preview(decided.conn, PARTNER).to_pylist()}

    begin = date(2027, 1, 1)
    cancelled, confirmed = rows["P0"], rows["P4"]
    assert (cancelled["status"], cancelled["next_status"]) == ("initial", "cancelled")
    assert (cancelled["benefit_end"], cancelled["next_benefit_end"]) == (None, begin)
    assert (cancelled["members"], str(cancelled["premium_total"])) == (1, "500.00")
    assert (confirmed["status"], confirmed["next_status"]) == ("initial", "effectuated")
    assert decided.status("P0") == ("initial", True)


def test_a_partner_has_bounds_of_its_own():
    """What it does not name is the program's; a name that there is not is refused."""
    assert load_holding({"endings": 7}).endings == 7
    assert load_holding({"endings": 7}).persons == load_holding().persons
    with pytest.raises(Terminal, match="ending_limit"):
        load_holding({"ending_limit": 7})
