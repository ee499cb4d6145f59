"""Batches at the gate: formed once, judged in order, decided once and by somebody else."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from ledger import gates
from ledger.balance import balance
from ledger.files import record_received
from ledger.runs import open_run
from ledger.verdicts import record_verdict
from schemas.database import file
from schemas.errors import Terminal
from schemas.gate import Finding

PARTNER = "cedar-valley-tx"
OPERATOR = "Nina Night"


def found(outcome="within", severity="hold", expectation="volume-high", rows=10):
    """A finding of that outcome."""
    evidence = {"type": "expect_table_row_count_to_be_between", "observed_value": rows}
    sentence = "Too many." if outcome == "outside" else None
    return Finding(expectation, severity, rows, rows, None, 5.0, outcome, sentence, evidence)


@pytest.fixture
def stages(conn, given):
    """Records a file with so many accepted members, as it is when it has been staged."""
    letters = iter("abcdef")

    def stage(run_id, members=2):
        file_id = record_received(conn, given.file(run_id, content=next(letters))).file_id
        record_verdict(conn, file_id, given.verdict([("accepted", None)] * members), run_id)
        marked(conn, [file_id], "staged")
        return file_id

    return stage


def marked(conn, file_ids, state):
    """Gives files a state."""
    conn.execute(sa.update(file).where(file.c.file_id.in_(file_ids)).values(state=state))


def applied(conn, run_id):
    """Does with the ledger what a night's application does: the file ids that it brought in."""
    file_ids = gates.files_to_apply(conn, PARTNER)
    marked(conn, file_ids, "applied")
    marked(conn, gates.files_to_refuse(conn, PARTNER), "refused")
    gates.settle(conn, run_id, PARTNER)
    return file_ids


@pytest.fixture
def tomorrow(conn, given):
    """The run of the next night."""
    return open_run(conn, given.six_o_clock + timedelta(days=1))


@pytest.fixture
def held(conn, run_id, stages):
    """The id of a held batch of one file."""
    stages(run_id)
    batch_id = gates.form_batch(conn, PARTNER, run_id)
    gates.record_findings(conn, batch_id, [found("outside")], run_id, OPERATOR)
    return batch_id


def a_decision(decision="released", decided_by="Ada Second", reason="It was meant."):
    return gates.Decision(decision, decided_by, "edi", reason)


def states(conn):
    return {batch.batch_id: batch.state for batch in gates.batches(conn)}


def test_a_batch_is_formed_once_of_all_that_is_staged(conn, run_id, stages):
    """What is in a batch already, is in no other."""
    file_ids = [stages(run_id), stages(run_id)]
    batch_id = gates.form_batch(conn, PARTNER, run_id)

    assert gates.files_of(conn, batch_id) == file_ids
    assert gates.form_batch(conn, PARTNER, run_id) is None
    assert gates.form_batch(conn, "harbor-light-nc", run_id) is None


def test_what_is_not_judged_does_not_go_in(conn, run_id, stages):
    """A waiting batch has no files to apply; a passed one has all of them, once."""
    file_id = stages(run_id)
    batch_id = gates.form_batch(conn, PARTNER, run_id)
    assert applied(conn, run_id) == []
    state = gates.record_findings(conn, batch_id, [found()], run_id, OPERATOR)

    assert state == "passed"
    assert applied(conn, run_id) == [file_id]
    assert applied(conn, run_id) == []


@pytest.mark.parametrize(
    ("outcome", "severity", "state"),
    [
        ("outside", "hold", "held"),
        ("outside", "warn", "passed"),
        ("within", "hold", "passed"),
        ("not_judged", "hold", "passed"),
    ],
)
def test_only_what_is_out_of_bounds_holds_a_batch(conn, run_id, stages, outcome, severity, state):
    """A warning is told, and what is not judged says nothing."""
    stages(run_id)
    batch_id = gates.form_batch(conn, PARTNER, run_id)
    findings = [found(expectation="volume-low"), found(outcome, severity)]

    assert gates.record_findings(conn, batch_id, findings, run_id, OPERATOR) == state
    assert list(gates.at_gate(conn, gates.batches(conn)[0]).outside) == [
        finding for finding in findings if finding.outcome == "outside"
    ]


