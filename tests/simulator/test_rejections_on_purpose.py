"""A 999 that rejects what is right, as the scenario wants it: told, excused, and healed."""

from dataclasses import replace
from itertools import count
from random import Random

import pytest

from simulator.answer_faults import AnswerFaults
from simulator.carrier import CarrierCore
from simulator.reckoning import Reckoner
from simulator.standing import current
from simulator.state import ACCEPTED

CAROLINA = "harbor-light-nc"


def number_of_a_rejected_file(seed):
    """The number of a file that a 999 rejects when all goes wrong, and nothing before that."""
    for number in count(1000):
        faults = AnswerFaults(1.0, Random(f"{seed}/{CAROLINA}/{number:06d}.IC834"))
        if not faults.is_lost() and faults.interchange_note() is None and faults.rejects_groups():
            return number
    raise AssertionError


@pytest.fixture
def rejected(new_exchange, carrier_of):
    """An exchange, its carrier, a policy whose confirmation a 999 rejected, and its segments."""
    box = new_exchange(life=True)
    box.send(1)
    carrier = carrier_of(box)
    carrier.acknowledge(1)
    box.read_answers(1)
    for history in box.state.histories(CAROLINA, ACCEPTED):
        (first,) = box.state.load_transactions(history.transaction_ids[:1])
        if history.arrived == len(history.transaction_ids) == 1 and first.kind == "initial":
            break
    made = carrier.confirmation(carrier.sets_of(1, history.policy_id)[-1][1])
    box.scenario = replace(box.scenario, faults=1.0)
    carrier.number = number_of_a_rejected_file(box.scenario.seed) - 3  # group, interchange, file
    carrier.effectuate(CAROLINA, [made], first.policy.plan_id)
    return box, carrier, first.policy, made


def test_a_999_on_purpose_is_told_excused_and_healed(rejected):
    """Group and sets are rejected and nothing is believed; under new numbers it is accepted."""
    box, carrier, policy, made = rejected
    summary = box.read_answers(1)
    box.mailboxes.place_planned(box.state, 9)  # it may come some nights later
    answer = next(iter(box.mailboxes.outbox(CAROLINA).glob("*.999.*"))).read_text()
    number = made[0].split("*")[2]

    assert f"AK2*834*{number}*005010X220A1~IK5*R*5~AK9*R*1*1*0*5~" in answer
    assert (summary.rejected, summary.accepted) == ((), {})
    assert summary.forced == ((policy.policy_id, "rejected with AK905 5"),)
    assert not current(box.state, policy.policy_id).effectuated
    reckoning = Reckoner(box, CarrierCore(box, 7), 1).reckon()
    assert reckoning.rejected_sets == (policy.policy_id,)
    assert reckoning.rejected_files == (f"{carrier.number:06d}.IC834",)

    box.scenario = replace(box.scenario, faults=0.0)
    number = f"{carrier._next():04d}"
    again = [made[0].replace(made[0].split("*")[2], number), *made[1:-1]]
    carrier.effectuate(CAROLINA, [[*again, f"SE*{len(again) + 1}*{number}"]], policy.plan_id)

    assert box.read_answers(2).accepted == {"effectuation": 1}
    assert current(box.state, policy.policy_id).effectuated
