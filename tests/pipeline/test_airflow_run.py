"""A night run by the real Airflow: with one partner failing, and what Airflow keeps of it."""

import json
import re
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.airflow_run import run_night_by_airflow
from pipeline.night import NightResult, run_night

CEDAR, HARBOR = "cedar-valley-tx", "harbor-light-nc"


@dataclass(frozen=True)
class ByAirflow:
    """A world after a night by Airflow, the result, and Airflow's home."""

    world: object
    result: NightResult
    home: Path

    def metadata(self, query):
        """Rows of Airflow's own database."""
        connection = sqlite3.connect(self.home / "airflow.db")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def states(self, task):
        """The states of a task, in the order of its map index."""
        found = self.metadata(
            f"SELECT state FROM task_instance WHERE task_id = '{task}' ORDER BY map_index"
        )
        return [state for (state,) in found]


@pytest.fixture(scope="module")
def failing(tmp_path_factory, new_database_url, open_world):
    """A night by Airflow in which cedar's private key is missing."""
    patch = pytest.MonkeyPatch()
    with open_world(tmp_path_factory.mktemp("airflow"), new_database_url()) as world:
        world.send(1)
        for name, value in world.environment().items():
            patch.setenv(name, value)
        world.write_configuration(cedar_valley_tx={"private_key": "/nowhere/key"})
        result = run_night_by_airflow(world.house, world.clock(1))
        yield ByAirflow(world, result, world.house.settings.home / "airflow")
    patch.undo()


def test_a_failing_partner_fails_its_own_tasks_and_the_close(failing):
    """The other partner's tasks succeed; the last task says that the night failed."""
    partners = json.loads(*failing.metadata("SELECT value FROM xcom WHERE task_id = 'partners'")[0])

    assert partners == [CEDAR, HARBOR]
    assert failing.states("receive") == ["failed", "success"]
    for task in ("apply", "settle", "report", "deliver"):
        assert failing.states(task) == ["success", "success"], task
    assert set(failing.states("check")) == {"success"}
    assert failing.states("close") == ["failed"]


def test_a_failure_that_needs_a_person_is_not_tried_again(failing):
    """Airflow tries once; waiting would not bring the key."""
    tries = failing.metadata("SELECT try_number FROM task_instance WHERE task_id = 'receive'")

    assert tries == [(1,), (1,)]


def test_the_other_partners_night_is_complete(failing):
    """Harbor's members are in the book and its answers in the exchange's inbox."""
    world, result = failing.world, failing.result

    assert result.state == "failed"
    assert [(f.partner_id, f.step) for f in result.failures] == [(CEDAR, "fetching files")]
    assert "/nowhere/key" in result.failures[0].sentence
    accepted = {(r["partner_id"], r["level"]): r["accepted"] for r in result.balance.to_pylist()}
    assert accepted[HARBOR, "members"] > 0
    kinds = world.rows(
        "SELECT DISTINCT kind FROM ledger.file WHERE partner_id = :p AND state = 'delivered'"
        " ORDER BY kind",
        p=HARBOR,
    )
    assert kinds == [("999",), ("enrollment",), ("error_report",), ("ta1",)]


def test_airflow_keeps_ids_only(failing):
    """XCom holds run, partner and file ids; no person is in Airflow's database or logs."""
    kept = [json.loads(value) for (value,) in failing.metadata("SELECT value FROM xcom")]
    (moment,) = [value["as_of"] for value in kept if "as_of" in value]

    assert datetime.fromisoformat(moment) == failing.result.run.as_of
    for leaf in leaves(kept):
        assert isinstance(leaf, int) or leaf in (CEDAR, HARBOR, moment)
    everything = b"".join(
        path.read_bytes() for path in sorted(failing.home.rglob("*")) if path.is_file()
    )
    for person in persons(failing.world):
        assert not re.search(rb"\b" + re.escape(person.encode()) + rb"\b", everything)


def leaves(value):
    """The single values within lists and objects."""
    if not isinstance(value, list | dict):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [leaf for part in parts for leaf in leaves(part)]


def persons(world):
    """SSNs and last names in the tables of the files that were checked."""
    values = set()
    for path in world.house.settings.tables_folder.glob("*/members.parquet"):
        table = pq.read_table(path, columns=["ssn", "last_name"])
        values |= {*table["ssn"].to_pylist(), *table["last_name"].to_pylist()} - {None}
    assert len(values) > 20
    return values


def test_the_night_ends_once_the_partner_is_mended(failing):
    """The same moment again, without Airflow: cedar's files come in, and nothing has failed."""
    world = failing.world
    ended = run_night(world.house, world.clock(1))

    assert ended.run == failing.result.run
    assert ended.failures == ()
    accepted = {(r["partner_id"], r["level"]): r["accepted"] for r in ended.balance.to_pylist()}
    assert accepted[CEDAR, "members"] > 0
