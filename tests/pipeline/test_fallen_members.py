"""A member whom we rejected from an enrollment: his case, and what waits for him."""

import csv
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.replay import replay
from pipeline.runs import open_for_scheduler
from pipeline.settings import CarrierSettings
from pipeline.steps import Steps
from schemas.partners import load_partner
from tests.cases.house import opened_house
from tests.pipeline.desk import DAY, HARBOR, LATER, Desk, draft, let_go, next_night, rows

JANE, JOHN, POLICY = "0000011111", "0000033333", "9100000001"
# His coverage begins on another day than the household's.
JOHN_FALLS = {f"REF*17*{JOHN}": [f"REF*17*{JOHN}", "DTP*356*D8*20260201"]}
SENT = "SELECT kind, evidence ->> 'without_members' FROM book.decision WHERE state = 'sent'"
FINDINGS = "SELECT rule FROM book.carrier_finding WHERE kind = 'member'"


@pytest.fixture
def desk(tmp_path, engine):
    """Jane and John are enrolled, John is rejected, and their binder is paid."""
    carrier = CarrierSettings(
        kind="file", members=f"{tmp_path}/members.csv", payments=f"{tmp_path}/payments.csv"
    )
    names = load_partner(HARBOR).carrier_records
    known = {"exchange_policy_id": POLICY, "issuer_policy_id": "A-1", "issuer_subscriber_id": "A"}
    for file, columns, told in (
        (carrier.members, names.members, [
            known | {"exchange_member_id": one, "issuer_member_id": f"A{one}"}
            for one in (JANE, JOHN)
        ]),
        (carrier.payments, names.payments, [
            known | {"amount": "512.50", "received_on": "2025-12-20", "paid_through": "2026-01-31"}
        ]),
    ):  # fmt: skip
        with Path(file).open("w", encoding="utf-8", newline="") as extract:
            writer = csv.writer(extract)
            writer.writerow(columns.values())
            writer.writerows([row.get(name, "") for name in columns] for row in told)
    desk = Desk(opened_house(tmp_path, engine, carriers={HARBOR: carrier}))
    desk.night(JOHN_FALLS)
    return desk


def settles(desk):
    """A night in which nothing comes, with what follows from the book; what was sent by then."""
    next_night(desk)
    run = open_for_scheduler(desk.house, desk.nights.moment, [HARBOR]).run
    Steps(desk.house, run, HARBOR).settle()
    return rows(desk, SENT)


def test_persons_let_the_effectuation_go_and_a_replay_does_the_same(desk):
    """John does not come: his case is waived, Jane is confirmed, and the trail says by what."""
    assert settles(desk) == []
    assert rows(desk, FINDINGS) == [("member-missing",)]
    desk.say("waive", reason="He lives elsewhere.", until=DAY + timedelta(days=60))
    assert settles(desk) == [("effectuation", "1")]
    assert rows(desk, FINDINGS) == []
    found = replay(desk.house)
    assert (found.differences, found.stopped) == ([], None)


def test_his_case_is_open_and_correctable_as_long_as_he_is_awaited(desk):
    """The exchange ends the policy and does not name him: he is missing still."""
    desk.night(LATER, base="ffe-termination")
    assert rows(desk, "SELECT state FROM book.event_set") == [("applied",), ("applied",)]
    assert desk.all("state", "exchange_member_id") == [("new", JOHN)]
    draft(desk, "#58*03=20260101")
    let_go(desk)
    (file_id,) = next_night(desk)
    assert desk.all("state", "resolved_file_id") == [("resolved", file_id)]
    covered = "SELECT exchange_member_id FROM book.effective_coverage WHERE known_to = 'infinity'"
    assert sorted(rows(desk, covered)) == [(JANE,), (JOHN,)]
    found = replay(desk.house)
    assert (found.differences, found.stopped) == ([], None)
