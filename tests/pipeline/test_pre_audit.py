"""The exchange's pre-audit file of a coverage year, through whole nights."""

from datetime import date

import pytest

from pipeline.demo_month import audited_as
from simulator.months import MonthInABox
from tests.cases.world import CEDAR

MONTH = date(2027, 1, 1)
AS_OF = date(2027, 1, 15)


@pytest.fixture(scope="module")
def audited_world(tmp_path_factory, new_database_url, open_world):
    """Two nights: policies are enrolled and effectuated on both sides; and the exchange's month."""
    folder = tmp_path_factory.mktemp("pre-audit")
    with open_world(folder, new_database_url(), partner_ids=(CEDAR,)) as world:
        for night in (1, 2):
            world.send(night)
            world.run(night)
            world.exchange.read_answers(night)
        box = MonthInABox(world.exchange, world.house.partner(CEDAR), MONTH, AS_OF)
        assert box.wrong, "too few policies to be wrong about"
        yield world, box


def breaks(world, state):
    """Kind, policy, member and field of the breaks in that state."""
    rows = world.rows(
        "SELECT kind, exchange_policy_id, exchange_member_id, field FROM reconciliation.break"
        " WHERE source = 'pre_audit' AND period = '2027' AND state = :state",
        state=state,
    )
    return set(rows)


def file_of(world, night):
    """State and note of the pre-audit file that came in that night."""
    ((state, note),) = world.rows(
        "SELECT f.state, f.note FROM ledger.file f JOIN ledger.run r USING (run_id)"
        " WHERE f.kind = 'pre_audit' AND r.as_of = :as_of",
        as_of=world.clock(night),
    )
    return state, note


def a_night(world, night):
    """Nothing happens in it but what lies in the outbox."""
    world.write_carrier_records(2)
    world.run(night)


def test_what_it_says_otherwise_is_a_break_until_a_file_agrees(audited_world):
    """What is missing, extra and different, once each; half a file closes nothing."""
    world, box = audited_world
    wrong = box.audit(world.clock(3))
    expected = {(audited_as(one, box), one.policy_id, one.member_id, one.field) for one in wrong}
    assert {kind for kind, *_ in expected} == {"differs", "missing_at_carrier", "missing_in_book"}

    a_night(world, 3)
    assert file_of(world, 3) == ("applied", None)
    assert breaks(world, "new") == expected

    box.book.segments = list(box.right.values())
    whole = box.book.segments
    box.book.segments = whole[: len(whole) // 3]
    box.audit(world.clock(4))
    a_night(world, 4)
    state, note = file_of(world, 4)
    assert state == "quarantined"
    assert note.startswith("The file has ")
    assert "it is not whole" in note
    assert breaks(world, "new") == expected

    box.book.segments = whole
    box.audit(world.clock(5))
    a_night(world, 5)
    assert file_of(world, 5) == ("applied", None)
    assert breaks(world, "new") == set()
    assert breaks(world, "resolved") == expected
    proofs = world.rows(
        "SELECT DISTINCT f.kind, f.run_id = b.resolved_run_id FROM reconciliation.break b"
        " JOIN ledger.file f ON f.file_id = b.resolved_file_id WHERE b.source = 'pre_audit'"
    )
    assert proofs == [("pre_audit", True)]
    left_out = [policy for kind, policy, *_ in expected if kind == "missing_at_carrier"]
    held = world.rows(
        "SELECT status FROM book.policy WHERE exchange_policy_id = ANY(:ids)"
        " AND known_to = 'infinity'",
        ids=left_out,
    )
    assert {status for (status,) in held} == {"effectuated"}, "who is left out is not ended"
