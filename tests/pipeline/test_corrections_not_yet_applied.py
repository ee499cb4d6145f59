"""Corrections that a night has taken in and not applied: they give way to what the exchange says.

The night was killed, the partner or the batch was held: the exchange may mend its set meanwhile.
"""

import pytest
import sqlalchemy as sa

from ledger import gates
from pipeline.corrections import take_corrections
from pipeline.replay import replay
from pipeline.runs import open_for_scheduler
from pipeline.steps import Steps
from tests.cases.house import opened_house
from tests.pipeline.desk import HARBOR, NO_RELATION, Desk, draft, let_go, next_night, rows
from tests.pipeline.test_overtaken_corrections import DEAR, IN_BOOK, SETS, STATES

FILES = "SELECT kind, state FROM ledger.file WHERE direction = 'exchange_to_issuer' ORDER BY 1, 2"
REASONS = "SELECT DISTINCT state, reason FROM ledger.disposition WHERE reason LIKE 'correction%'"
UNSETTLED = "SELECT batch_id FROM ledger.gate_batch WHERE settled_in_run IS NULL"


@pytest.fixture
def desk(tmp_path, engine):
    """A case about a rejected enrollment, with a correction that a person has let go."""
    desk = Desk(opened_house(tmp_path, engine))
    desk.night(NO_RELATION)
    draft(desk, "INS*02=18")
    let_go(desk)
    return desk


def taken_in(desk):
    """A night that is killed when it has recorded the correction as a file."""
    run = _next_run(desk)
    take_corrections(desk.house, run, HARBOR)


def judged(desk):
    """A night that ends behind the gate: killed there, or its partner is held."""
    run = _next_run(desk)
    Steps(desk.house, run, HARBOR).gate()


def held(desk):
    """A night whose batch the gate holds; a person releases it before the next one."""
    judged(desk)
    with desk.house.engine.begin() as conn:
        conn.execute(
            sa.text("UPDATE ledger.gate_batch SET state = 'held' WHERE settled_in_run IS NULL")
        )
        (batch,) = [one for one in gates.batches(conn) if one.state == "held"]
        gates.decide(conn, batch.batch_id, gates.Decision("released", "Ben", "ben", "Seen."))


def _next_run(desk):
    moment = desk.nights.moment.replace(day=desk.nights.moment.day + 1)
    desk.nights.moment = moment
    desk.number += 1
    return open_for_scheduler(desk.house, moment, [HARBOR]).run


@pytest.mark.parametrize("stopped", [taken_in, judged, held])
def test_a_correction_that_is_not_applied_yet_gives_way_to_what_the_exchange_has_mended(
    desk, stopped
):
    """Wherever its night stopped: the exchange's own set is in the book, and nothing waits."""
    stopped(desk)
    desk.night(DEAR)
    assert rows(desk, IN_BOOK) == [("1612.50",)]
    assert [state for _, state in rows(desk, SETS)] == ["refused", "applied"]
    assert rows(desk, FILES) == [
        ("correction", "refused"), ("enrollment", "applied"), ("enrollment", "applied"),
    ]  # fmt: skip
    assert rows(desk, REASONS) == [("rejected", "correction-overtaken")]
    assert rows(desk, UNSETTLED) == []
    assert desk.all() == ["resolved"]
    assert desk.events() == ["found", "gone", "correction overtaken"]
    next_night(desk)
    assert rows(desk, IN_BOOK) == [("1612.50",)]
    if stopped is not held:  # what a person does to a batch by hand, no replay does again
        found = replay(desk.house)
        assert (found.differences, found.stopped) == ([], None)


def test_one_that_is_not_applied_yet_waits_for_what_the_exchange_says_of_the_policy(desk):
    """An end mends nothing: it waits for the enrollment, which is in the book the same night."""
    judged(desk)
    desk.night({}, base="ffe-termination")
    assert rows(desk, STATES) == [("received",)]
    assert [state for _, state in rows(desk, SETS)] == ["applied", "applied"]
    assert desk.all() == ["resolved", "resolved"]
    found = replay(desk.house)
    assert (found.differences, found.stopped) == ([], None)


def test_one_that_is_not_applied_yet_is_none_of_the_next_rejected_set(desk):
    """The case is about the exchange's newest set; a person looks at that."""
    judged(desk)
    desk.night({**NO_RELATION, **DEAR})
    assert rows(desk, IN_BOOK) == []
    assert desk.all("state", "file_id") == [("new", desk.nights.file_ids[1])]
    assert desk.events()[-1] == "correction overtaken"
    draft(desk, "INS*02=18")
    let_go(desk)
    next_night(desk)
    assert (rows(desk, IN_BOOK), desk.all()) == ([("1612.50",)], ["resolved"])


def test_one_that_nothing_has_overtaken_is_applied_by_the_next_night(desk):
    """A night that stopped is all that has happened."""
    judged(desk)
    next_night(desk)
    assert (rows(desk, IN_BOOK), desk.all()) == ([("612.50",)], ["resolved"])
