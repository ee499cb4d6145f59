"""The exchange's files: what pyx12 says of them, and what the CMS guide asks of them."""

import io
import re
from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from random import Random

import pytest

from simulator import events, faults
from simulator.generate import write_enrollment_file
from simulator.people import Policy
from simulator.population import household, policies
from simulator.transactions import SetNumbers, render_set

NUMBERS = SetNumbers("000000001", "0001", datetime(2026, 12, 1, 6))
SUBMITTED = datetime(2026, 11, 30, 12, 30, 15)


def family_policy(partner, **wanted) -> Policy:
    """An effectuated medical policy of at least three members."""
    for index in range(500):
        home = household(7, partner, index)
        policy = next(policies(7, partner, home, date(2027, 1, 1)))
        if len(home.persons) >= 3 and policy.aptc > 0:
            return replace(policy, effectuated=True, **wanted)
    raise AssertionError("no family among 500 households")


def occasion(partner):
    return events.Occasion(SUBMITTED, date(2027, 1, 1), 7, partner, Random(1))


def elements(segments, start):
    return [segment.split("*") for segment in segments if segment.startswith(start)]


def test_pyx12_accepts_every_undamaged_file_of_a_night(new_exchange, pyx12_accepts):
    """Whatever is not damaged on purpose is a valid 005010X220A1 file."""
    exchange = new_exchange()
    judged = 0
    for path, file in zip(exchange.send(1), exchange.sent_files(1), strict=True):
        spoilt = set(file.set_faults) & set(faults.SET_FAULTS)
        if not spoilt and file.fault not in {"empty", "truncated"}:
            assert pyx12_accepts(path.read_bytes()), file.name
            judged += 1
    assert judged >= 6


def test_pyx12_refuses_each_damaged_file_of_the_first_night(new_exchange, pyx12_accepts):
    """The standard faults are faults."""
    exchange = new_exchange()
    damaged = [
        path
        for path, file in zip(exchange.send(1), exchange.sent_files(1), strict=True)
        if file.fault == "truncated" or set(file.set_faults) & set(faults.SET_FAULTS)
    ]
    assert len(damaged) == 2
    assert not any(pyx12_accepts(path.read_bytes()) for path in damaged)


@pytest.mark.parametrize(
    "change", [change for _, change in events.CHANGES], ids=lambda f: f.__name__
)
def test_pyx12_accepts_every_kind_of_change(partners, pyx12_accepts, change):
    """Each maintenance, cancellation and termination is valid on its own."""
    partner = partners["cedar-valley-tx"]
    policy = family_policy(partner, issuer_policy_id="P1", issuer_subscriber_id="S1")
    segments = render_set(change(policy, occasion(partner)), partner, NUMBERS)
    header = (
        f"ISA*00*{'':10}*00*{'':10}*ZZ*{'CMSFFM':15}*ZZ*{'001234567T':15}"
        "*261201*0600*^*00501*000000001*1*P*:~GS*BE*TX0*91001TX0010001*20261201*0600*1*X"
        "*005010X220A1~"
    )
    text = header + "~".join(segments) + "~GE*1*1~IEA*1*000000001~"
    assert pyx12_accepts(text.encode())


def test_only_the_subscriber_is_on_a_cancellation_and_it_has_no_coverage(partners):
    """CMS guide 7.2, table 19: REF*1L in loop 2000, 357 = begin, no loop 2300, header 303."""
    partner = partners["cedar-valley-tx"]
    policy = family_policy(partner)
    segments = render_set(events.cancellation(policy, occasion(partner)), partner, NUMBERS)
    assert [ins[1:4] for ins in elements(segments, "INS*")] == [["Y", "18", "024"]]
    assert elements(segments, "INS*")[0][8] == "TE"
    assert not elements(segments, "HD*")
    assert f"REF*1L*{policy.policy_id}" in segments
    assert "DTP*357*D8*20270101" in segments
    assert "DTP*303*D8*20261201" in segments
    assert "QTY*TO*1" in segments
    assert not elements(segments, "QTY*DT")


def test_a_termination_ends_after_the_coverage_began(partners):
    """CMS guide 7.2, table 20: the end is a month's last day after the begin."""
    partner = partners["cedar-valley-tx"]
    transaction = events.termination(family_policy(partner), occasion(partner))
    assert transaction.policy.end > transaction.policy.begin
    assert (transaction.policy.end.replace(day=28).month) == transaction.policy.end.month
    assert transaction.policy.status == "terminated"


