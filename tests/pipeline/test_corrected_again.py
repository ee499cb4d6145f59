"""A set that was corrected wrongly is corrected again, and takes effect once."""

import pytest
import sqlalchemy as sa

from ledger.corrections import Word
from pipeline.corrections import resubmit, take_corrections
from pipeline.replay import replay
from pipeline.runs import open_for_scheduler
from schemas.errors import Terminal
from tests.cases.house import opened_house
from tests.pipeline.desk import HARBOR, NO_END, Desk, draft, next_night, rows

STATES = "SELECT state FROM ledger.correction ORDER BY correction_id"
SETS = "SELECT state, reason FROM book.event_set ORDER BY file_id"
STATUS = "SELECT exchange_policy_id, status FROM book.policy WHERE known_to = 'infinity' ORDER BY 1"
OTHER = "9100000009"
RIGHT = "INS*02=18"
WRONG = (RIGHT, f"#9*02={OTHER}")


@pytest.fixture
def desk(tmp_path, engine):
    """A policy is enrolled, and its end is rejected."""
    desk = Desk(opened_house(tmp_path, engine))
    desk.night({})
    desk.night(NO_END, base="ffe-termination")
    return desk


def drafts(desk, *edits, case_id=1):
    """One that the next night takes in."""
    number, _ = draft(desk, *edits, case_id=case_id)
    return resubmit(desk.house, case_id, Word("Ben", "ben", "It is right."), number), number


def test_what_was_corrected_wrongly_is_corrected_again(desk):
    """The end of a policy that nobody knows waits; what comes in its place is applied alone."""
    drafts(desk, *WRONG)
    (wrong,) = next_night(desk)
    assert rows(desk, SETS)[1:] == [("pending", "unknown-policy")]
    assert desk.all("kind", "state", "file_id")[0] == ("rejected", "new", desk.nights.file_ids[1])

    drafts(desk, RIGHT)
    (right,) = next_night(desk)
    assert right != wrong
    assert rows(desk, STATES) == [("received",), ("received",)]
    assert rows(desk, SETS)[1:] == [("refused", "corrected-again"), ("applied", None)]
    assert desk.all("state", "resolved_file_id")[0] == ("resolved", right)
    assert set(desk.all()) == {"resolved"}

    desk.night({"9100000001": OTHER})
    assert rows(desk, STATUS) == [("9100000001", "terminated"), (OTHER, "initial")]
    found = replay(desk.house)
    assert (found.differences, found.stopped) == ([], None)


def test_what_a_person_has_refused_at_the_gate_is_corrected_again(desk):
    """The correction has come to nothing, and its set is as open as before."""
    drafts(desk, *WRONG)
    next_night(desk)
    with desk.house.engine.begin() as conn:
        conn.execute(sa.text("UPDATE book.event_set SET state = 'refused' WHERE reason <> ''"))
    drafts(desk, RIGHT)
    next_night(desk)
    assert rows(desk, STATES) == [("received",), ("received",)]
    assert rows(desk, STATUS) == [("9100000001", "terminated")]
    assert desk.all()[0] == "resolved"


def test_the_same_correction_is_not_taken_in_twice(desk):
    """A file of the same bytes is the file that there is: who says so again is told."""
    drafts(desk, *WRONG)
    next_night(desk)
    with pytest.raises(Terminal, match="Correction 1 said the same and was taken in"):
        draft(desk, *WRONG)


def test_a_set_is_not_corrected_while_its_correction_is_not_judged(desk):
    """It lies before the gate: it may be in the book tomorrow."""
    drafts(desk, *WRONG)
    run = open_for_scheduler(desk.house, desk.nights.moment, [HARBOR]).run
    take_corrections(desk.house, run, HARBOR)
    with pytest.raises(Terminal, match="and the book has not judged it"):
        draft(desk, RIGHT)
