"""Words that need a second person: waivers of many dollars, and disputes of them."""

import hashlib
from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from ledger.corrections import Word
from ledger.disputes import list_disputes
from ledger.sign_offs import Signer
from ledger.words import Said, act, needing_second
from pipeline import disputes
from pipeline.month_disputes import write_disputes
from schemas.cases import CASES
from schemas.errors import Terminal
from tests.cases.house import opened_house
from tests.pipeline.desk import ANOTHER, DAY, HARBOR, NO_RELATION, SAID_AGAIN, Desk

DEAR = {"*412.50~": "*1412.50~", "*612.50~": "*1612.50~", "*512.50~": "*1512.50~"}
ADA = Signer("Ada", "ada")
UNTIL = DAY + timedelta(days=30)


@pytest.fixture
def desk(tmp_path, engine):
    """Two cases: one of 1,712.50 dollars a month, one of 712.50."""
    desk = Desk(opened_house(tmp_path, engine))
    desk.night({**NO_RELATION, **DEAR}, {**NO_RELATION, **ANOTHER})
    return desk


@pytest.mark.control("separation")
def test_a_waiver_above_the_bound_waits_for_another_person(desk):
    """Below it holds at once; above it is asked for, and whoever asked cannot allow it."""
    with desk.house.engine.connect() as conn:
        assert needing_second(conn, CASES, [1, 2], "waive") == [1]
    assert desk.say("waive", reason="Small.", until=UNTIL) == 2
    assert desk.all("state", "asked_by", "asked_until", "waived_until") == [
        ("new", "Ada", UNTIL, None),
        ("waived", None, None, UNTIL),
    ]
    with pytest.raises(Terminal, match=r"needs another person than has asked for it \(Ada\)"):
        desk.say("allow", 1, person=" ADA", reason="Fine.")
    with pytest.raises(Terminal, match="Nobody has asked for a waiver of case 2"):
        desk.say("allow", 2, person="Ben", reason="Fine.")
    desk.say("allow", 1, person="Ben", reason="Fine.")
    assert desk.all("state", "asked_by", "waived_until")[0] == ("waived", None, UNTIL)
    happened = [(one["action"], one["person"]) for one in desk.read().events]
    assert happened == [("found", None), ("ask-waive", "Ada"), ("allow", "Ben")]


def test_a_refused_waiver_leaves_the_case_where_it_was(desk):
    """Whoever has it goes on; what is gone meanwhile is asked of nobody."""
    desk.say("begin", 1)
    desk.say("waive", 1, reason="Small.", until=UNTIL)
    desk.say("refuse", 1, person="Ben", reason="It is not.")
    assert desk.all("state", "asked_by", "asked_until")[0] == ("in_progress", None, None)
    desk.say("waive", 1, reason="Small.", until=UNTIL)
    desk.night({})
    assert desk.all("state", "asked_by")[0] == ("resolved", None)


def test_the_second_person_has_seen_what_he_allows(desk):
    """A night that brings another set of the policy is a change like somebody's."""
    desk.say("waive", 1, reason="Small.", until=UNTIL)
    (seen,) = [version for number, version in desk.all("case_id", "version") if number == 1]
    desk.night({**NO_RELATION, **DEAR, **SAID_AGAIN})
    with (
        desk.house.engine.begin() as conn,
        pytest.raises(Terminal, match="by a night since you have looked at it"),
    ):
        act(conn, CASES, [1], Said("allow", "Ben", "ben", reason="Fine."), {1: seen})
    desk.say("allow", 1, person="Ben", reason="Looked again.")
    assert desk.all("state")[0] == "waived"


def _draft(desk, *ids, person="Ada", account="ada"):
    with desk.house.engine.begin() as conn:
        word = Word(person, account, "They must send it again.")
        return disputes.draft(conn, desk.house, "case", ids, word)


def _decide(desk, number, decision, person, account="ops"):
    with desk.house.engine.begin() as conn:
        return disputes.decide(conn, number, decision, Word(person, account, "Looked at."))


@pytest.mark.control("separation")
def test_a_dispute_is_drafted_with_its_evidence_and_released_by_another(desk, tmp_path):
    """It has dollars, bytes and a last day; released, it is the exchange's move."""
    assert _draft(desk, 1, 2) == [1, 2]
    with desk.house.engine.connect() as conn:
        first, second = list_disputes(conn, states=["draft"])
    assert (first["case_id"], first["field"], first["needs_second"]) == (1, "INS02", True)
    assert (first["dollars"], second["needs_second"]) == (Decimal("1712.50"), False)
    assert (first["byte_start"], first["byte_end"]) == (319, 319)  # the element is empty
    assert first["due_on"] - date(2026, 1, 2) in [timedelta(days=days) for days in range(80, 91)]
    with pytest.raises(Terminal, match=r"who releases it is not who has drafted it \(Ada\)"):
        _decide(desk, 1, "released", "ada")
    assert "next file of disputes" in _decide(desk, 1, "released", "Ben")
    assert _decide(desk, 2, "dropped", "Ada").endswith("Nothing is claimed.")
    path = tmp_path / "disputes.txt"
    partner_id = first["partner_id"]
    written = write_disputes(desk.house, partner_id, path, ADA)
    assert (written.disputes, written.dollars) == (1, Decimal("1712.50"))
    with desk.house.engine.connect() as conn:
        (entry,) = conn.execute(
            sa.text(
                "SELECT actor, details ->> 'report', details -> 'rows' ->> 'disputes',"
                " details ->> 'sha256' FROM ledger.audit_entry WHERE action = 'exported'"
            )
        )
    assert tuple(entry) == ("Ada", "disputes", "1", hashlib.sha256(path.read_bytes()).hexdigest())
    names, line = (row.split("|") for row in path.read_text().splitlines())
    told = dict(zip(names, line, strict=True))
    assert (told["dispute"], told["flag"], told["field"]) == ("dispute 1", "person", "INS02")
    assert told["event_byte_start"] == str(first["byte_start"])
    assert desk.all("state") == ["waiting_for_exchange", "new"]


