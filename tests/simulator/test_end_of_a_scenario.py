"""After the last night: what was damaged, lost and held has come, and all is reckoned up."""

from dataclasses import replace
from datetime import date

import pytest

from simulator import crossing
from simulator.carrier import CarrierCore
from simulator.faults import SET_FAULTS
from simulator.numbering import breaks, control_numbers
from simulator.reckoning import Reckoner
from simulator.state import ACCEPTED, GOOD

CAROLINA = "harbor-light-nc"
NIGHTS = 6


def acknowledge(box, carrier, night):
    """A TA1 and a 999 for everything; what is damaged is rejected."""
    sends = box.state.connection.execute("SELECT set_number, fault FROM sends").fetchall()
    damaged = {number for number, fault in sends if fault in SET_FAULTS}
    carrier.acknowledge(night, rejected_sets=damaged)
    return box.read_answers(night)


@pytest.fixture
def lived(new_exchange, carrier_of, tmp_path):
    """Some nights with many faults, whose carrier acknowledges all and confirms nobody."""
    box = new_exchange(life=True, faults=0.15, members=200)
    carrier, core = carrier_of(box), CarrierCore(box, 7)
    for night in range(1, NIGHTS + 1):
        box.send(night)
        for partner_id in box.scenario.partners:
            core.write_extract(tmp_path / partner_id, partner_id, night)
        acknowledge(box, carrier, night)
    return box, carrier, core


def test_what_was_damaged_has_come_in_the_end(lived):
    """Sent again undamaged, with what was held back, until nothing is left."""
    box, carrier, core = lived
    before = Reckoner(box, core, NIGHTS).reckon()
    for _ in range(4):
        box.close(NIGHTS + 1)
        acknowledge(box, carrier, NIGHTS + 1)
    after = Reckoner(box, core, NIGHTS + 1).reckon()

    assert before.never_came
    assert before.damaged == after.damaged > 0
    assert after.never_came == ()
    planned = "SELECT count(*) FROM files WHERE placement = 'planned'"
    assert box.state.connection.execute(planned).fetchone() == (0,)


def test_whoever_paid_and_is_not_confirmed_is_found(lived):
    """The binder was paid in full and in time, or nothing is owed."""
    box, carrier, core = lived
    expected = {
        policy
        for (policy,) in box.state.connection.execute(
            "SELECT policy_id FROM expected WHERE certain"
        )
    }
    found = Reckoner(box, core, NIGHTS).reckon()
    assert found.confirmed == 0
    assert set(found.not_confirmed) <= expected
    assert len(found.not_confirmed) + found.excused > len(expected) / 2

    policy, sent = an_unharmed_one_of(found.not_confirmed, box, carrier)
    box.scenario = replace(box.scenario, faults=0.0)
    carrier.effectuate(CAROLINA, [carrier.confirmation(sent)], policy.plan_id)
    box.read_answers(NIGHTS)
    after = Reckoner(box, core, NIGHTS).reckon()

    assert after.confirmed == 1
    assert set(found.not_confirmed) - set(after.not_confirmed) == {policy.policy_id}
    assert after.confirmed_wrongly == ()

    box.state.connection.execute("DELETE FROM expected")
    assert Reckoner(box, core, NIGHTS).reckon().confirmed_wrongly == (policy.policy_id,)


def test_a_rejection_on_purpose_excuses_whoever_ended_meanwhile(lived):
    """Its confirmation was in a rejected interchange; it ended before that was sent again."""
    box, _, core = lived
    found = Reckoner(box, core, NIGHTS).reckon()
    is_open = {
        row["exchange_policy_id"]
        for row in box.book().to_pylist()
        if row["status"] in {"initial", "effectuated"}
    }
    for policy in found.not_confirmed:
        crossing.reject(box.state, CAROLINA, [policy], 2)
    after = Reckoner(box, core, NIGHTS).reckon()

    assert set(after.not_confirmed) == set(found.not_confirmed) & is_open
    assert len(after.not_confirmed) < len(found.not_confirmed)


def an_unharmed_one_of(policies, box, carrier):
    """One of the policies whose only set came undamaged, and that set."""
    for history in box.state.histories(CAROLINA, f"{ACCEPTED} AND {GOOD}"):
        alone = len(history.transaction_ids) == history.arrived == 1
        sent = carrier.sets_of(1, history.policy_id)
        if history.policy_id in policies and alone and len(sent) == 1:
            (first,) = box.state.load_transactions(history.transaction_ids)
            return first.policy, sent[0][1]
    raise AssertionError("no such policy")


def test_whoever_never_paid_and_is_open_is_found(lived):
    """Thirty days after the first day of coverage, or after the enrollment came."""
    box, _, core = lived
    soon = Reckoner(box, core, NIGHTS).reckon()
    late = Reckoner(box, core, 80).reckon()

    assert soon.overdue == ()
    assert len(late.overdue) > 0


def test_the_amounts_of_a_book_are_those_of_one_day(lived):
    """A change holds from its own day on: before it the amounts are those told before."""
    box, _, _ = lived

    def amounts(on):
        return {
            row["exchange_policy_id"]: (row["premium_total"], row["aptc"])
            for row in box.book(on).to_pylist()
            if row["is_subscriber"]
        }

    before, after, last = (amounts(on) for on in (date(2026, 11, 30), date(2026, 12, 1), date.max))
    begun = {
        row["exchange_policy_id"]
        for row in box.book().to_pylist()
        if row["is_subscriber"] and row["benefit_begin"] < date(2026, 12, 1)
    }
    changed = {policy for policy in after if before[policy] != after[policy]}

    assert changed
    assert changed <= begun
    assert after == last


