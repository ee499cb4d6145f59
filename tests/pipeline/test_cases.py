"""Cases: what of the exchange's files somebody must do something about, from fault to proof."""

from datetime import time, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from ledger.case_queries import WantedCases, case_causes, list_cases
from pipeline.cases_report import case_causes_table, case_object, cases_table, show_case
from schemas.catalog import load_rules
from schemas.errors import Terminal
from schemas.work import load_work_rules
from tests.cases.bad_input import Content, Expected, Received
from tests.cases.house import opened_house
from tests.pipeline.desk import ANOTHER, DAY, LATER, NO_END, NO_RELATION, SAID_AGAIN, Desk, rows


@pytest.fixture
def desk(tmp_path, engine):
    return Desk(opened_house(tmp_path, engine))


def test_a_rejected_household_is_one_case_with_its_fault_and_dollars(desk):
    """Two members fall by one element: one thing to do, for the policy, within 72 hours."""
    desk.night(NO_RELATION)
    found = desk.all("kind", "subject", "rule", "segment_id", "element", "members", "premium")
    assert found == [
        ("rejected", "policy 9100000001", "element-missing", "INS", 2, 2, Decimal("612.50"))
    ]
    case = desk.read()
    assert case.row["due_at"] - case.row["first_seen"] == timedelta(hours=72)
    assert (case.row["aptc"], case.row["exchange_member_id"]) == (Decimal("100.00"), "0000011111")
    assert case.issue["loop"] == "2000"
    assert [event["action"] for event in case.events] == ["found"]


def test_the_same_fault_sent_again_is_the_same_case(desk):
    """Seen twice, and shown by the newest file."""
    desk.night(NO_RELATION)
    desk.night({**NO_RELATION, **SAID_AGAIN})
    assert desk.all("state", "times_seen", "file_id") == [("new", 2, desk.nights.file_ids[1])]


def test_a_case_closes_itself_names_its_proof_and_opens_when_the_fault_is_back(desk):
    """A later set of the policy that is in the book proves it."""
    desk.night(NO_RELATION)
    desk.say("assign", owner="Ben")
    desk.night({})
    case = desk.read()
    assert (case.row["state"], case.row["owner"]) == ("resolved", "Ben")
    assert case.row["resolved_file_id"] == desk.nights.file_ids[1]
    assert case.proof != case.file["name"]
    desk.night(NO_RELATION)
    assert desk.all("state", "times_seen", "times_reopened", "resolved_file_id") == [
        ("reopened", 2, 1, None)
    ]
    actions = [event["action"] for event in desk.read().events]
    assert actions == ["found", "assign", "gone", "found again"]


@pytest.mark.parametrize("clock", [{}, LATER])
def test_a_copy_of_what_was_said_before_proves_nothing(desk, clock):
    """The enrollment sent once more, whichever clock the end has: the end is lost still."""
    desk.night({})
    desk.night({**NO_END, **clock}, base="ffe-termination")
    desk.night({})
    desk.night(SAID_AGAIN)
    assert desk.all("state", "resolved_file_id") == [("new", None)]
    desk.night(clock, base="ffe-termination")
    assert desk.all("state", "resolved_file_id") == [("resolved", desk.nights.file_ids[4])]


def test_an_older_set_that_comes_late_proves_nothing(desk):
    """An end is in the book that was said, by its clock, before the one that fell."""
    desk.night({})
    desk.night({**NO_END, **LATER}, base="ffe-termination")
    desk.night({}, base="ffe-termination")
    states = rows(desk, "SELECT state FROM book.event_set ORDER BY file_id")
    assert states == [("applied",), ("applied",)]
    assert desk.all() == ["new"]


def test_a_repetition_that_fell_is_mended_by_a_good_one(desk):
    """What it says is in the book already, by the clock of the very set that fell."""
    desk.night({})
    desk.night(NO_RELATION)
    assert desk.all() == ["new"]
    desk.night({})
    assert desk.all("state", "resolved_file_id") == [("resolved", desk.nights.file_ids[2])]


