"""The exchange pays by its own book: what it seeds to be wrong is found, and nothing else."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from ledger.premium import months_of, posted_files
from reconciliation.reports import require_conserved
from schemas.errors import Terminal
from schemas.partners import load_exchange
from schemas.report_tables import FIGURES
from simulator.premiums import Seeds, pay_month
from tests.cases.world import CEDAR

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


def pays(world, night, month, seeds):
    """What the exchange pays for a month in the evening of a night, and the name of its file."""
    day = 1 + night
    paid = pay_month(
        world.exchange.policies(CEDAR),
        world.house.partner(CEDAR),
        load_exchange("ffe"),
        month,
        fee_rate=RATE,
        control_number=90817 + night,
        created=datetime(2026, 12, day, 3, tzinfo=UTC),
        seeds=seeds,
    )
    name = f"OPR.001234567T.I820.D2612{day:02d}.T030000000.P"
    (world.outbox(CEDAR) / name).write_bytes(paid.content)
    return paid, name


def test_what_is_seeded_is_found_and_nothing_else(paid_world):
    """Short, left out and unknown; what is taken back and paid again agrees."""
    world = paid_world
    seeds = Seeds(seed=820, short=2, left_out=1, unknown=2, adjusted=2)
    paid, name = pays(world, 3, MONTH, seeds)
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


def test_a_report_tells_of_nights_and_payments_and_of_all_rows_and_dollars(paid_world):
    """As CSV, workbook and Parquet: the same rows, the runs, the rules and what figures mean."""
    world = paid_world
    days = ("--from", "2026-12-01", "--to", "2026-12-31", "--partner", CEDAR)
    folder = world.folder / "report"
    for form in ("csv", "xlsx", "parquet", "pdf"):
        done = world.edi834("report", "reconciliation", *days, "--out", folder, "--format", form)
        assert done.code == 0, done.err
    tables = {
        name: pq.read_table(folder / f"{name}.parquet") for name in ("rates", "figures", "breaks")
    }
    about = json.loads(tables["rates"].schema.metadata[b"edi834"])
    assert about["partners"] == CEDAR
    assert about["runs"] == "1, 2, 3"
    assert "ffe-individual" in about["rules of the comparison"]
    assert about["rows of figures"] == str(tables["figures"].num_rows)
    assert {row["comparison"] for row in tables["rates"].to_pylist()} == {"carrier", "premium"}
    rows = {
        (row["run_id"], row["comparison"]): (row["matched"], row["rows"])
        for row in tables["rates"].to_pylist()
        if row["insurance_line"] == "all"
    }
    assert all(0 < matched <= every for matched, every in rows.values())
    ((matched, book),) = world.rows(
        "SELECT matched, matched + differing + missing_at_carrier + missing_in_book"
        " FROM reconciliation.result WHERE run_id = 2"
    )
    assert rows[2, "carrier"] == (matched, book)
    header, *lines = (folder / "figures.csv").read_text("utf-8").splitlines()
    assert len(lines) == tables["figures"].num_rows
    assert header.startswith('"partner_id","comparison","run_id"')
    assert (folder / "reconciliation.xlsx").read_bytes().startswith(b"PK")
    assert (folder / "reconciliation.pdf").read_bytes().startswith(b"%PDF")
    found = world.rows("SELECT count(*) FROM reconciliation.break")
    assert sum(tables["breaks"]["breaks"].to_pylist()) == found[0][0] > 0


def test_a_report_of_nothing_is_refused_in_words(paid_world):
    """No files without a reconciliation, for an unknown partner, or of days the wrong way round."""
    asked = ("report", "reconciliation", "--out", paid_world.folder / "none")
    for days, word in (
        (("--from", "2020-01-01", "--to", "2020-01-31"), "no reconciliation"),
        (("--from", "2020-02-01", "--to", "2020-01-31"), "earlier day first"),
        (("--from", "2026-12-01", "--to", "2026-12-31", "--partner", "nobody"), "No trading"),
    ):
        done = paid_world.edi834(*asked, *days)
        assert (done.code, word in done.err) == (2, True), done.err
    assert not (paid_world.folder / "none").exists()


def test_parts_that_are_not_all_of_a_look_are_not_reported():
    """A row or a cent that is in no fate, or in two, is named, and nothing is written."""
    whole = {"partner_id": CEDAR, "comparison": "carrier", "run_id": 7, "measure": "rows"}
    parts = [
        whole | {"fate": "matched", "ours": Decimal(3), "theirs": Decimal(3)},
        whole | {"fate": "missing_there", "ours": Decimal(1), "theirs": Decimal(0)},
    ]
    for ours, theirs, holds in ((4, 3, True), (5, 3, False), (4, 4, False)):
        told = [*parts, whole | {"fate": "all", "ours": Decimal(ours), "theirs": Decimal(theirs)}]
        figures = pa.Table.from_pylist(told, schema=FIGURES)
        if holds:
            require_conserved(figures)
        else:
            with pytest.raises(Terminal, match="Run 7 of cedar-valley-tx"):
                require_conserved(figures)


def _change_balance(world, dollars):
    """Figures of every night that nobody has told us."""
    with world.house.engine.begin() as conn:
        changed = "UPDATE reconciliation.balance SET book_premium = book_premium + :dollars"
        conn.execute(sa.text(changed), {"dollars": dollars})


def test_a_signed_period_tells_when_its_figures_are_other_ones_by_now(paid_world):
    """Two persons sign; a sample is drawn twice alike; another figure is named, and not signed."""
    world = paid_world
    days = ("--from", "2026-12-01", "--to", "2026-12-31", "--partner", CEDAR)
    assert world.edi834("audit", "sign", *days, "--by", "Ada", "--note", "All.").code == 0
    same = world.edi834("audit", "review", "1", "--by", "Ada", "--note", "All.")
    assert (same.code, "Somebody else" in same.err) == (2, True)
    assert world.edi834("audit", "review", "1", "--by", "Ben", "--note", "All.").code == 0
    draw = ("audit", "sample", "members", *days, "--seed", "7", "--n", "5", "--json")
    first, again = world.edi834(*draw), world.edi834(*draw)
    assert (first.code, first.out.count("\n"), first.out) == (0, 5, again.out)
    assert world.edi834("audit", "signed", "1").code == 0
    _change_balance(world, 1)
    told = json.loads(world.edi834("audit", "signed", "1", "--json").out)
    _change_balance(world, -1)
    assert {one["table"] for one in told["changed"]} == {"figures"}
    assert told["state"] == "signed"


def test_a_break_ends_when_the_book_is_right_though_nobody_pays_its_month_again(paid_world):
    """An 834 told since that less was due in January; the file of February shows it."""
    world = paid_world
    of_january = (
        "SELECT exchange_policy_id, field, state, file_id, book_value FROM reconciliation.break"
        " WHERE source = 'premium' AND period = '2027-01' ORDER BY break_id"
    )
    before = world.rows(of_january)
    short, *_ = world.rows(
        "SELECT break_id, exchange_policy_id, CAST(carrier_value AS numeric)"
        " FROM reconciliation.break WHERE rule = 'short' AND period = '2027-01'"
    )
    break_id, policy, paid = short
    with world.house.engine.begin() as conn:
        told = sa.text(
            "UPDATE book.amount SET amount = :paid WHERE exchange_policy_id = :policy"
            " AND name = 'APTC AMT' AND known_to = 'infinity'"
        )
        assert conn.execute(told, {"paid": paid, "policy": policy}).rowcount
    _, name = pays(world, 4, date(2027, 2, 1), Seeds(seed=820))
    assert world.run(4).failures == ()

    received = world.file_named(name)
    assert received.state == "applied"
    ((state, proved_by),) = world.rows(
        "SELECT state, resolved_file_id FROM reconciliation.break WHERE break_id = :id", id=break_id
    )
    assert (state, proved_by) == ("resolved", received.file_id)
    others = [row for row in before if row[:2] != (policy, "aptc")]
    assert others, "what is not right yet stays, with the file that showed it"
    assert [row for row in world.rows(of_january) if row[:2] != (policy, "aptc")] == others
