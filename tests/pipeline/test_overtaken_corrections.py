"""Corrections that are overtaken, by the exchange or by another one: withdrawn, and told."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import pytest
import sqlalchemy as sa

from ledger.corrections import Draft, Word, corrections_of, record_draft
from pipeline.corrections import changed_segments, draft_correction, resubmit
from pipeline.replay import replay
from schemas.cases import case_, correction
from schemas.errors import Terminal
from tests.cases.house import opened_house
from tests.pipeline.desk import ANOTHER, NO_RELATION, Desk, draft, let_go, next_night, rows

# The premium of the subscriber's household as the exchange has it right.
DEAR = {"*412.50~": "*1412.50~", "*612.50~": "*1612.50~", "*512.50~": "*1512.50~"}
STATES = "SELECT state FROM ledger.correction ORDER BY correction_id"
IN_BOOK = (
    "SELECT CAST(amount AS text) FROM book.amount WHERE name = 'PRE AMT TOT'"
    " AND known_to = 'infinity'"
)
WAITING = (
    "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    " AND datname = current_database()"
)
TRAIL = (
    "SELECT action, actor, details ->> 'account', details ->> 'reason_sha256' IS NOT NULL"
    " FROM ledger.audit_entry WHERE object_kind = 'correction' ORDER BY ordinal"
)
SETS = "SELECT file_id, state FROM book.event_set ORDER BY file_id"


@pytest.fixture
def desk(tmp_path, engine):
    """A case about a rejected enrollment of 612.50 dollars a month."""
    desk = Desk(opened_house(tmp_path, engine))
    desk.night(NO_RELATION)
    return desk


def release(desk, case_id=1):
    return let_go(desk, case_id)


@pytest.mark.parametrize("is_released", [True, False])
def test_what_the_exchange_has_mended_itself_is_not_corrected_any_more(desk, is_released):
    """Drafted or released, and the exchange's own set comes the same evening: that one holds."""
    draft(desk, "INS*02=18")
    if is_released:
        release(desk)
    desk.night(DEAR)
    assert next_night(desk) == []
    assert rows(desk, STATES) == [("withdrawn",)]
    assert rows(desk, IN_BOOK) == [("1612.50",)]
    assert rows(desk, SETS) == [(desk.nights.file_ids[1], "applied")]
    assert desk.all() == ["resolved"]
    assert desk.events() == ["found", "gone", "correction overtaken"]
    with pytest.raises(Terminal, match="has no draft"):
        release(desk)
    found = replay(desk.house)
    assert (found.differences, found.stopped) == ([], None)


def test_the_trail_names_nobody_who_has_withdrawn_nothing(desk):
    """A night withdrew it: the entry has neither the drafter nor the releaser, nor their words."""
    draft(desk, "INS*02=18")
    release(desk)
    desk.night(DEAR)
    next_night(desk)
    drafted, released, withdrawn = rows(desk, TRAIL)
    assert drafted == ("correction draft", "Ada", "ada", True)
    assert released == ("correction released", "Ben", "ben", True)
    assert withdrawn[0] == "correction withdrawn"
    assert withdrawn[1] not in {"Ada", "Ben"}
    assert withdrawn[2:] == (None, False)


def test_a_correction_waits_a_night_for_what_the_exchange_says_of_the_policy(desk):
    """An end that came the same evening waits for the very enrollment that was corrected."""
    draft(desk, "INS*02=18")
    release(desk)
    desk.night({}, base="ffe-termination")
    assert rows(desk, STATES) == [("released",)]
    assert len(next_night(desk)) == 1
    assert [state for _, state in rows(desk, SETS)] == ["applied", "applied"]
    assert desk.all() == ["resolved", "resolved"]


def test_a_correction_of_a_set_is_none_of_the_next_rejected_one(desk):
    """The case is about the exchange's newest set; what was drafted of the first is withdrawn."""
    draft(desk, "INS*02=18")
    release(desk)
    desk.night({**NO_RELATION, **DEAR})
    assert next_night(desk) == []
    assert rows(desk, STATES) == [("withdrawn",)]
    assert desk.all("state", "file_id") == [("new", desk.nights.file_ids[1])]
    assert desk.events() == ["found", "correction overtaken"]
    draft(desk, "INS*02=18")
    release(desk)
    next_night(desk)
    assert (rows(desk, IN_BOOK), desk.all()) == ([("1612.50",)], ["resolved"])


