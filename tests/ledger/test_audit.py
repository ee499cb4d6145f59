"""The audit trail: every change of state has its entry, in one chain."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from ledger import gates
from ledger.answers import record_answers
from ledger.control_numbers import take_control_numbers
from ledger.files import record_received
from ledger.runs import close_run, open_run
from ledger.sent import mark_delivered, record_sent
from ledger.server import open_engine, upgrade
from ledger.step_failures import StepFailure, clear_failures, record_failure
from ledger.verdicts import record_verdict
from schemas.audit import audit_entry
from schemas.database import file
from schemas.errors import EnrollmentError, Terminal
from schemas.gate import Finding
from schemas.rule_versions import rules_in_force
from schemas.runs import run
from schemas.tables import ANSWERS
from tests.ledger.trails import trail, verified

pytestmark = [pytest.mark.control("audit", "audit-kept")]
PARTNER = "cedar-valley-tx"
ROLE = Path(__file__).resolve().parents[2] / "docs" / "application_role.sql"
SECRET = "DOE"  # what a hostile answer may carry where a code belongs
OUTSIDE = Finding("volume-high", "hold", 10, 10.0, None, 5.0, "outside", "Too many.", {})


def told_of(engine, work):
    """What a transaction does, and the entries of its commit as (action, object, details)."""
    before = len(trail(engine))
    with engine.begin() as conn:
        done = work(conn)
    new = trail(engine)[before:]
    return done, [(e.action, f"{e.object_kind}:{e.object_id}", json.loads(e.details)) for e in new]


def acts(told):
    return [f"{what} {action}" for action, what, _ in told]


def test_a_run_and_its_steps_are_told(engine, given):
    """Opened, taken up, a step that failed and went through, closed."""
    clock = given.six_o_clock
    run_id, opened = told_of(engine, lambda conn: open_run(conn, clock))
    _, again = told_of(engine, lambda conn: open_run(conn, clock))
    failure = StepFailure(PARTNER, "fetching files", "It broke.")
    _, failed = told_of(engine, lambda conn: record_failure(conn, run_id, failure))
    _, mended = told_of(engine, lambda conn: clear_failures(conn, clock, PARTNER, failure.step))
    _, closed = told_of(engine, lambda conn: close_run(conn, run_id, "balanced"))
    _, closed_again = told_of(engine, lambda conn: close_run(conn, run_id, "failed"))

    name = f"run:{run_id}"
    pinned = {"as_of": "2026-12-01T06:00:00Z", "rules": rules_in_force().digest}
    assert opened == [("opened", name, pinned)]
    assert again == [("taken up", name, {})]
    assert acts(failed) == [f"{name} step failed"]
    assert mended == [("step went through", name, {"partner": PARTNER, "step": "fetching files"})]
    assert closed == [("closed", name, {"from": "open", "to": "balanced"})]
    assert closed_again == []


def test_a_received_file_is_told(engine, given):
    """Received, seen again, another name for the same bytes, judged with all of its envelopes."""
    with engine.begin() as conn:
        run_id = open_run(conn, given.six_o_clock)
    received = given.file(run_id)
    later = given.file(run_id, received_at=given.six_o_clock + timedelta(hours=1))
    copy = given.file(run_id, name="COPY")
    verdict = given.verdict([("accepted", None)] * 2, [("rejected", "a-rule")])
    first, told = told_of(engine, lambda conn: record_received(conn, received))
    _, seen = told_of(engine, lambda conn: record_received(conn, later))
    second, copied = told_of(engine, lambda conn: record_received(conn, copy))
    _, judged = told_of(engine, lambda conn: record_verdict(conn, first.file_id, verdict, run_id))

    name = f"file:{first.file_id}"
    assert acts(told) == [f"{name} received"]
    assert told[0][2]["sha256"] == received.sha256
    assert seen == [("seen again", name, {"run": run_id})]
    assert acts(copied) == [f"file:{second.file_id} duplicate"]
    assert copied[0][2]["duplicate_of"] == first.file_id
    assert acts(judged) == [
        f"{name} {action}"
        for action in (
            "interchanges recorded",
            "functional groups recorded",
            "transaction sets recorded",
            "checked",
        )
    ]
    assert judged[2][2]["states"] == {"A": 1, "R": 1}
    assert judged[3][2] == {
        "from": "received",
        "verdict": "accepted",
        "issues": 2,
        "members": {"accepted": 2, "rejected": 1},
    }


def test_a_sent_file_is_told(engine, given):
    """Written with its numbers, delivered, answered; no received value is repeated."""
    with engine.begin() as conn:
        run_id = open_run(conn, given.six_o_clock)
        received = record_received(conn, given.file(run_id)).file_id
    sent = given.answer(run_id, "enrollment")
    said = [
        {"level": "interchange", "interchange_number": "000000007", "code": "A", "note": "000"},
        {"level": "group", "group_number": "7", "code": "R"},
        {"level": "set", "group_number": "7", "set_number": "0001", "code": SECRET},
    ]
    file_id, written = told_of(engine, lambda conn: record_sent(conn, sent, given.envelopes()))
    _, delivered = told_of(engine, lambda conn: mark_delivered(conn, file_id, sent.created_at))
    taken = (PARTNER, received, pa.Table.from_pylist(said, schema=ANSWERS))
    _, answered = told_of(engine, lambda conn: record_answers(conn, *taken))
    _, again = told_of(engine, lambda conn: record_answers(conn, *taken))

    name = f"file:{file_id}"
    assert acts(written) == [
        f"{name} {action}"
        for action in (
            "written",
            "interchanges recorded",
            "functional groups recorded",
            "transaction sets recorded",
        )
    ]
    assert delivered == [("delivered", name, {"from": "written"})]
    assert [(action, more.get("states")) for action, _, more in answered] == [
        *(("answers read", {"unmatched": 3}), ("answers matched", {"matched": 3})),
        ("interchanges answered", {"A": 1}),
        ("functional groups answered", {"R": 1}),
        ("transaction sets answered", {"other": 1}),
        *(("refused", None), ("answers matched", {"counts": 3})),
    ]
    assert again == []
    assert SECRET not in "".join(entry.details for entry in trail(engine))


def test_a_batch_at_the_gate_is_told(engine, given):
    """Formed of its files, held, decided in a person's name, applied and settled."""
    with engine.begin() as conn:
        run_id = open_run(conn, given.six_o_clock)
        file_id = record_received(conn, given.file(run_id)).file_id
        conn.execute(sa.update(file).values(state="staged"))
    decision = gates.Decision("released", "Ada Second", "edi", "It was meant.")
    batch_id, formed = told_of(engine, lambda conn: gates.form_batch(conn, PARTNER, run_id))
    _, held = told_of(
        engine, lambda conn: gates.record_findings(conn, batch_id, [OUTSIDE], run_id, "Nina")
    )
    _, decided = told_of(engine, lambda conn: gates.decide(conn, batch_id, decision))
    actor = trail(engine)[-2].actor
    with engine.begin() as conn:
        conn.execute(sa.update(file).values(state="applied"))
    _, settled = told_of(engine, lambda conn: gates.settle(conn, run_id, PARTNER))
    forged = sa.text("UPDATE ledger.gate_decision SET decided_by = 'Somebody'")
    _, altered = told_of(engine, lambda conn: conn.execute(forged))

    name = f"batch:{batch_id}"
    assert acts(formed) == [f"{name} formed", f"{name} files joined"]
    assert held == [
        ("held", name, {"from": "waiting", "judged_in_run": run_id, "findings": {"outside": 1}})
    ]
    assert acts(decided) == [f"{name} decided", f"{name} released"]
    assert decided[0][2]["decision"] == "released"
    assert "It was meant." not in str(decided)
    assert actor == "Ada Second"
    assert settled == [("settled", name, {"state": "released", "run": run_id, "files": 1})]
    assert altered == [("decision altered", name, {"by": "update"})]
    applied = [e.action for e in trail(engine, of_object=("file", file_id))]
    assert applied == ["received", "staged", "applied"]


