"""`edi834 audit` on the trail of a real night, and the auditor's script that needs none of us."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "verify_audit.py"


@pytest.fixture(scope="module")
def night(tmp_path_factory, new_database_url, open_world):
    """A world after its first night, and what the night printed as the end of the trail."""
    folder = tmp_path_factory.mktemp("audit")
    with open_world(folder, new_database_url(), members=40) as world:
        world.send(1)
        result = world.run(1)
        yield SimpleNamespace(world=world, anchor=str(result.anchor), env=world.environment())


@pytest.fixture
def tampered(night):
    """Changes the trail by a statement, as an owner may who takes its trigger away; for a while."""
    engine = night.world.house.engine
    with engine.begin() as conn:
        conn.execute(sa.text("CREATE TABLE kept AS TABLE ledger.audit_entry"))
        conn.execute(sa.text("ALTER TABLE ledger.audit_entry DISABLE TRIGGER ALL"))

    def tamper(statement):
        with engine.begin() as conn:
            conn.execute(sa.text(statement))

    yield tamper
    with engine.begin() as conn:
        conn.execute(sa.text("TRUNCATE ledger.audit_entry"))
        conn.execute(sa.text("INSERT INTO ledger.audit_entry TABLE kept"))
        conn.execute(sa.text("DROP TABLE kept"))
        conn.execute(sa.text("ALTER TABLE ledger.audit_entry ENABLE ALWAYS TRIGGER audit_refuse"))


def judged(export, *anchor):
    """Exit code and output of the auditor's script in an interpreter that has nothing else."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", SCRIPT, export, *anchor],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_the_trail_of_a_night_is_whole(night, edi834):
    """Also by the end that the night printed, whole or its hash alone; as text and as JSON."""
    ordinal, digest = night.anchor.split(":")
    told = edi834("audit", "verify", "--anchor", night.anchor, **night.env)
    by_hash = edi834("audit", "verify", "--anchor", digest, "--json", **night.env)

    assert (told.code, told.err) == (0, "")
    assert f"{ordinal} entries" in told.out
    assert night.anchor in told.out
    assert by_hash.code == 0
    assert json.loads(by_hash.out) == {
        "entries": int(ordinal),
        "head": {"ordinal": int(ordinal), "hash": digest},
        "fault": None,
    }


def test_every_state_of_the_ledger_is_the_last_that_the_trail_tells(night):
    """Files, runs and batches: what the ledger says now is what was appended last."""
    world = night.world
    last = (
        "SELECT DISTINCT ON (object_id) object_id, action FROM ledger.audit_entry"
        " WHERE object_kind = '{kind}' AND action = ANY(ARRAY[{states}]) ORDER BY object_id,"
        " ordinal DESC"
    )
    for kind, states in (
        ("file", "received checked staged applied refused duplicate quarantined written delivered"),
        ("batch", "passed held released refused"),
    ):
        listed = ", ".join(f"'{state}'" for state in states.split())
        told = world.rows(last.format(kind=kind, states=listed))
        table = {"file": "ledger.file", "batch": "ledger.gate_batch"}[kind]
        key = {"file": "file_id", "batch": "batch_id"}[kind]
        assert told == world.rows(f"SELECT {key}, state FROM {table} ORDER BY 1")
        assert told
    closed = world.rows("SELECT details->>'to' FROM ledger.audit_entry WHERE action = 'closed'")
    assert closed == world.rows("SELECT state FROM ledger.run")


def test_every_transaction_set_of_the_book_is_told(night):
    """The sets that files brought into the book, staged and decided, add up."""
    counted = (
        "SELECT sum(n.value::bigint) FROM ledger.audit_entry,"
        " json_each_text(details->'states') n WHERE action = '{}'"
    )
    ((sets,),) = night.world.rows("SELECT count(*) FROM book.event_set")

    assert sets > 10
    assert night.world.rows(counted.format("events staged")) == [(sets,)]
    assert night.world.rows(counted.format("events decided")) == [(sets,)]


