"""What the gate counts in the staged files of a night, and that it tells of nobody."""

from datetime import date

import pyarrow as pa
import pytest
import sqlalchemy as sa

from enrollment.batches import StagedFiles, batch_tables, full_files
from schemas.database import transaction_set
from tests.enrollment.conftest import naming

PARTNER = "cedar-valley-tx"
TODAY = date(2027, 2, 1)


@pytest.fixture
def tables(carrier):
    """The tables of a batch of these files, as lists of their only column."""

    def ask(*file_ids, on_day=TODAY, in_full_files=None):
        named = None if in_full_files is None else naming(*in_full_files)
        staged = StagedFiles(PARTNER, list(file_ids), named)
        found = batch_tables(carrier.conn, staged, on_day)
        return {name: table.column(0).to_pylist() for name, table in found.items()}

    return ask


def test_members_sets_and_premiums_of_the_staged_files_are_counted(carrier, say, tables):
    """One row for each member, set, household, premium and received member."""
    one = carrier.receives(
        say.enrollment("P1", "S1", "D1", premium="300.00"),
        say.enrollment("P2", "S2", premium="12.50", aptc="0.00", ssn="900101234"),
    )
    two = carrier.receives(say.termination("P3", "S3", date(2027, 3, 31)))

    found = tables(one, two)

    assert sorted(found["members"]) == ["021", "021", "021", "024"]
    assert sorted(found["enrolled_members"]) == [False, True, True]
    assert sorted(found["enrolled_households"]) == [1, 2]
    assert sorted(found["sets"]) == [False, False, True]
    assert sorted(found["premiums"]) == ["0", "200"]
    assert found["received_members"] == [False] * 4
    assert tables(two)["members"] == ["024"]


def test_policies_in_force_are_those_that_a_batch_may_end(carrier, say, tables):
    """Neither a cancelled policy nor one that is over is in force."""
    carrier.receives(*(say.enrollment(f"P{n}", f"S{n}") for n in range(1, 5)))
    carrier.applies()
    carrier.receives(say.cancellation("P3", "S3"), say.termination("P4", "S4", date(2027, 1, 31)))
    carrier.applies()
    ending = carrier.receives(say.termination("P1", "S1", date(2027, 3, 31)))

    assert sorted(tables(ending)["policies"]) == [False, True]
    assert sorted(tables(ending, on_day=date(2027, 1, 31))["policies"]) == [False, False, True]
    assert tables()["policies"] == [False, False]


def test_a_full_file_tells_which_policies_it_leaves_out(carrier, say, tables):
    """BGN08 4 in the sets of a file: whoever is in force and not in it, is left out."""
    carrier.receives(*(say.enrollment(f"P{n}", f"S{n}") for n in range(1, 4)))
    carrier.applies()
    audit = [say.enrollment(f"P{n}", f"S{n}", maintenance_type="030") for n in (1, 2)]
    for one in audit:
        one.header["action_code"] = "4"
    file_id = carrier.receives(*audit)
    changes = carrier.receives(say.termination("P1", "S1", date(2027, 3, 31)))

    named = [("P1", "S1"), ("P2", "S2"), ("P1", "S1"), ("P9", None)]
    found = tables(file_id, changes, in_full_files=named)

    assert full_files(carrier.conn, [file_id, changes]) == [file_id]
    assert sorted(found["policies_of_full_file"]) == [False, False, True]
    assert sorted(found["members_of_full_file"]) == [False, False, True]
    assert found["plans_of_full_file"] == [False]
    assert tables(file_id)["members"] == []  # the guide of this exchange knows no audit
    assert tables(changes)["policies_of_full_file"] == []


def test_a_full_file_that_was_rejected_leaves_nobody_out(carrier, say, tables):
    """The exchange was told by the 999; nothing of the file can change the book."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.applies()
    audit = say.enrollment("P2", "S2", maintenance_type="030")
    audit.header["action_code"] = "4"
    file_id = carrier.receives(audit)
    carrier.conn.execute(
        sa.update(transaction_set).where(transaction_set.c.file_id == file_id).values(ack="R")
    )

    assert full_files(carrier.conn, [file_id]) == []
    assert tables(file_id)["policies_of_full_file"] == []


@pytest.mark.parametrize(("codes", "mixed"), [("22", False), ("44", False), ("24", True)])
def test_a_file_of_full_sets_and_changes_is_mixed(carrier, say, tables, codes, mixed):
    """One truth a file."""
    sets = [say.enrollment(f"P{n}", f"S{n}") for n in range(len(codes))]
    for one, code in zip(sets, codes, strict=True):
        one.header["action_code"] = code

    assert tables(carrier.receives(*sets))["files"] == [mixed]


def test_what_the_gate_is_given_tells_of_nobody(carrier, say):
    """Truths, counts, two columns of codes, and dollars of whole plans: no id, name, or date."""
    file_id = carrier.receives(say.enrollment("P1", "S1", ssn="900101234", last_name="Q"))
    found = batch_tables(carrier.conn, StagedFiles(PARTNER, [file_id]), TODAY)
    dollars = found["plans_of_full_file"].column_names.index("omitted_premium")
    found["plans_of_full_file"] = found["plans_of_full_file"].remove_column(dollars)
    types = {name: table.schema.types for name, table in found.items()}
    codes = {name for name, (only,) in types.items() if pa.types.is_large_string(only)}
    others = {only for name, (only,) in types.items() if name not in codes}

    assert {name: found[name].column(0).to_pylist() for name in codes} == {
        "members": ["021"],
        "premiums": ["200"],
    }
    assert others == {pa.bool_(), pa.int64()}