def test_a_change_by_hand_is_told(engine, night, given):
    """Somebody who changes the ledger with another program stands in the trail by his role.

    He may be the owner, and play a replica, on which triggers do not fire as a rule.
    """
    with engine.begin() as conn:
        record_verdict(conn, 1, given.verdict([("accepted", None)]), night)
    before = len(trail(engine))
    with engine.begin() as conn:
        conn.execute(sa.text("SET LOCAL session_replication_role = replica"))
        conn.execute(sa.update(file).values(sha256="b" * 64))
        conn.execute(sa.text("DELETE FROM ledger.transaction_set"))
        conn.execute(sa.text("DELETE FROM ledger.file"))

    altered, sets_deleted, deleted = trail(engine)[before:]
    assert (altered.action, altered.details) == ("altered", '{"columns": ["sha256"]}')
    assert sets_deleted.action == "transaction sets deleted"
    assert json.loads(sets_deleted.details)["states"] == {"A": 1}
    assert (deleted.action, deleted.actor) == ("deleted", "postgres")


@pytest.mark.control("unique-user")
def test_the_operator_is_named(database_url, given):
    """Any name, blanks and letters of all alphabets included."""
    operator = "Zoë O'Neil \\ night"
    engine = open_engine(database_url, operator)
    with engine.begin() as conn:
        open_run(conn, given.six_o_clock)
    (entry,) = trail(engine)
    whole = verified(engine.connect()).is_whole
    engine.dispose()

    assert entry.actor == operator
    assert whole