ONE, OTHER = "console:7", "console:8"


@pytest.mark.control("separation")
def test_one_account_of_the_console_is_one_person_whatever_its_name(desk):
    """The provider says the name at each sign-in; an account of the system may be shared."""
    desk.say("waive", 1, reason="Small.", until=UNTIL, person="ada@old", account=OTHER)
    with pytest.raises(Terminal, match="needs another person than has asked"):
        desk.say("allow", 1, reason="Fine.", person="ada@new", account=OTHER)
    desk.say("allow", 1, reason="Fine.", person="ben@old", account=ONE)
    assert desk.all("state")[0] == "waived"
    desk.say("reopen", 1, reason="No.")
    desk.say("waive", 1, reason="Small.", until=UNTIL, person="ben@old", account=ONE)
    with pytest.raises(Terminal, match="needs another person than has asked"):
        desk.say("allow", 1, reason="Fine.", person="ben@new", account=ONE)
    desk.say("refuse", 1, reason="No.", person="ada@old", account=OTHER)
    _draft(desk, 1, account=ONE)
    with pytest.raises(Terminal, match="who releases it is not who has drafted it"):
        _decide(desk, 1, "released", "ada@new", account=ONE)
    _decide(desk, 1, "released", "ada@new", account=OTHER)


def test_what_is_disputed_is_not_disputed_twice(desk):
    """A dropped one may be drafted again; a decided one is decided."""
    _draft(desk, 1)
    with pytest.raises(Terminal, match="Case 1 has dispute 1 already"):
        _draft(desk, 1, 2)
    with desk.house.engine.connect() as conn:
        assert len(list_disputes(conn)) == 1
    _decide(desk, 1, "dropped", "Ada")
    with pytest.raises(Terminal, match="Dispute 1 is dropped already"):
        _decide(desk, 1, "released", "Ben")
    assert _draft(desk, 1) == [2]


def test_the_last_day_counts_from_the_exchanges_day(desk):
    """What a night finds at half past nine in the evening there was not found tomorrow."""
    with desk.house.engine.begin() as conn:
        conn.execute(sa.text("UPDATE ledger.case SET first_seen = '2026-01-08T02:30:00Z'"))
    _draft(desk, 1)
    with desk.house.engine.connect() as conn:
        (drafted,) = list_disputes(conn)
    assert drafted["due_on"] == date(2026, 4, 7), "ninety days from January 7"


def test_what_is_gone_is_claimed_of_nobody(desk, tmp_path):
    """A draft of it is dropped and not released, also when it has come back since."""
    _draft(desk, 1, 2)
    _decide(desk, 2, "released", "Ben")
    desk.night({}, ANOTHER)
    with pytest.raises(Terminal, match="is gone since it was drafted"):
        _decide(desk, 1, "released", "Ben")
    assert write_disputes(desk.house, HARBOR, tmp_path / "disputes.txt", ADA) is None
    desk.night({**NO_RELATION, **DEAR})
    assert desk.all("state")[0] == "reopened"
    with pytest.raises(Terminal, match="is gone since it was drafted"):
        _decide(desk, 1, "released", "Ben")
    _decide(desk, 1, "dropped", "Ada")
    again = _draft(desk, 1)
    with desk.house.engine.begin() as conn:
        conn.execute(sa.text("UPDATE ledger.dispute SET due_on = '2026-01-31'"))
    assert "Its last day, 2026-01-31, is past" in _decide(desk, *again, "released", "Ben")
    assert write_disputes(desk.house, HARBOR, tmp_path / "disputes.txt", ADA).disputes == 1


def test_what_was_gone_and_comes_again_is_disputed_again(desk):
    """Its window begins anew, and again it has one dispute."""
    _draft(desk, 1, 2)
    _decide(desk, 1, "released", "Ben")
    desk.night({})
    with pytest.raises(Terminal, match="is not possible now"):
        _draft(desk, 1)
    desk.night({**NO_RELATION, **DEAR})
    assert desk.all("state")[0] == "reopened"
    assert _draft(desk, 1) == [3]
    with desk.house.engine.connect() as conn:
        first, _, again = list_disputes(conn)
    assert again["due_on"] > first["due_on"]
    with pytest.raises(Terminal, match="Case 1 has dispute 3 already"):
        _draft(desk, 1)
