"""The exchange's pre-audit file of a coverage year, through whole nights."""

from datetime import date

import pytest
import sqlalchemy as sa

from pipeline.demo_month import audited_as
from reconciliation.months import newest_pre_audits
from schemas.months import month_file
from simulator.months import MonthInABox
from tests.cases.world import CEDAR

_LATE = sa.text("""
INSERT INTO reconciliation.month_file OVERRIDING USER VALUE
SELECT (jsonb_populate_record(f, jsonb_build_object('sha256', CAST(:gathered AS text),
  'balance', f.balance || jsonb_build_object('gathered', CAST(:gathered AS text))))).*
FROM reconciliation.month_file f WHERE month_file_id = :id
""")
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


def members_of(segments):
    """Policy and member of segments of the exchange's month."""
    return {
        (one.values["exchange_policy_id"], one.values["exchange_member_id"]) for one in segments
    }


def a_night(world, night):
    """Nothing happens in it but what lies in the outbox."""
    world.write_carrier_records(2)
    world.run(night)


def assert_an_older_one_displaces_none(world):
    """A file that comes late is not the newest one: what counts is when it was gathered."""
    with world.house.engine.connect() as conn:
        (newest,) = newest_pre_audits(conn, CEDAR)
        for gathered in ("2026010112000000", "2099010112000000"):
            conn.execute(_LATE, {"id": newest["month_file_id"], "gathered": gathered})
        (late,) = newest_pre_audits(conn, CEDAR)
        conn.execute(sa.delete(month_file).where(month_file.c.sha256 == "2099010112000000"))
        assert newest_pre_audits(conn, CEDAR) == [newest]
        assert late["sha256"] == "2099010112000000"
        conn.rollback()


def decides_about_the_held_file(world):
    """Not who ran the night, and not without a reason; refused by a second person, for good."""
    ((number, judged_by, balance),) = world.rows(
        "SELECT month_file_id, judged_by, balance FROM reconciliation.month_file"
        " WHERE state = 'held'"
    )
    figures = {one["expectation"]: one for one in balance["findings"]}
    assert figures["pre-audit-omits"]["observed"] > 0.5
    assert figures["pre-audit-omits-members"]["outcome"] == "outside"
    assert figures["pre-audit-omits-premium"]["observed"] > 1000
    reason = ("--reason", "The exchange sends a new one.")
    himself = world.edi834("month", "refuse", number, "--by", judged_by.upper(), *reason)
    assert himself.code == 2
    assert "Somebody else must decide" in himself.err
    second = world.edi834("month", "refuse", number, "--by", "Ada Second", *reason)
    assert second.code == 0
    again = world.edi834("month", "accept", number, "--by", "Ada Second", *reason)
    assert "is refused, not held" in again.err
    assert file_of(world, 4) == ("quarantined", "A second person has refused it.")


@pytest.mark.control("separation")
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
    assert "The pre-audit file leaves out" in note
    assert "policies of the year" in note
    assert breaks(world, "new") == expected

    decides_about_the_held_file(world)
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
    assert_an_older_one_displaces_none(world)


def test_a_held_file_that_a_second_person_accepts_is_compared(audited_world):
    """From the next night on, with whom it leaves out as breaks; and nobody is ended."""
    world, box = audited_world
    whole = box.book.segments
    box.book.segments = whole[: len(whole) // 3]
    box.audit(world.clock(6))
    a_night(world, 6)
    assert breaks(world, "new") == set()
    ((number,),) = world.rows(
        "SELECT month_file_id FROM reconciliation.month_file WHERE state = 'held'"
    )
    second = ("--by", "Ada Second", "--reason", "They were never enrolled there.")
    assert world.edi834("month", "accept", number, *second).code == 0
    assert file_of(world, 6) == ("applied", None)
    a_night(world, 7)

    found = {row[1:3] for row in breaks(world, "new")}
    assert {row[0] for row in breaks(world, "new")} == {"missing_at_carrier"}
    assert len(found) > 50
    assert found <= members_of(whole) - members_of(box.book.segments)
    box.book.segments = whole
    box.audit(world.clock(8))
    unread = min(found)[0]
    path = max(world.outbox(CEDAR).glob("*AUD*"))
    lines = path.read_bytes().splitlines(keepends=True)
    moved = next(place for place, one in enumerate(lines) if f"|{unread}|".encode() in one)
    lines[moved] = b"|" + lines[moved]
    path.write_bytes(b"".join(lines))
    a_night(world, 8)
    assert {row[1] for row in breaks(world, "new")} == {unread}, "who cannot be read is not proved"
    box.audit(world.clock(9))
    a_night(world, 9)
    assert breaks(world, "new") == set()