def test_moments_are_utc_whatever_the_zone_of_a_session(engine, given):
    """And the chain holds."""
    before = datetime.now(UTC)
    with engine.begin() as conn:
        conn.execute(sa.text("SET LOCAL timezone = 'America/New_York'"))
        open_run(conn, given.six_o_clock)
    (entry,) = trail(engine)
    at = datetime.strptime(entry.at, "%Y-%m-%dT%H:%M:%S.%f%z")
    assert before <= at <= datetime.now(UTC)
    with engine.connect() as conn:
        assert verified(conn).is_whole


FOLLOWS_EVENTS = {"ledger.disposition"}  # told by the verdict, and by the events that move it
OF_A_PERSON_OR_PLACE = {"book.event", "book.address"}  # their `state` is one of an address


def test_no_table_with_a_state_is_left_out(conn):
    """A table that is added later with a state of its own needs its trigger, too."""
    states = {"state", "ack", "ta1_code", "decision"}
    with_state = {t.fullname for t in run.metadata.tables.values() if states & set(t.c.keys())}
    named = "SELECT DISTINCT replace(tgrelid::regclass::text, chr(34), '') FROM pg_trigger"
    audited = conn.scalars(sa.text(f"{named} WHERE tgname = 'audit'"))

    assert with_state - set(audited) == FOLLOWS_EVENTS | OF_A_PERSON_OR_PLACE


@pytest.mark.control("retention")
def test_the_application_needs_no_right_to_the_trail(engine, database_url, given):
    """With the role of docs/application_role.sql files are judged, and the trail can only grow."""
    with engine.begin() as conn:
        conn.execute(sa.text(ROLE.read_text()))
    url = sa.make_url(database_url).set(username="edi834_app")
    app = open_engine(url.render_as_string(hide_password=False))
    upgrade(app)
    with app.begin() as conn:
        run_id = open_run(conn, given.six_o_clock)
    with app.begin() as conn:
        open_run(conn, given.six_o_clock)
        file_id = record_received(conn, given.file(run_id)).file_id
        record_verdict(conn, file_id, given.verdict([("accepted", None)]), run_id)
    refused = [
        "INSERT INTO ledger.audit_entry SELECT * FROM ledger.audit_entry",
        "UPDATE ledger.audit_entry SET actor = 'me'",
        "DELETE FROM ledger.audit_entry",
        "TRUNCATE ledger.audit_entry",
        "ALTER TABLE ledger.audit_entry DISABLE TRIGGER ALL",
        "ALTER TABLE ledger.file DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DELETE FROM ledger.audit_pending",
        "INSERT INTO ledger.audit_pending DEFAULT VALUES",
        "DROP TRIGGER audit_chain ON ledger.audit_pending",
    ]
    for statement in refused:
        with app.connect() as conn, pytest.raises(Terminal, match="42501"):
            conn.execute(sa.text(statement))
    with app.connect() as conn:
        found = verified(conn)
    app.dispose()

    assert found.is_whole
    assert found.entries == 7