def test_who_has_looked_at_another_set_corrects_nothing(desk):
    """A number of a segment is another segment there."""
    seen = desk.nights.file_ids[0], 1
    desk.night({**NO_RELATION, **DEAR})
    word = Word("Ada", "ada", "Told by phone.")
    with pytest.raises(Terminal, match="about another transaction set since you have looked"):
        draft_correction(desk.house, 1, ["INS*02=18"], word, seen)
    draft_correction(desk.house, 1, ["INS*02=18"], word, (desk.nights.file_ids[1], 1))


def test_only_the_draft_that_a_person_has_seen_is_let_go(desk):
    """Another one was kept meanwhile: the second person is asked to look again."""
    seen, _ = draft(desk, "INS*02=18")
    kept, _ = draft(desk, "INS*02=18", person="Cleo")
    word = Word("Ben", "ben", "It is right.")
    with pytest.raises(Terminal, match=f"has correction {kept} now, by Cleo"):
        resubmit(desk.house, 1, word, None)
    with pytest.raises(Terminal, match=f"has another draft .*, correction {kept}"):
        resubmit(desk.house, 1, word, seen)
    assert changed_segments(desk.house, kept) == [
        ("INS*Y**021*EC*A***AC", "INS*Y*18*021*EC*A***AC")
    ]
    assert resubmit(desk.house, 1, word, kept) == kept
    assert rows(desk, STATES) == [("withdrawn",), ("released",)]


def test_of_two_drafts_at_once_one_stays(desk):
    """The second person to keep one waits for the first, and takes its place."""
    draft(desk, "INS*02=18")
    with desk.house.engine.begin() as conn:
        (row,) = corrections_of(conn, 1)
        conn.execute(sa.text("UPDATE ledger.correction SET state = 'withdrawn'"))
    kept = Draft(**{one.name: row[one.name] for one in fields(Draft)})
    with ThreadPoolExecutor(1) as threads:
        with desk.house.engine.begin() as conn:
            record_draft(conn, kept)
            other = threads.submit(_keep, desk, kept)
            while not other.done() and not rows(desk, WAITING):
                pass
        other.result()
    assert sorted(rows(desk, STATES)) == [("draft",), ("withdrawn",), ("withdrawn",)]
    release(desk)
    with pytest.raises(Terminal, match="is on its way already"):
        _keep(desk, kept)


def _keep(desk, kept):
    with desk.house.engine.begin() as conn:
        return record_draft(conn, kept)


def test_what_is_closed_by_a_person_is_not_corrected_any_more(tmp_path, engine):
    """Neither released afterwards, nor taken in when it was released before."""
    desk = Desk(opened_house(tmp_path, engine))
    desk.night({"REF*1L": [], **NO_RELATION})
    draft(desk, "INS*02=18")
    desk.say("close", 1, reason="Sent again by hand.")
    with pytest.raises(Terminal, match="is overtaken"):
        release(desk)
    next_night(desk)
    assert rows(desk, STATES) == [("withdrawn",)]
    assert desk.events()[-1] == "correction overtaken"


def test_a_set_with_two_cases_is_corrected_once(desk):
    """Each of them has a correction of it: the second is overtaken by the first."""
    draft(desk, "INS*02=18")
    with desk.house.engine.begin() as conn:
        for table, other in ((case_, {"rule": "another"}), (correction, {"case_id": 2})):
            row = dict(conn.execute(sa.select(table)).mappings().one()) | other
            names = [name for name in row if name != f"{table.name}_id" or name in other]
            conn.execute(sa.insert(table).values({name: row[name] for name in names}))
    release(desk)
    release(desk, 2)
    assert len(next_night(desk)) == 1
    assert rows(desk, STATES) == [("received",), ("withdrawn",)]
    assert desk.events(2) == ["correction overtaken", "gone"]


def test_a_correction_does_not_wait_for_other_policies(desk):
    """What comes the same evening of another one is none of its."""
    draft(desk, "INS*02=18")
    release(desk)
    desk.night(ANOTHER)
    assert rows(desk, STATES) == [("received",)]
    assert desk.all() == ["resolved"]
