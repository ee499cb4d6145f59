"""Files as the landing zone hands them to the ledger, and verdicts as the validators give them."""

from datetime import datetime

import pyarrow as pa
import pytest

from ledger.files import ReceivedFile, record_received
from ledger.runs import close_run, open_run
from ledger.sent import SentEnvelopes, SentFile
from ledger.step_failures import StepFailure, record_failure
from schemas import tables
from schemas.verdict import Verdict

PARTNER = "cedar-valley-tx"
SIX_O_CLOCK = datetime.fromisoformat("2026-12-01T06:00:00+00:00")


@pytest.fixture
def run_id(conn):
    """The run of one night."""
    return open_run(conn, SIX_O_CLOCK)


@pytest.fixture
def night(engine, given):
    """A run with a failed step: some entries to tamper with."""
    with engine.begin() as conn:
        run_id = open_run(conn, given.six_o_clock)
        record_received(conn, given.file(run_id))
    for step in ("fetching files", "judging the batch"):
        with engine.begin() as conn:
            record_failure(conn, run_id, StepFailure(PARTNER, step, "It broke."))
    with engine.begin() as conn:
        close_run(conn, run_id, "balanced")
    return run_id


def a_file(run_id, name="OPR.001234567T.I834.D261130.T180000000.P", content="a", **more):
    """A received file of that name; files with the same `content` letter have the same bytes."""
    return ReceivedFile(
        **{
            "partner_id": PARTNER,
            "name": name,
            "kind": "enrollment",
            "function_code": "I834",
            "named_at": datetime(2026, 11, 30, 18),
            "sha256": content * 64,
            "size_bytes": 1000,
            "storage_key": f"landing/{content}",
            "run_id": run_id,
            "received_at": SIX_O_CLOCK,
        }
        | more
    )


def an_answer(run_id, kind, answers_file_id=None, name="ANSWER", **more):
    """A file to the exchange."""
    return SentFile(
        **{
            "partner_id": PARTNER,
            "name": name,
            "kind": kind,
            "function_code": None,
            "sha256": "f" * 64,
            "size_bytes": 100,
            "storage_key": f"outbox/{name}",
            "run_id": run_id,
            "created_at": SIX_O_CLOCK,
            "answers_file_id": answers_file_id,
        }
        | more
    )


def a_verdict(
    *sets, control_number="000000001", ta1_code="A", file_verdict="accepted", quarantine=None
):
    """A verdict on one interchange; each set is a list of dispositions (state, reason).

    A set is acknowledged with R when all of its members are rejected.
    """
    set_rows, set_verdicts, dispositions = [], [], []
    for set_ordinal, members in enumerate(sets, start=1):
        refused = members and all(state == "rejected" for state, _ in members)
        place = {"group_ordinal": 1, "set_ordinal": set_ordinal}
        number = {"control_number": f"{set_ordinal:04d}"}
        set_rows.append({"interchange_ordinal": 1, "member_count": len(members)} | place | number)
        codes = ["5", "I6"] if refused else []
        set_verdicts.append({"ack": "R" if refused else "A", "codes": codes} | place | number)
        dispositions += [
            {"set_ordinal": set_ordinal, "state": state, "reason": reason}
            for state, reason in members
        ]
    numbered = [
        {"member_ordinal": ordinal} | row for ordinal, row in enumerate(dispositions, start=1)
    ]
    interchange = {"interchange_ordinal": 1, "control_number": control_number}
    group = {"interchange_ordinal": 1, "group_ordinal": 1, "control_number": "1"}
    group_sender = {"sender_code": "TX0"}
    sender = {"sender_id": "CMSFFM"}
    issue = {"rule": "a-rule", "severity": "warning", "set_ordinal": 1, "message": 'It is "so".'}
    ta1 = {"ta1_code": ta1_code, "ta1_note": "000"}
    rows = pa.Table.from_pylist
    return Verdict(
        sha256="a" * 64,
        size_bytes=1000,
        file_verdict=file_verdict,
        interchanges=rows([interchange | sender], schema=tables.INTERCHANGES),
        functional_groups=rows([group | group_sender], schema=tables.FUNCTIONAL_GROUPS),
        transaction_sets=rows(set_rows, schema=tables.TRANSACTION_SETS),
        interchange_verdicts=rows([interchange | ta1], schema=tables.INTERCHANGE_VERDICTS),
        group_verdicts=rows(
            [group | {"ack": "A", "codes": [], "set_count_accepted": len(sets)}],
            schema=tables.GROUP_VERDICTS,
        ),
        set_verdicts=rows(set_verdicts, schema=tables.SET_VERDICTS),
        issues=rows([issue, issue], schema=tables.ISSUES),
        dispositions=rows(numbered, schema=tables.DISPOSITIONS),
        quarantine=quarantine,
    )


def envelopes(interchange="000000007", group="7", sets=("0001",)):
    """The control numbers of a sent file with one interchange and one group."""
    return SentEnvelopes(
        pa.table({"interchange_ordinal": [1], "control_number": [interchange]}),
        pa.table({"interchange_ordinal": [1], "group_ordinal": [1], "control_number": [group]}),
        pa.table(
            {
                "interchange_ordinal": [1] * len(sets),
                "group_ordinal": [1] * len(sets),
                "set_ordinal": range(1, len(sets) + 1),
                "control_number": list(sets),
            }
        ),
    )


class Given:
    """The builders above, for tests: modules under tests/ do not import one another."""

    partner = PARTNER
    six_o_clock = SIX_O_CLOCK
    file = staticmethod(a_file)
    answer = staticmethod(an_answer)
    verdict = staticmethod(a_verdict)
    envelopes = staticmethod(envelopes)


@pytest.fixture
def given():
    """Builders of files, verdicts and answers."""
    return Given