def test_two_writers_keep_one_chain(engine, night):
    """Many commits at once, of one entry and of several: no gap, no fork, none lost."""
    before = len(trail(engine))

    def fail_steps(worker):
        for count in range(12):
            with engine.begin() as conn:
                for step in ("one", "two"):
                    failure = StepFailure(PARTNER, f"{step} {worker} {count}", "It broke.")
                    record_failure(conn, night, failure)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(fail_steps, range(4)))
    with engine.connect() as conn:
        found = verified(conn)

    assert found.is_whole
    assert found.entries == before + 4 * 12 * 2


def test_a_long_transaction_keeps_nobody_waiting(engine, night):
    """The end of the chain is locked by a commit only, whatever else is locked, in any order."""
    with engine.connect() as one, engine.connect() as other:
        for conn in (one, other):
            conn.execute(sa.text("SET LOCAL lock_timeout = '5s'"))
        record_failure(one, night, StepFailure(PARTNER, "one", "It broke."))
        take_control_numbers(other, PARTNER, "group")
        record_failure(other, night, StepFailure(PARTNER, "other", "It broke."))
        other.commit()
        take_control_numbers(one, PARTNER, "group")
        one.commit()

    *_, first, second = trail(engine)
    assert [json.loads(e.details)["step"] for e in (first, second)] == ["other", "one"]


def test_what_is_rolled_back_was_never_told(engine, night):
    """Neither a transaction's entries nor those of a part of it; the rest has no gap."""
    before = len(trail(engine))
    with engine.connect() as conn:
        record_failure(conn, night, StepFailure(PARTNER, "undone", "It broke."))
    with engine.begin() as conn:
        part = conn.begin_nested()
        record_failure(conn, night, StepFailure(PARTNER, "undone", "It broke."))
        part.rollback()
        record_failure(conn, night, StepFailure(PARTNER, "done", "It broke."))
    with engine.connect() as conn:
        assert verified(conn).is_whole

    (entry,) = trail(engine)[before:]
    assert json.loads(entry.details)["step"] == "done"


@pytest.mark.fault("F34")
def test_what_cannot_be_told_is_not_done(engine, night, given):
    """No action without its entry (F34): when the trail cannot grow, the commit fails."""
    tomorrow = given.six_o_clock + timedelta(days=1)
    full = "ALTER TABLE ledger.audit_entry ADD CONSTRAINT full_up CHECK (ordinal < 0) NOT VALID"
    with engine.begin() as conn:
        conn.execute(sa.text(full))
    before = trail(engine)
    with pytest.raises(EnrollmentError, match="full_up"), engine.begin() as conn:
        open_run(conn, tomorrow)
    with engine.connect() as conn:
        runs = conn.scalars(sa.select(run.c.as_of)).all()

    assert runs == [given.six_o_clock]
    assert trail(engine) == before


def test_entries_are_found_by_object_and_moment(engine, night):
    """A file's own entries, and those since a moment."""
    everything = trail(engine)
    last = everything[-1]
    with engine.connect() as conn:
        moment = conn.scalar(
            sa.select(audit_entry.c.at).where(audit_entry.c.ordinal == last.ordinal)
        )

    assert [e.action for e in trail(engine, of_object=("file", 1))] == ["received"]
    assert trail(engine, since=moment) == [last]
    assert trail(engine, of_object=("run", 99)) == []
