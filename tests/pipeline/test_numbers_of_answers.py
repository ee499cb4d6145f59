"""Answers of the exchange: numbers that are written otherwise, and numbers that are not ours."""

import json
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from tests.cases.world import CEDAR

_OURS = """
SELECT d.exchange_policy_id, i.control_number AS interchange, g.control_number AS in_group,
  s.control_number AS in_set
FROM book.decision d
JOIN ledger.transaction_set s ON s.file_id = d.sent_file_id AND s.set_ordinal = d.set_ordinal
JOIN ledger.functional_group g ON g.file_id = s.file_id AND g.group_ordinal = s.group_ordinal
JOIN ledger.interchange i ON i.file_id = g.file_id
WHERE d.partner_id = :p AND d.kind = 'effectuation' AND d.state = 'sent'
ORDER BY d.set_ordinal DESC LIMIT 1
"""
_ANSWERS = "SELECT level, state FROM ledger.answer WHERE code = 'R' ORDER BY level"
_STATUS = "SELECT status FROM book.policy WHERE known_to = 'infinity' AND exchange_policy_id = :p"
_TWO_WEEKS_ON = 20


class Ours(NamedTuple):
    """A policy whose effectuation was sent, and the numbers under which it was."""

    policy: str
    interchange: str
    in_group: str
    in_set: str


@pytest.fixture
def world(cedar_after_a_night):
    """After the first night of one partner; nothing of ours was answered."""
    return cedar_after_a_night


def put_baa(world, policy, **numbers):
    """A business acknowledgement of the exchange that rejects a set of ours."""
    names = {"in_group": "GroupControlNumber", "in_set": "TransactionSetControlNumber"}
    told = "".join(f"<{names[key]}>{number}</{names[key]}>" for key, number in numbers.items())
    text = (
        "<BusinessApplicationAcknowledgment><TradingPartnerId>001234567T</TradingPartnerId>"
        f"<Transaction>{told}<ExchangeAssignedPolicyId>{policy}</ExchangeAssignedPolicyId>"
        "<Error><Severity>R</Severity><Element>DTP*348</Element><Code>E046</Code>"
        "<Text>begin</Text></Error></Transaction></BusinessApplicationAcknowledgment>"
    )
    name = "OPR.001234567T.BAA.D261202.T200000000.P"
    (world.outbox(CEDAR) / name).write_text(text, "utf-8")


def put_999(world, in_group, in_set):
    """A 999 of the exchange that rejects one set of a group of ours."""
    ((key,),) = world.rows(
        "SELECT storage_key FROM ledger.file WHERE kind = 'enrollment' AND partner_id = :p"
        " AND direction = 'issuer_to_exchange'",
        p=CEDAR,
    )
    content = (world.house.settings.landing_folder / key).read_text("ascii")
    isa, gs = content[:105].split("*"), content.split("~")[1].split("*")
    header = [*isa[:6], isa[8], isa[7], isa[6], *isa[9:13], "000008888", *isa[14:]]
    told = (
        *("*".join(header), f"GS*FA*{gs[3]}*{gs[2]}*20261202*2000*8888*X*005010X231A1"),
        *("ST*999*0001*005010X231A1", f"AK1*BE*{in_group}*005010X220A1"),
        *(f"AK2*834*{in_set}*005010X220A1", "IK5*R*5", "AK9*P*2*2*1"),
        *("SE*6*0001", "GE*1*8888", "IEA*1*000008888"),
    )
    name = "OPR.001234567T.999.D261202.T200000000.P"
    (world.outbox(CEDAR) / name).write_text("".join(f"{one}~" for one in told), "ascii")


def answer_items(world):
    """Policy and reason of the open items that are answers of the exchange."""
    items = json.loads(world.edi834("open-items", "--json").out)
    return [(one["exchange_policy_id"], one["reason"]) for one in items if one["kind"] == "answer"]


@pytest.mark.fault("F25")
@pytest.mark.parametrize("names_group", [True, False])
def test_a_number_is_the_same_with_and_without_leading_zeros(world, names_group):
    """A business acknowledgement writes our numbers as integers, or longer than we do."""
    ours = Ours(*world.rows(_OURS, p=CEDAR)[0])
    numbers = {"in_group": ours.in_group.rjust(9, "0")} if names_group else {}
    assert ours.in_set != ours.in_set.lstrip("0")
    put_baa(world, ours.policy, **numbers, in_set=ours.in_set.lstrip("0"))

    world.run(2)

    assert world.rows(_ANSWERS) == [("business", "counts")]
    assert world.rows(_STATUS, p=ours.policy) == [("initial",)]
    assert answer_items(world) == []


