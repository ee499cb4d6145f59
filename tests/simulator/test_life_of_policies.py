"""Weeks of an exchange and its carrier: what comes late, again, renewed, crossed and unpaid."""

import csv
from collections import Counter
from decimal import Decimal
from itertools import pairwise

import pytest

from schemas.partners import load_exchange, partners_of
from simulator.carrier import CarrierCore
from simulator.exchange import ExchangeInABox
from simulator.faults import SET_FAULTS
from tests.simulator.conftest import FIRST_NIGHT, SmallCarrier

TEXAS, CAROLINA = "cedar-valley-tx", "harbor-light-nc"
NIGHTS = 24


def play(box, carrier, nights, write=lambda _: None):
    """A carrier that acknowledges everything, and rejects what is damaged, in each night."""
    for night in range(1, nights + 1):
        box.send(night)
        write(night)
        sends = box.state.connection.execute("SELECT set_number, fault FROM sends").fetchall()
        damaged = {number for number, fault in sends if fault in SET_FAULTS}
        carrier.acknowledge(night, rejected_sets=damaged)
        summary = box.read_answers(night)
        assert summary.interchanges_unanswered == 0
        assert summary.sets_rejected_without_fault == ()


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """An exchange after some weeks with faults, its carrier's extracts, and the payments seen."""
    home = tmp_path_factory.mktemp("life")
    box = ExchangeInABox(
        home / "exchange",
        seed=11,
        members=200,
        first_night=FIRST_NIGHT,
        faults=0.15,
        partners=partners_of("ffe"),
        exchange=load_exchange("ffe"),
        life=True,
    )
    core = CarrierCore(box, 11)
    seen = []

    def write(night):
        core.write_extract(home / "extract", CAROLINA, night)
        with (home / "extract" / "payments.csv").open(newline="") as file:
            seen.append([tuple(row.values()) for row in csv.DictReader(file)])

    play(box, SmallCarrier(box), NIGHTS, write)
    return box, seen


def kinds(box):
    ids = [
        row[0] for row in box.state.connection.execute("SELECT transaction_id FROM transactions")
    ]
    return Counter(
        (one.kind, change.additional)
        for one in box.state.load_transactions(ids)
        for change in one.members.values()
    )


def test_policies_are_renewed_and_changed_in_circumstance(lived):
    """Both halves of each pair; effectuated policies are renewed otherwise than initial ones."""
    box, _ = lived
    said = kinds(box)
    pairs = said["termination", "TERMCIC"] + said["cancellation", "CANCELCIC"]
    entered = sum(
        1
        for (policy_id,) in box.state.connection.execute(
            "SELECT DISTINCT policy_id FROM transactions"
        )
        if policy_id.startswith("3")
    )
    assert 0 < pairs <= entered
    assert said["initial", "CIC"] >= pairs
    assert said["renewal", "PASSIVE - INITIAL"] > 0


def test_retransmissions_come_once_a_week(lived):
    """I834RT in every seventh night only (CMS guide 7.2, section 7.2.10)."""
    box, _ = lived
    nights = {n for n in range(1, NIGHTS + 1) for f in box.sent_files(n) if ".I834RT." in f.name}
    assert nights
    assert all(night % 7 == 2 for night in nights)


def test_some_files_come_later_than_their_names_say(lived):
    """Held back at the exchange, and then there as any other."""
    box, _ = lived
    late = box.state.connection.execute(
        "SELECT count(*) FROM files WHERE role = 'enrollment' AND night > made_night"
    ).fetchone()[0]
    assert late > 0


def test_what_a_carrier_has_received_stays_received(lived):
    """Each night's payments begin with those of the night before, and none lies ahead."""
    _, seen = lived
    for before, after in pairwise(seen):
        assert set(before) <= set(after)
    amounts = Counter(row[1] for row in seen[-1])
    assert any(Decimal(amount) < 0 for amount in amounts)


def test_a_life_is_the_same_for_the_same_seed(new_exchange, carrier_of, tmp_path):
    """Two exchanges with one seed send the same bytes for some nights."""
    sent = []
    for name in ("a", "b"):
        box = new_exchange(tmp_path / name, life=True, faults=0.1)
        play(box, carrier_of(box), 5)
        sent.append({p.name: p.read_bytes() for p in sorted(box.mailboxes.root.glob("*/outbox/*"))})
    assert sent[0] == sent[1]


def test_who_never_paid_for_a_change_in_circumstance_is_ended_by_a_person(lived):
    """Some days after the deadline, because the exchange may have wanted no binder."""
    box, _ = lived
    core, late = CarrierCore(box, 11), NIGHTS + 60
    known = box.known_to_carrier(CAROLINA, late)
    entered = [one.policy for one in known if one.is_continued and one.policy.status == "initial"]
    unpaid, *paid = [policy.policy_id for policy in entered]
    box.state.connection.execute("DELETE FROM expected WHERE policy_id = ?", (unpaid,))

    core.requests.advance(known, late)

    made = core.requests.made(CAROLINA, late)
    assert {one.policy_id for one in made if one.reason == "CANCEL"} == {unpaid}
    assert paid
