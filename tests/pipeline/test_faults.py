"""Faults that no other file of tests brings about; at the end of each the invariants hold."""

import json
import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import pipeline.check
from tests.cases.commands import run_edi834
from tests.cases.world import CEDAR
from tests.pipeline.invariants import broken, broken_in


@pytest.fixture(scope="module")
def world(tmp_path_factory, new_database_url, open_world):
    """A world of one partner, in which fault follows fault from night to night after a good one."""
    folder = tmp_path_factory.mktemp("faults")
    with open_world(folder, new_database_url(), members=20, partner_ids=(CEDAR,)) as world:
        world.send(1)
        world.run(1)
        yield world


@pytest.mark.fault("F32")
def test_a_file_that_breaks_the_rule_engine_stops_no_other(world, monkeypatch):
    """Told by class and place, without what the defect says; once it is gone, the night ends."""
    world.send(2)
    (world.outbox(CEDAR) / "Z.P").write_bytes(b"Dear carrier,")
    check = pipeline.check.check_file

    def checked(path, terms, sink):
        done = check(path, terms, sink)  # its tables are written by now
        if path.name == first_of_the_night(world)[1].split("/")[1]:
            raise ValueError("LOCKHART has an impossible date")
        return done

    with monkeypatch.context() as patched:
        patched.setattr(pipeline.check, "check_file", checked)
        result = world.run(2)
    (failure,) = result.failures
    assert "Unexpected ValueError" in failure.sentence
    assert "LOCKHART" not in failure.sentence
    file_id, _, verdict = first_of_the_night(world)
    assert verdict is None
    assert world.file_named("Z.P").verdict == "unreadable"  # it has come after it
    tables = world.house.settings.tables_folder
    assert not (tables / str(file_id)).exists()
    assert [path.name for path in tables.iterdir() if "unfinished" in path.name] == []
    for table in ("issue", "disposition"):
        assert world.rows(f"SELECT FROM ledger.{table} WHERE file_id = :f", f=file_id) == []
    assert world.run(2).state != "failed"
    assert broken(world) == {}


def first_of_the_night(world):
    """Id, storage key and verdict of the first file that has come in the last run."""
    return world.rows(
        "SELECT file_id, storage_key, verdict FROM ledger.file JOIN"
        " (SELECT max(run_id) AS run_id FROM ledger.run) r USING (run_id)"
        " WHERE direction = 'exchange_to_issuer' ORDER BY file_id LIMIT 1"
    )[0]


@pytest.mark.fault("F29")
def test_a_wrong_file_of_a_partner_lets_nothing_begin(world):
    """It is named with its fault, and no run is opened: the old one stays what it was."""
    folder = world.folder / "partners"
    shutil.copytree(str(files("schemas") / "partners"), folder)
    wrong = folder / f"{CEDAR}.toml"
    wrong.write_text(wrong.read_text().replace('usage_indicator = "P"', 'usage_indicator = "X"'))
    before = world.rows("SELECT count(*) FROM ledger.run")
    environment = world.environment(EDI834_PARTNERS=str(folder))
    as_of = world.clock(3).isoformat()
    ended = run_edi834(world.folder, ("night", "--as-of", as_of), environment)
    assert ended.code == 2
    assert "usage_indicator" in ended.err
    assert "Traceback" not in ended.err
    assert world.rows("SELECT count(*) FROM ledger.run") == before


@pytest.mark.fault("F40")
def test_a_night_goes_on_without_a_place_for_its_logs_and_traces(world):
    """Standard error takes nothing any more, and nobody listens for spans."""
    world.send(3)
    (world.outbox(CEDAR) / "junk.P").write_bytes(b"nothing")  # the log tells of it
    nobody = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    with Path("/dev/full").open("w") as full:
        ended = command(
            world, "night", "--as-of", world.clock(3).isoformat(), "--json", stderr=full, **nobody
        )
    night = json.loads(ended.stdout)
    last = world.rows("SELECT run_id, state FROM ledger.run ORDER BY run_id DESC LIMIT 1")
    assert last == [(night["run"], night["state"])]
    assert night["failures"] == []
    assert world.file_named("junk.P").state == "quarantined"
    assert broken(world) == {}


def command(world, *arguments, stderr, **environment):
    """The real command, with standard error where the test wants it."""
    given = {name: str(value) for name, value in environment.items()}
    return subprocess.run(
        [Path(sys.executable).parent / "edi834", *arguments],
        cwd=world.folder,
        env=os.environ | world.environment() | given,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        check=False,
    )


def test_the_invariants_notice_what_breaks_them(world):
    """Each of these does, and is taken back."""
    (key,), *_ = world.rows("SELECT storage_key FROM ledger.file ORDER BY file_id")
    path = world.house.settings.landing_folder / key
    content = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(content + b" ")
    noticed = broken(world)
    path.write_bytes(content)
    assert [name.partition(":")[0] for name in noticed] == ["I1"]
    breaks = {
        "I5": (
            "interchange",
            """UPDATE ledger.interchange SET control_number = '900000000'
            WHERE file_id = (SELECT max(file_id) FROM ledger.file WHERE kind = 'ta1')""",
        ),
        "I6": ("audit_entry", "UPDATE ledger.audit_entry SET actor = 'nobody' WHERE ordinal = 2"),
    }
    for invariant, (table, statement) in breaks.items():
        with world.house.engine.connect() as conn, conn.begin() as transaction:
            conn.exec_driver_sql(f"ALTER TABLE ledger.{table} DISABLE TRIGGER USER")
            assert conn.exec_driver_sql(statement).rowcount == 1
            seen = [name.partition(":")[0] for name in broken_in(world, conn)]
            transaction.rollback()
        assert invariant in seen
    assert broken(world) == {}