@pytest.fixture
def lost(new_exchange, carrier_of):
    """An exchange that loses many files, a policy whose confirmation it has lost, its carrier."""
    box = new_exchange(life=True, members=200)
    box.send(1)
    carrier = carrier_of(box)
    acknowledge(box, carrier, 1)
    box.scenario = replace(box.scenario, faults=1.0)
    for history in box.state.histories(CAROLINA, ACCEPTED):
        (first,) = box.state.load_transactions(history.transaction_ids[:1])
        alone = len(history.transaction_ids) == history.arrived == 1
        sent = carrier.sets_of(1, history.policy_id)
        if alone and first.kind == "initial" and sent:
            made = carrier.confirmation(sent[-1][1])
            carrier.effectuate(CAROLINA, [made], first.policy.plan_id)
            box.read_answers(1)
            if box.mailboxes.all_lost():
                return box, first.policy, made, carrier
    raise AssertionError("nothing was lost")


def test_what_follows_a_lost_file_is_no_fault_of_the_carrier(lost):
    """It speaks of what the exchange has not read: rejected, and excused."""
    box, policy, made, carrier = lost
    box.scenario = replace(box.scenario, faults=0.0)
    told = with_maintenance(made)
    carrier.effectuate(CAROLINA, [told], policy.plan_id)
    summary = box.read_answers(2)

    assert summary.rejected == ()
    ((named, reasons),) = summary.forced
    assert named == policy.policy_id
    assert "not effectuated" in reasons


def test_a_lost_file_is_read_when_somebody_asks_for_it(lost):
    """Only the one that was asked for; its confirmation counts then."""
    box, policy, _, _ = lost
    box.scenario = replace(box.scenario, faults=0.0)
    (path,) = box.mailboxes.all_lost()

    assert box.find_lost(CAROLINA, {"another"}) == []
    assert box.find_lost(CAROLINA, {path.name}) == [path.name]
    summary = box.read_answers(2)

    assert summary.accepted == {"effectuation": 1}
    rows = box.book().to_pylist()
    assert {r["effectuated"] for r in rows if r["exchange_policy_id"] == policy.policy_id} == {True}
    assert box.mailboxes.all_lost() == []


def with_maintenance(confirmation):
    """A maintenance of ids of the same members, made of a confirmation."""
    made = []
    for segment in confirmation:
        if segment.startswith("INS*"):
            made.append(segment.replace("*021*28*", "*001*25*"))
        elif segment.startswith("HD*021"):
            made.append(segment.replace("HD*021", "HD*001"))
        elif segment.startswith("REF*17*CONFIRM"):
            made.append("REF*17*ISSUER MAINT")
        elif segment.startswith("DTP*356"):
            made += ["DTP*303*D8*20261202", segment]
        elif not segment.startswith("DTP*543"):
            made.append(segment)
    number = str(int(made[0].split("*")[2]) + 900)
    made[0] = f"ST*834*{number}*005010X220A1"
    return [*made[:-1], f"SE*{len(made)}*{number}"]


def test_control_numbers_rise_by_one():
    """In the order of sending; a gap, a number that comes again, and one that falls are found."""
    assert breaks([1, 2, 3]) == []
    assert breaks([1, 3, 4]) == [3, 4]
    assert breaks([1, 2, 2]) == [2]
    assert breaks([2, 1]) == [2, 1]


def test_control_numbers_are_read_from_the_bytes(answered_twice):
    """Of each interchange, group and set; what is no X12 has none."""
    numbers = control_numbers(answered_twice)

    assert numbers == {"ISA13": [7, 8], "GS06": [3, 4, 5], "ST02": [11, 12, 13]}


@pytest.fixture
def answered_twice(tmp_path):
    """Two files whose names tell the order, and a report."""
    isa = (
        "ISA*00*          *00*          *ZZ*A              *ZZ*B              *261201*1900*^*00501"
    )
    second = (
        f"{isa}*000000008*0*P*:~GS*BE*A*B*20261201*1900*4*X*005010X220A1~"
        "ST*834*0012*005010X220A1~SE*2*0012~GE*1*4~GS*BE*A*B*20261201*1900*5*X*005010X220A1~"
        "ST*834*0013*005010X220A1~SE*2*0013~GE*1*5~IEA*2*000000008~"
    )
    first = (
        f"{isa}*000000007*0*P*:~GS*FA*A*B*20261201*1900*3*X*005010X231A1~"
        "ST*999*0011*005010X231A1~SE*2*0011~GE*1*3~IEA*1*000000007~"
    )
    paths = []
    for name, text in (
        ("1T.DSH.IC834.D261202.T190000002.P", second),
        ("1T.DSH.999.D261201.T190000001.P", first),
        ("1T.DSH.ERR.D261201.T190000003.P.csv", "ISA,834\n"),
    ):
        paths.append(tmp_path / name)
        paths[-1].write_text(text)
    return paths