def test_a_waiver_is_of_one_transaction(desk):
    """An end that falls by what was waived of an enrollment is open, and known to the queue."""
    desk.night({})
    desk.night(NO_RELATION)
    desk.say("waive", reason="Small.", until=DAY + timedelta(days=60))
    desk.night({**NO_RELATION, **SAID_AGAIN})
    assert desk.all("state", "times_seen") == [("waived", 2)]
    desk.night(NO_END, base="ffe-termination")
    found = desk.all("state", "waived_until", "times_seen", "times_reopened")
    assert found == [("reopened", None, 3, 1)]
    assert desk.events() == ["found", "waive", "found again"]
    desk.say("snooze", reason="The exchange is closed.", until=DAY + timedelta(days=60))
    desk.night({**NO_RELATION, **SAID_AGAIN})
    assert desk.all("state", "snoozed_until") == [("reopened", None)]


MAX_LEAVES = {"INS*N*01*024": ["INS*N**024*14*A"]}  # his removal falls by the same as an end


@pytest.mark.parametrize(
    ("removal", "other", "base"),
    [
        ({}, NO_END, "ffe-termination"),
        ({}, {**MAX_LEAVES, "0000022222": "0000055555"}, "ffe-change"),
        ({"REF*17*0000022222": []}, {**NO_END, "REF*17*0000011111": []}, "ffe-termination"),
    ],
)
def test_a_waiver_of_a_removal_is_of_that_member(desk, removal, other, base):
    """The end of the policy is another transaction, also without an id; so is another's removal."""
    desk.night({})
    removal = {**MAX_LEAVES, **removal}
    desk.night(removal, base="ffe-change")
    assert desk.all("maintenance_type", "is_subscriber")[0] == ("024", False)
    desk.say("waive", 1, reason="Small.", until=DAY + timedelta(days=60))
    desk.night({**removal, **SAID_AGAIN}, base="ffe-change")
    assert desk.all("state", "times_seen")[0] == ("waived", 2)
    desk.night(other, base=base)
    assert desk.all("state", "times_seen")[0] == ("reopened", 3)


def test_what_waits_in_the_book_is_a_case_blocked_by_what_was_rejected_before(desk):
    """An end waits for the enrollment that we rejected; once that has come, both are gone."""
    desk.night(NO_RELATION)
    desk.night({}, base="ffe-termination")
    assert desk.all("kind", "rule") == [
        ("rejected", "element-missing"),
        ("waits", "unknown-policy"),
    ]
    assert desk.read(2).blocked_by == [1]
    desk.night(SAID_AGAIN)
    assert desk.all("state", "resolved_file_id")[1] == ("resolved", desk.nights.file_ids[2])
    assert desk.all()[0] == "resolved"


def test_a_file_that_is_set_apart_is_a_case_that_a_person_may_close(desk):
    """No transaction can prove it; a word with a reason can."""
    desk.night("no X12 at all")
    assert desk.all("kind", "state", "severity") == [("file", "new", "reject")]
    desk.night(NO_RELATION)
    with pytest.raises(Terminal, match="closes itself"):
        desk.say("close", 2, reason="Enough.")
    desk.say("close", 1, reason="Sent by mistake.")
    assert desk.all() == ["resolved", "new"]
    desk.night({})
    assert desk.all() == ["resolved", "resolved"]


def test_a_rejected_set_without_a_policy_is_closed_by_a_person(desk):
    """Nothing that comes later can be known to be about it."""
    desk.night({"REF*1L": [], "INS*Y": NO_RELATION["INS*Y"]})
    (found,) = desk.all("kind", "subject")
    assert found == ("unnamed", "subscriber 0000011111")
    desk.say("close", reason="Sent again by hand.")
    assert desk.all() == ["resolved"]