@pytest.mark.fault("F35")
def test_a_changed_byte_is_named(night, edi834, tampered, tmp_path):
    """By the command and by the script: which entry, when, and what was expected."""
    tampered("UPDATE ledger.audit_entry SET actor = actor || 'x' WHERE ordinal = 7")
    told = edi834("audit", "verify", **night.env)
    as_json = edi834("audit", "verify", "--json", **night.env)
    edi834("audit", "export", tmp_path / "trail.jsonl", **night.env)
    code, out = judged(tmp_path / "trail.jsonl")
    fault = json.loads(as_json.out)["fault"]

    assert (told.code, as_json.code, code) == (1, 1, 1)
    assert "entry 7 of 20" in told.err
    assert "was altered" in told.err
    assert (fault["ordinal"], fault["sentence"] in told.err) == (7, True)
    assert fault["at"] in told.err
    assert f"entry 7 of {fault['at']} was altered" in out


@pytest.mark.fault("F35")
def test_a_removed_end_is_found_by_the_printed_one(night, edi834, tampered, tmp_path):
    """Without it nothing shows, and with it the first missing entry is named."""
    ordinal = int(night.anchor.split(":")[0])
    tampered(f"DELETE FROM ledger.audit_entry WHERE ordinal = {ordinal}")
    without = edi834("audit", "verify", **night.env)
    told = edi834("audit", "verify", "--anchor", night.anchor, **night.env)
    edi834("audit", "export", tmp_path / "trail.jsonl", **night.env)

    assert (without.code, told.code) == (0, 1)
    assert f"the chain ends with entry {ordinal - 1}" in told.err
    assert judged(tmp_path / "trail.jsonl")[0] == 0
    assert judged(tmp_path / "trail.jsonl", night.anchor)[0] == 1


@pytest.mark.fault("F35")
@pytest.mark.control("integrity")
def test_an_auditor_verifies_an_export_alone(night, edi834, tmp_path):
    """Every line that is changed, removed or moved is named by a bare interpreter."""
    export = tmp_path / "trail.jsonl"
    told = edi834("audit", "export", export, **night.env)
    lines = export.read_text("utf-8").splitlines(keepends=True)
    length, middle = len(lines), len(lines) // 2
    moved = [*lines[:middle], *lines[middle : middle + 2][::-1], *lines[middle + 2 :]]
    removed = lines[:middle] + lines[middle + 1 :]
    altered = [line.replace('"run', '"ran', 1) for line in lines]

    assert told.code == 0
    assert night.anchor in told.out
    assert judged(export, night.anchor)[0] == judged(export)[0] == 0
    assert list(tmp_path.glob(".*")) == []
    for changed, named in (
        (moved, f"entry {middle + 1} is missing"),
        (removed, f"entry {middle + 1} is missing"),
        (altered, "entry 1 of "),
        (lines[:-1], f"entry {length} or the anchor is missing"),
    ):
        export.write_text("".join(changed), "utf-8")
        code, out = judged(export, night.anchor)
        assert code == 1
        assert named in out


def test_the_timeline_of_a_file(night, edi834):
    """What happened to one file, in order; and what cannot be asked is said in one line."""
    told = edi834("audit", "list", "--object", "file:1", **night.env)
    as_json = edi834("audit", "list", "--object", "file:1", "--json", **night.env)
    nothing = edi834("audit", "list", "--since", "2999-01-01", **night.env)
    wrong = edi834("audit", "list", "--object", "member:1", **night.env)
    entries = [json.loads(line) for line in as_json.out.splitlines()]

    assert [told.code, as_json.code, nothing.code, wrong.code] == [0, 0, 1, 2]
    assert {(entry["object_kind"], entry["object_id"]) for entry in entries} == {("file", 1)}
    assert entries[0]["action"] == "received"
    assert all(entry["action"].split()[0] in told.out for entry in entries)
    assert wrong.failures
    assert edi834("audit", "verify", "--anchor", "7:abc", **night.env).code == 2