def test_a_maintenance_carries_all_members_and_says_who_did_not_change(partners):
    """CMS guide 7.2, table 22: 001 and NO CHANGE for everyone whom the change does not touch."""
    partner = partners["cedar-valley-tx"]
    policy = family_policy(partner)
    segments = render_set(events.financial_change(policy, occasion(partner)), partner, NUMBERS)
    assert len(elements(segments, "INS*")) == len(policy.enrollees)
    assert segments.count("REF*17*FINANCIAL CHANGE") == 1
    assert segments.count("REF*17*NO CHANGE") == len(policy.enrollees) - 1


def test_a_removed_member_has_an_end_and_costs_nothing_more(partners):
    """CMS guide 7.2, table 22: 024 with 349 instead of 348, and totals without the member."""
    partner = partners["cedar-valley-tx"]
    policy = family_policy(partner)
    transaction = events.removal(policy, occasion(partner))
    leaver = policy.enrollees[-1]
    segments = render_set(transaction, partner, NUMBERS)
    assert elements(segments, "INS*N")[-1][3:5] == ["024", "14"]
    assert len(elements(segments, "DTP*349")) == 1
    assert transaction.policy.premium == policy.premium - leaver.premium


def test_a_move_is_not_told_of_those_who_have_left(partners):
    """So nobody can know where they live: in the carrier's records they stay where they were."""
    partner = partners["cedar-valley-tx"]
    policy = family_policy(partner)
    removed = events.removal(policy, occasion(partner)).policy
    moved = events.move(removed, occasion(partner)).policy
    assert moved.home_of(moved.subscriber) == moved.application.address
    assert moved.application.address != policy.application.address
    assert moved.home_of(moved.enrollees[-1]) == policy.application.address


def test_a_correction_names_the_person_as_before(partners):
    """CMS guide 7.2, table 22: loop 2100B holds the old identity."""
    partner = partners["cedar-valley-tx"]
    policy = family_policy(partner)
    transaction = events.correction(policy, occasion(partner))
    (former,) = transaction.former.values()
    (old,) = elements(render_set(transaction, partner, NUMBERS), "NM1*70")
    assert old[3:5] == [former.last_name, former.first_name]


def test_amounts_add_up_on_every_policy(new_exchange):
    """PRE AMT 1 sums to PRE AMT TOT, and TOT RES AMT = PRE AMT TOT - APTC AMT >= 0."""
    exchange = new_exchange()
    full_credit = 0
    for path, file in zip(exchange.send(1), exchange.sent_files(1), strict=True):
        if file.fault or file.set_faults:
            continue
        for text in path.read_text("ascii").split("~ST*")[1:]:
            amounts = defaultdict(list)
            for name, value in re.findall(r"N1\*75\*([A-Z0-9 ]+)~REF\*9[VX]\*([\d.]+)~", text):
                amounts[name].append(Decimal(value))
            if not amounts or "*024*" in text.split("~LS*")[-2]:
                continue
            (total,), (credit,), (owed,) = (
                amounts[name] for name in ("PRE AMT TOT", "APTC AMT", "TOT RES AMT")
            )
            assert total - credit == owed >= 0
            if "~HD*024*" not in text:
                assert sum(amounts["PRE AMT 1"]) == total
            full_credit += owed == 0
    assert full_credit


def test_control_numbers_never_repeat(new_exchange):
    """ISA13, GS06 and ST02 are unique in and across files (CMS guide 7.2, section 3.5)."""
    exchange = new_exchange()
    paths = exchange.send(1) + exchange.send(2)
    numbers = defaultdict(list)
    names = {
        f.name for night in (1, 2) for f in exchange.sent_files(night) if f.fault != "duplicate"
    }
    for path in paths:
        if path.name in names:
            for segment in path.read_text("ascii").split("~")[:-1]:
                parts = segment.split("*")
                position = {"ISA": 13, "GS": 6, "ST": 2}.get(parts[0])
                if position:
                    numbers[parts[0]].append(parts[position])
    assert set(numbers) == {"ISA", "GS", "ST"}
    for kind, seen in numbers.items():
        assert len(seen) == len(set(seen)), kind


