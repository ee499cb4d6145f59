"""What is read of the carrier is of one moment, or it is not used."""

import os

import pytest
import sqlalchemy as sa

from reconciliation.carrier_records import read_members, read_payments
from reconciliation.carrier_sources import CarrierTable, one_snapshot, unchanged
from schemas.errors import Retryable, Terminal
from schemas.partners import load_partner

CEDAR_VALLEY = load_partner("cedar-valley-tx")
MEMBER_COLUMNS = ", ".join(
    f'"{column}" text' for column in CEDAR_VALLEY.carrier_records.members.values()
)
TABLES = f"""
DROP SCHEMA IF EXISTS moving CASCADE;
CREATE SCHEMA moving;
CREATE TABLE moving."Member" ({MEMBER_COLUMNS});
CREATE TABLE moving.payment (
  "POLICY_NO" text, "PAID_AMT" numeric(9, 2), "PAID_DT" date, "PAID_THRU_DT" date);
INSERT INTO moving."Member" ("POLICY_NO", "EXCH_MEMBER_NO") VALUES ('8801', '1'), ('8802', '2');
INSERT INTO moving.payment VALUES ('8802', 2, '2026-01-02', NULL), ('8801', 1, '2026-01-01', NULL);
"""


def append(path):
    path.write_bytes(path.read_bytes() + b"8803\n")


def replace_by_another(path):
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes())
    known = path.stat()
    os.utime(other, ns=(known.st_atime_ns, known.st_mtime_ns))
    other.rename(path)


def rewrite(path):
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(0, 1))


@pytest.mark.parametrize("change", [append, replace_by_another, rewrite, os.unlink])
def test_a_file_that_changes_while_it_is_read_is_not_used(tmp_path, change):
    """More bytes, another file of that size and hour, the same bytes again, or none any more."""
    path = tmp_path / "payments.csv"
    path.write_text("POLICY_NO\n8801\n")
    with (
        pytest.raises(Retryable, match=r"payments\.csv was changed while it was read"),
        unchanged([path]),
    ):
        change(path)


def test_half_of_a_new_file_is_no_fault_of_the_carrier(tmp_path):
    """What is wrong with a file that changes is not told; with one that stays, it is."""
    path = tmp_path / "payments.csv"
    path.write_text("POLICY_NO\n88")
    with pytest.raises(Terminal, match="cut off"), unchanged([path]):
        read_payments(path, CEDAR_VALLEY)

    def deliver_and_read():
        path.write_text("POLICY_NO\n8801")
        read_payments(path, CEDAR_VALLEY)

    with pytest.raises(Retryable, match="was changed"), unchanged([path]):
        deliver_and_read()


@pytest.fixture
def moving(engine):
    """An engine on a database in which a carrier has two tables."""
    with engine.begin() as conn:
        conn.execute(sa.text(TABLES))
    yield engine
    with engine.begin() as conn:
        conn.execute(sa.text("DROP SCHEMA moving CASCADE"))


def test_the_tables_of_a_carrier_are_read_as_of_one_moment(moving):
    """A payment that is taken between two readings is in neither or in both."""
    names = ["moving.Member", "moving.payment"]
    with one_snapshot(moving, names) as conn:
        members = read_members(CarrierTable(conn, names[0]), CEDAR_VALLEY)
        with moving.begin() as other:
            other.execute(sa.text("DELETE FROM moving.payment"))
        payments = read_payments(CarrierTable(conn, names[1]), CEDAR_VALLEY)
    with one_snapshot(moving, names) as conn:
        later = read_payments(CarrierTable(conn, names[1]), CEDAR_VALLEY)

    assert (members.num_rows, payments.num_rows, later.num_rows) == (2, 2, 0)


def test_a_table_of_the_carrier_cannot_be_truncated_while_it_is_read(moving):
    """Its rows would be gone from every older snapshot, too: TRUNCATE has to wait."""
    names = ["moving.Member", "moving.payment"]
    truncate = "SET LOCAL lock_timeout = '100ms'; TRUNCATE moving.payment"
    with one_snapshot(moving, names) as conn:
        with pytest.raises(Retryable), moving.begin() as other:
            other.execute(sa.text(truncate))
        assert read_payments(CarrierTable(conn, names[1]), CEDAR_VALLEY).num_rows == 2


def test_what_cannot_be_locked_is_read_all_the_same(moving):
    """A materialised view; and what is not there is named by whoever reads it."""
    with moving.begin() as conn:
        conn.execute(sa.text("CREATE MATERIALIZED VIEW moving.paid AS TABLE moving.payment"))
    with one_snapshot(moving, ["moving.paid", "moving.nothing"]) as conn:
        payments = read_payments(CarrierTable(conn, "moving.paid"), CEDAR_VALLEY)
        with pytest.raises(Terminal, match=r"No carrier table moving\.nothing"):
            read_payments(CarrierTable(conn, "moving.nothing"), CEDAR_VALLEY)

    assert payments["exchange_policy_id"].to_pylist() == ["8801", "8802"]


def test_the_rows_of_a_table_are_read_in_one_order(moving):
    """However the carrier's database has stored them: the same rows are the same bytes."""
    with one_snapshot(moving, ["moving.payment"]) as conn:
        before = read_payments(CarrierTable(conn, "moving.payment"), CEDAR_VALLEY)
    with moving.begin() as conn:
        conn.execute(
            sa.text(
                'UPDATE moving.payment SET "PAID_AMT" = "PAID_AMT" WHERE "POLICY_NO" = \'8802\''
            )
        )
    with one_snapshot(moving, ["moving.payment"]) as conn:
        after = read_payments(CarrierTable(conn, "moving.payment"), CEDAR_VALLEY)

    assert before.to_pylist() == after.to_pylist()
    assert before["exchange_policy_id"].to_pylist() == ["8801", "8802"]


def test_nothing_of_the_carrier_can_be_written(moving):
    """The connection only reads."""
    with one_snapshot(moving, []) as conn, pytest.raises(Terminal, match="25006"):
        conn.execute(sa.text("DELETE FROM moving.payment"))
