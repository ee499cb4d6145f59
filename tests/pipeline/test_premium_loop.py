"""The exchange pays by its own book: what it seeds to be wrong is found, and nothing else."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ledger.premium import months_of, posted_files
from schemas.partners import load_exchange
from simulator.premiums import Seeds, pay_month
from tests.pipeline.conftest import CEDAR

MONTH = date(2027, 1, 1)
RATE = Decimal("0.019")


@pytest.fixture(scope="module")
def paid_world(tmp_path_factory, new_database_url, open_world):
    """Two nights: policies are enrolled and effectuated on both sides."""
    folder = tmp_path_factory.mktemp("premium")
    with open_world(folder, new_database_url(), partner_ids=(CEDAR,)) as world:
        for night in (1, 2):
            world.send(night)
            world.run(night)
            world.exchange.read_answers(night)
        yield world


def test_what_is_seeded_is_found_and_nothing_else(paid_world):
    """Short, left out and unknown; what is taken back and paid again agrees."""
    world = paid_world
    seeds = Seeds(seed=820, short=2, left_out=1, unknown=2, adjusted=2)
    paid = pay_month(
        world.exchange.policies(CEDAR),
        world.house.partner(CEDAR),
        load_exchange("ffe"),
        MONTH,
        fee_rate=RATE,
        control_number=90820,
        created=datetime(2026, 12, 4, 3, tzinfo=UTC),
        seeds=seeds,
    )
    name = "OPR.001234567T.I820.D261204.T030000000.P"
    (world.outbox(CEDAR) / name).write_bytes(paid.content)
    world.write_carrier_records(2)  # nothing else happens in this night
    world.run(3)

    received = world.file_named(name)
    assert (received.kind, received.state, received.verdict) == ("payment", "applied", "accepted")
    with world.house.engine.connect() as conn:
        (posted,) = posted_files(conn, CEDAR)
        months = months_of(conn, received.file_id).to_pylist()
    assert posted.stated == sum(row["payments"] + row["charges"] for row in months)
    found = sorted(
        (row["category"], row["exchange_policy_id"], int(row["difference"] * 100))
        for row in months
        if row["category"] != "agreed" and row["amount_type"] in ("aptc", "APTC")
    )
    kinds = {"short": "short", "left_out": "not_paid", "unknown": "unknown_policy"}
    assert found == sorted(
        (kinds[one.kind], one.policy_id, one.cents) for one in paid.disagreements
    )
    broken = world.rows(
        "SELECT rule, exchange_policy_id, CAST(aptc_difference * 100 AS integer)"
        " FROM reconciliation.break WHERE source = 'premium' AND field = 'aptc'"
        " AND period = '2027-01' AND state = 'new' AND file_id = :file",
        file=received.file_id,
    )
    assert sorted(map(tuple, broken)) == found, "each is one break, with its cause"
    fees = {
        row["exchange_policy_id"]
        for row in months
        if row["category"] != "agreed" and row["amount_type"] == "user_fee"
    }
    assert fees == {one.policy_id for one in paid.disagreements if one.kind == "left_out"}