def test_a_file_that_comes_again_and_can_be_read_closes_its_case(desk):
    """The same interchange number, accepted this time."""
    desk.night({"*00501*": "*00401*"})
    assert desk.all("kind", "state", "subject") == [("file", "new", "interchange 000000010")]
    good = Content(edits={"000000001": "000000010"})
    received = Received(content=good, day=DAY + timedelta(7), expected=Expected(state="applied"))
    desk.nights.spend([received], to_book=True)
    assert desk.all("state", "resolved_file_id") == [("resolved", desk.nights.file_ids[1])]


def test_a_waiver_holds_until_its_last_day(desk):
    """Then the case opens by itself, without any file of its policy, and is due anew.

    The day is the exchange's: in its evening the next has begun by UTC.
    """
    desk.night(NO_RELATION)
    desk.say("waive", reason="Small.", until=DAY + timedelta(days=1))
    desk.night(ANOTHER)
    assert desk.all() == ["waived"]
    desk.nights.hour = time(2)
    desk.night({**ANOTHER, **SAID_AGAIN})
    assert desk.all() == ["waived"]
    due = desk.all("due_at")
    desk.night({**ANOTHER, "BGN*": ["BGN*00*12458*20260302*120000*ET***2"]})
    assert desk.all("state", "times_reopened") == [("reopened", 1)]
    assert desk.all("due_at") > due


def test_a_snoozed_case_is_out_of_the_queue_and_an_escalated_one_has_an_owner(desk):
    """Its state and its clock stay."""
    desk.night(NO_RELATION)
    due = desk.all("due_at")
    desk.say("snooze", reason="The exchange is closed.", until=DAY + timedelta(days=3))
    assert desk.all(awake_on=DAY + timedelta(days=3)) == []
    assert desk.all("state", "due_at", awake_on=DAY + timedelta(days=4)) == [("new", due[0])]
    desk.say("escalate", owner="Cleo", reason="Dollars.")
    assert desk.all("owner", "is_escalated") == [("Cleo", True)]


def test_causes_count_cases_and_dollars_of_one_rule_and_element(desk):
    """Two policies with the same fault are one cause."""
    desk.night(NO_RELATION, {**NO_RELATION, **ANOTHER})
    with desk.house.engine.connect() as conn:
        (cause,) = case_causes(conn)
    assert (cause["rule"], cause["cases"], cause["policies"]) == ("element-missing", 2, 2)
    assert cause["premium"] == Decimal("1225.00")


def test_what_a_night_and_a_person_did_stands_in_the_audit_trail(desk):
    """A night by counts and a hash, a person by name."""
    desk.night(NO_RELATION)
    desk.say("begin")
    query = sa.text(
        "SELECT action, object_kind, actor FROM ledger.audit_entry"
        " WHERE object_kind IN ('case', 'triage') ORDER BY ordinal"
    )
    with desk.house.engine.connect() as conn:
        told = [tuple(row) for row in conn.execute(query)]
    assert told[0][:2] == ("cases new", "triage")
    assert ("begin", "case", "Ada") in told


def test_an_action_is_offered_where_it_is_possible():
    """By state and by kind."""
    rules = load_work_rules()
    assert "close" not in [action.name for action in rules.possible("new", "rejected")]
    assert "close" in [action.name for action in rules.possible("new", "file")]
    assert [action.name for action in rules.possible("resolved", "rejected")] == ["note"]


def test_a_case_is_told_in_a_sentence_without_a_value(desk, capsys):
    """What is wrong, by which rule, where, what to do, and what will prove it gone."""
    desk.night(NO_RELATION)
    show_case(desk.read())
    told = capsys.readouterr().out
    assert "policy 9100000001" in told
    assert load_rules()["element-missing"].fix in told
    assert "It closes itself when" in told
    assert "DOE" not in told
    shown = case_object(desk.read())
    assert shown["place"]["byte_end"] >= shown["place"]["byte_start"]
    with desk.house.engine.connect() as conn:
        rows, found = list_cases(conn, WantedCases()), case_causes(conn)
    assert [cases_table(rows).row_count, case_causes_table(found).row_count] == [1, 1]