@pytest.mark.fault("F25")
def test_a_999_may_write_our_numbers_otherwise(world):
    """Group and set are found, and the set is unsaid."""
    ours = Ours(*world.rows(_OURS, p=CEDAR)[0])
    put_999(world, ours.in_group.rjust(6, "0"), ours.in_set.lstrip("0"))

    world.run(2)

    assert world.rows(_ANSWERS) == [("set", "counts")]
    assert world.rows(_STATUS, p=ours.policy) == [("initial",)]


@pytest.mark.fault("F25")
def test_a_number_that_is_the_same_only_as_a_number_holds_for_no_other_policy(world):
    """The acknowledgement names another policy than the set of that number: nothing is unsaid."""
    ours = Ours(*world.rows(_OURS, p=CEDAR)[0])
    put_baa(world, "99999999999", in_set=ours.in_set.lstrip("0"))

    world.run(2)

    assert world.rows(_ANSWERS) == [("business", "unmatched")]
    assert world.rows(_STATUS, p=ours.policy) == [("effectuated",)]


@pytest.mark.fault("F24")
def test_a_rejection_of_nothing_of_ours_is_open_until_a_person_has_said_what_it_is(world):
    """It names the policy, nothing is unsaid by it, and silence does not follow from its age."""
    ours = Ours(*world.rows(_OURS, p=CEDAR)[0])
    put_baa(world, ours.policy, in_set="000777777")
    item = (ours.policy, "unknown-number 000777777")

    world.run(2)
    assert answer_items(world) == [item]
    world.run(_TWO_WEEKS_ON)
    assert answer_items(world) == [item]
    assert world.rows(_STATUS, p=ours.policy) == [("effectuated",)]
    ((number, about, policy, state),) = world.rows(
        "SELECT case_id, subject, exchange_policy_id, state FROM ledger.case"
        " WHERE rule = 'answer-to-nothing-of-ours'"
    )
    assert (about, policy, state) == (
        "answers in OPR.001234567T.BAA.D261202.T200000000.P",
        ours.policy,
        "new",
    )

    said = ("--by", "Ada First", "--reason", "Of the portal, by hand.")
    assert world.edi834("cases", "close", number, *said).code == 0
    assert answer_items(world) == []
    world.run(_TWO_WEEKS_ON + 1)
    assert world.rows("SELECT state FROM ledger.case WHERE case_id = :c", c=number) == [
        ("resolved",)
    ]


def test_an_acceptance_of_nothing_of_ours_is_nobodys_work(world):
    """It is told for two weeks, and is no case."""
    put_baa(world, "99999999999", in_set="000777777")
    baa = world.outbox(CEDAR) / "OPR.001234567T.BAA.D261202.T200000000.P"
    baa.write_text(baa.read_text("utf-8").replace(">R<", ">W<"), "utf-8")

    world.run(2)
    assert answer_items(world) == [("99999999999", "unknown-number 000777777")]
    world.run(_TWO_WEEKS_ON)
    assert answer_items(world) == []
    cases = "SELECT count(*) FROM ledger.case WHERE rule = 'answer-to-nothing-of-ours'"
    assert world.rows(cases) == [(0,)]


@pytest.mark.fault("F24")
def test_the_case_of_a_rejection_closes_itself_when_its_number_is_known(world):
    """By the answers that come next; the proof is the file of ours."""
    ours = Ours(*world.rows(_OURS, p=CEDAR)[0])
    put_baa(world, ours.policy, in_set="777777")
    world.run(2)
    renamed = "UPDATE ledger.transaction_set SET control_number = '000777777'"
    with world.house.engine.begin() as conn:
        conn.execute(sa.text(f"{renamed} WHERE control_number = :number"), {"number": ours.in_set})
    put_999(world, ours.in_group, "000000001")

    world.run(3)

    closed = world.rows(
        "SELECT c.state, c.resolved_file_id = d.sent_file_id FROM ledger.case c"
        " JOIN book.decision d ON d.exchange_policy_id = c.exchange_policy_id"
        " WHERE c.rule = 'answer-to-nothing-of-ours' AND c.subject LIKE '%BAA%'"
        " AND d.state = 'rejected'"
    )
    assert closed == [("resolved", True)]
    assert [policy for policy, _ in answer_items(world)] == [None]