def test_batches_are_judged_in_order_and_only_behind_settled_ones(conn, held, tomorrow, stages):
    """The second waits for the first until that one is in the book."""
    file_id = stages(tomorrow)
    second = gates.form_batch(conn, PARTNER, tomorrow)
    assert gates.next_to_judge(conn, PARTNER) is None
    assert [batch.waits_for for batch in gates.batches(conn)] == [None, held]
    gates.decide(conn, held, a_decision())
    assert gates.next_to_judge(conn, PARTNER) is None
    applied(conn, tomorrow)

    assert gates.next_to_judge(conn, PARTNER) == second
    assert gates.files_to_apply(conn, PARTNER) == []
    gates.record_findings(conn, second, [found()], tomorrow, OPERATOR)
    assert gates.files_to_apply(conn, PARTNER) == [file_id]


@pytest.mark.fault("F39")
@pytest.mark.control("separation")
@pytest.mark.parametrize(
    ("decision", "why"),
    [
        (a_decision(decided_by=f" {OPERATOR.upper()} "), "Somebody else must decide"),
        (a_decision(decided_by="nina   night"), "Somebody else must decide"),
        (a_decision(decided_by=" "), "needs a person and a reason"),
        (a_decision(reason=""), "needs a person and a reason"),
    ],
)
def test_nobody_decides_alone_or_without_a_reason(conn, held, decision, why):
    """Who ran the night is told from others by name, however it is written."""
    with pytest.raises(Terminal, match=why):
        gates.decide(conn, held, decision)

    assert states(conn) == {held: "held"}
    assert not gates.has_decided(conn, [PARTNER])


@pytest.mark.fault("F36")
def test_a_batch_is_decided_once(conn, held):
    """Neither a second release nor a refusal afterwards."""
    gates.decide(conn, held, a_decision())
    for again in ("released", "refused"):
        with pytest.raises(Terminal, match="is released, not held"):
            gates.decide(conn, held, a_decision(again))

    assert states(conn) == {held: "released"}
    assert gates.has_decided(conn, [PARTNER])
    assert not gates.has_decided(conn, ["harbor-light-nc"])


def test_an_unknown_batch_is_said(conn):
    """Its number and where to look."""
    with pytest.raises(Terminal, match="no batch 4711"):
        gates.decide(conn, 4711, a_decision())


def counts(conn, run_id):
    return {
        row["level"]: (row["received"], row["accepted"], row["rejected"], row["held"])
        for row in balance(conn, run_id).to_pylist()
    }


@pytest.mark.parametrize(
    ("decision", "at_last"), [("released", (2, 2, 0, 0)), ("refused", (1, 0, 1, 0))]
)
def test_the_balance_says_what_is_held_until_it_is_settled(
    conn, run_id, held, tomorrow, decision, at_last
):
    """Held before and after the decision, accepted or rejected when a night has settled it."""
    expected = {"files": (1, 0, 0, 1), "transaction sets": (1, 0, 0, 1), "members": (2, 0, 0, 2)}
    assert counts(conn, run_id) == expected
    gates.decide(conn, held, a_decision(decision))
    assert counts(conn, run_id) == expected
    applied(conn, tomorrow)

    level = "members" if decision == "released" else "files"
    assert counts(conn, run_id)[level] == at_last
    assert gates.batches(conn)[0].settled_in_run == tomorrow
    assert not gates.has_decided(conn, [PARTNER])


def test_only_what_went_into_the_book_is_an_example_of_what_is_usual(conn, run_id, stages):
    """Neither refused batches nor those that are not settled; of the others the last ones."""
    fates = {"passed": 1, "refused": 2, "again": 3, "unsettled": 4}
    for fate, rows in fates.items():
        stages(run_id)
        batch_id = gates.form_batch(conn, PARTNER, run_id)
        outcome = "outside" if fate == "refused" else "within"
        gates.record_findings(conn, batch_id, [found(outcome, rows=rows)], run_id, OPERATOR)
        if fate == "refused":
            gates.decide(conn, batch_id, a_decision("refused"))
        if fate != "unsettled":
            applied(conn, run_id)

    nights = gates.earlier_findings(conn, PARTNER, 20)

    assert [night["volume-high"].rows for night in nights] == [1, 3]
    assert nights[0] == {"volume-high": found(rows=1)}
    assert [night["volume-high"].rows for night in gates.earlier_findings(conn, PARTNER, 1)] == [3]
    assert gates.earlier_findings(conn, "harbor-light-nc", 20) == []
