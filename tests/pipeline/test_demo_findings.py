"""What a demo says at its end: each sentence fails when it does not hold, and names by what."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from pipeline.books import compare_books
from pipeline.demo_findings import of_answers, of_books, of_confirmation, of_faults, of_trail
from pipeline.night import run_night
from simulator.exchange import BOOK
from simulator.reckoning import Reckoning

CEDAR = "cedar-valley-tx"
NOTHING_WRONG = Reckoning(
    confirmed=3,
    excused=1,
    not_confirmed=(),
    confirmed_twice=(),
    confirmed_wrongly=(),
    overdue=(),
    damaged=4,
    never_came=(),
    rejected_sets=(),
    rejected_files=(),
    lost_files=("a", "b"),
    not_found=(),
    numbers=1_234,
    number_breaks=(),
)


@pytest.fixture(scope="module")
def answered(tmp_path_factory, new_database_url, open_world):
    """A night, its answers, and what the exchange summed up."""
    folder = tmp_path_factory.mktemp("answered")
    with open_world(folder, new_database_url(), partner_ids=(CEDAR,)) as world:
        world.send(1)
        world.run(1)
        summary = world.exchange.read_answers(1)
        run_night(world.house, world.clock(1) + timedelta(hours=2))
        yield world, summary


def broken(findings):
    """What breaks the findings that do not hold."""
    return [one for finding in findings if not finding.holds for one in finding.broken_by]


def test_all_holds_when_nothing_is_wrong(answered):
    """Every sentence, with its count."""
    world, summary = answered
    findings = [
        *of_answers([summary], NOTHING_WRONG),
        *of_confirmation(NOTHING_WRONG),
        *of_faults(world.house, NOTHING_WRONG),
        *of_books(world.house, world.exchange, world.clock(2)),
        *of_trail(world.house),
    ]

    assert [finding.sentence for finding in findings if not finding.holds] == []
    told = " ".join(finding.sentence for finding in findings)
    assert "3 policies that should be confirmed are, once; 1 had ended before" in told
    assert "1,234 control numbers" in told


@pytest.mark.parametrize(
    ("wrong", "of"),
    [
        ("number_breaks", lambda _, summary, found: of_answers([summary], found)),
        ("not_confirmed", lambda _, __, found: of_confirmation(found)),
        ("confirmed_twice", lambda _, __, found: of_confirmation(found)),
        ("confirmed_wrongly", lambda _, __, found: of_confirmation(found)),
        ("overdue", lambda _, __, found: of_confirmation(found)),
        ("never_came", lambda world, _, found: of_faults(world.house, found)),
        ("not_found", lambda world, _, found: of_faults(world.house, found)),
        ("rejected_sets", lambda world, _, found: of_faults(world.house, found)),
        ("rejected_files", lambda world, _, found: of_faults(world.house, found)),
    ],
)
def test_what_the_exchange_finds_wrong_is_named(answered, wrong, of):
    """What it rejected on purpose must be known to us; all else must not be there at all."""
    world, summary = answered
    reckoning = replace(NOTHING_WRONG, **{wrong: ("10100000010",)})

    assert broken(of(world, summary, reckoning)) == ["10100000010"]


def test_a_rejection_that_nobody_wanted_is_named(answered):
    """With the policy and the exchange's reason."""
    _, summary = answered
    rejected = replace(summary, rejected=(("10100000010", "termination", "end is wrong"),))

    assert broken(of_answers([rejected], NOTHING_WRONG)) == [
        "termination of 10100000010: end is wrong"
    ]


OTHERWISE = {
    "status": "cancelled",
    "effectuated": None,
    "ended_by": "issuer",
    "plan_id": "91001TX001000199",
    "benefit_begin": date(2026, 7, 1),
    "benefit_end": date(2027, 5, 31),
    "issuer_policy_id": "P-OTHER",
    "issuer_subscriber_id": "S-OTHER",
    "issuer_member_id": "M-OTHER",
    "last_name": "OTHER",
    "first_name": "OTHER",
    "birth_date": date(1970, 1, 1),
    "premium_total": Decimal("0.01"),
    "aptc": Decimal("0.01"),
}


@pytest.mark.parametrize("field", OTHERWISE)
def test_books_are_compared_field_by_field(answered, field):
    """One value of one member that is another at the exchange: that field differs, no other."""
    world, _ = answered
    rows = world.exchange.book().to_pylist()
    row = next(r for r in rows if r["is_subscriber"] and r["status"] == "effectuated")
    row[field] = OTHERWISE[field]
    theirs = pa.Table.from_pylist(rows, schema=BOOK)

    named = "policy {exchange_policy_id} member {exchange_member_id}".format(**row)
    found = compare_books(world.house, theirs, world.clock(2)).differences
    assert found == (f"{named}: {field}",)


def test_books_differ_by_whoever_is_on_one_side_only(answered):
    """Missing there, and missing here."""
    world, _ = answered
    rows = world.exchange.book().to_pylist()
    gone, strange = rows[0], rows[1] | {"exchange_policy_id": "99999999999"}
    theirs = pa.Table.from_pylist([*rows[1:], strange], schema=BOOK)

    assert compare_books(world.house, theirs, world.clock(2)).differences == (
        "policy {exchange_policy_id} member {exchange_member_id} is missing at the exchange".format(
            **gone
        ),
        "policy {exchange_policy_id} member {exchange_member_id} is missing in our book".format(
            **strange
        ),
    )