def test_a_group_holds_one_plan(new_exchange):
    """GS03 is the first 14 characters of every REF*CE in the group."""
    exchange = new_exchange()
    for path in exchange.send(1):
        for group in path.read_text("ascii").split("~GS*")[1:]:
            plan = group.split("*")[2]
            assert set(re.findall(r"~REF\*CE\*(.{14})..~", group)) <= {plan}


def test_a_household_is_the_same_for_the_same_seed(partners):
    """The population depends on seed, partner and number only."""
    cedar, harbor = partners.values()
    assert household(7, cedar, 5) == household(7, cedar, 5)
    assert household(7, cedar, 5) != household(8, cedar, 5)
    assert household(7, cedar, 5).persons != household(7, harbor, 5).persons


@pytest.mark.control("test-data")
def test_nobody_has_a_number_that_is_issued_to_persons(partners):
    """Social security numbers are in the areas 900-999 with groups 10-49; some are missing."""
    people = [p for i in range(300) for p in household(7, partners["harbor-light-nc"], i).persons]
    numbers = [person.ssn for person in people if person.ssn]
    assert all(re.fullmatch(r"9\d\d[1-4]\d\d{4}", number) for number in numbers)
    assert len(set(numbers)) == len(numbers) < len(people)
    assert {len(household(7, partners["harbor-light-nc"], i).persons) for i in range(300)} == {
        1,
        2,
        3,
        4,
        5,
        6,
    }


def test_a_generated_file_has_exactly_the_members_asked_for(tmp_path, partners, pyx12_accepts):
    """One INS a member, one group a plan, the same bytes for the same seed, valid to pyx12."""
    first, second = tmp_path / "first.834", tmp_path / "second.834"
    size = write_enrollment_file(first, 157, 3, partners["cedar-valley-tx"])
    write_enrollment_file(second, 157, 3, partners["cedar-valley-tx"])
    content = first.read_bytes()
    assert len(content) == size
    assert content == second.read_bytes()
    assert content.count(b"~INS*") == 157
    assert content.count(b"~GS*") == 3
    assert pyx12_accepts(content)


@pytest.mark.parametrize("name", sorted(faults.SET_FAULTS))
def test_each_set_fault_changes_one_thing_that_pyx12_finds(partners, pyx12_accepts, name):
    """A faulted set differs from the good one, and the file is rejected for it."""
    partner = partners["cedar-valley-tx"]
    good = render_set(events.initial(family_policy(partner), SUBMITTED), partner, NUMBERS)
    spoilt = faults.SET_FAULTS[name](good)
    header = (
        f"ISA*00*{'':10}*00*{'':10}*ZZ*{'CMSFFM':15}*ZZ*{'001234567T':15}"
        "*261201*0600*^*00501*000000001*1*P*:~GS*BE*TX0*91001TX0010001*20261201*0600*1*X"
        "*005010X220A1~"
    )
    trailer = "~GE*1*1~IEA*1*000000001~"
    assert pyx12_accepts((header + "~".join(good) + trailer).encode())
    assert not pyx12_accepts((header + "~".join(spoilt) + trailer).encode())


def test_a_wrong_interchange_trailer_is_the_only_difference():
    """IEA02 is another number; every other byte is as it was."""
    good = b"ISA*x~GS*y~GE*0*1~IEA*1*000000041~"
    assert faults.wrong_interchange_trailer(good) == good.replace(b"0041", b"0042")


def test_rates_spoil_more_than_the_standard_faults(new_exchange, tmp_path):
    """With a rate there are more damaged files and sets than without."""

    def damage(rate, name):
        exchange = new_exchange(tmp_path / name, faults=rate)
        exchange.send(1)
        files = exchange.sent_files(1)
        return sum(bool(f.fault) for f in files), sum(bool(f.set_faults) for f in files)

    quiet, noisy = damage(0.0, "quiet"), damage(0.4, "noisy")
    assert noisy[0] > quiet[0] == 4
    assert noisy[1] > quiet[1]


def test_nothing_of_the_output_leaves_ascii(new_exchange):
    """Names and addresses stay in the basic character set."""
    buffer = io.BytesIO()
    for path in new_exchange().send(1):
        buffer.write(path.read_bytes())
    assert buffer.getvalue().isascii()
