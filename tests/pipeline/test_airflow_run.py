"""A night run by the real Airflow: with one partner failing, and what Airflow keeps of it.

Two members with values that nobody else has go through it, one accepted and one rejected: none of
those values may be where only ids belong.
"""

import json
import re
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.airflow_run import environment_of, run_night_by_airflow
from pipeline.night import NightResult, run_night
from tests.cases.bad_input import Content

CEDAR, HARBOR = "cedar-valley-tx", "harbor-light-nc"
STEPS = ("receive", "waiting_files", "check", "gate", "apply", "settle", "report", "deliver")

# Whoever reads one of these anywhere but in files, tables and the book has read of a person.
CANARY = {
    "last name": "QUAGMIREZZ",
    "first name": "ZEBULONQX",
    "social security number": "945128834",
    "street": "7741 ZZCANARY WAY",
    "telephone": "2025550187",
    "e-mail": "ZZCANARY@EXAMPLE.COM",
    "member": "0000987652",
    "policy": "9187654321",
}
REJECTED = {"last name": "ZZREJECTEDZZ", "date of birth": "19ZZBORN", "member": "0000987653"}
NAME = "OPR.007654321T.I834.D261201.T18099{number}000.P"


def canary_file():
    """An enrollment of the first member."""
    content = Content(
        edits={
            "DOE*JANE*Q": f"{CANARY['last name']}*{CANARY['first name']}*Q",
            "JANE DOE": f"{CANARY['first name']} {CANARY['last name']}",
            "900121234": CANARY["social security number"],
            "1 MAIN ST": CANARY["street"],
            "3195550101": CANARY["telephone"],
            "JANE@EXAMPLE.COM": CANARY["e-mail"],
            "0000011111": CANARY["member"],
            "9100000001": CANARY["policy"],
        }
    )
    return content.bytes()


def rejected_file():
    """An enrollment of the second one, whose date of birth is none."""
    content = Content(
        edits={
            "DOE*JANE*Q": f"{REJECTED['last name']}*ZOE*Q",
            "JANE DOE": f"ZOE {REJECTED['last name']}",
            "19800229": REJECTED["date of birth"],
            "0000011111": REJECTED["member"],
            "9100000001": "9187654399",
        }
    )
    return content.bytes()


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
            "SELECT state FROM task_instance WHERE dag_id = 'nightly_cycle'"
            f" AND (task_id = '{task}' OR task_id LIKE '%.{task}') ORDER BY task_id, map_index"
        )
        return [state for (state,) in found]

    @property
    def dumped(self):
        """All tables of Airflow's own database as text."""
        connection = sqlite3.connect(self.home / "airflow.db")
        try:
            return "\n".join(connection.iterdump())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def failing(tmp_path_factory, new_database_url, open_world):
    """A night by Airflow in which cedar's private key is missing."""
    patch = pytest.MonkeyPatch()
    with open_world(tmp_path_factory.mktemp("airflow"), new_database_url()) as world:
        world.send(1)
        for number, content in enumerate((canary_file(), rejected_file()), start=1):
            own = content.split(b"*")[13]  # the exchange has used it
            (world.outbox(HARBOR) / NAME.format(number=number)).write_bytes(
                content.replace(own, b"%09d" % (771000 + number))
            )
        for name, value in world.environment().items():
            patch.setenv(name, value)
        world.write_configuration(cedar_valley_tx={"private_key": "/nowhere/key"})
        result = run_night_by_airflow(world.house, world.clock(1))
        yield ByAirflow(world, result, world.house.settings.home / "airflow")
    patch.undo()


@pytest.mark.control("denial-of-service")
def test_a_failing_partner_fails_its_own_tasks_and_the_close(failing):
    """The other partner's tasks succeed; the last task says that the night failed."""
    groups = failing.metadata("SELECT DISTINCT task_id FROM task_instance WHERE task_id LIKE '%.%'")

    assert sorted(name for (name,) in groups) == sorted(
        f"{partner_id}.{step}" for partner_id in (CEDAR, HARBOR) for step in STEPS
    )
    assert failing.states("receive") == ["failed", "success"]
    for task in ("apply", "settle", "report", "deliver"):
        assert failing.states(task) == ["success", "success"], task
    assert failing.states("check")[0] == "skipped"  # of cedar nothing has come
    assert set(failing.states("check")[1:]) == {"success"}
    assert failing.states("close") == ["failed"]


def test_a_failure_that_needs_a_person_is_not_tried_again(failing):
    """Airflow tries once; waiting would not bring the key."""
    tries = failing.metadata("SELECT try_number FROM task_instance WHERE task_id LIKE '%.receive'")

    assert tries == [(1,), (1,)]


@pytest.mark.control("denial-of-service")
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


@pytest.mark.control("no-phi-in-logs", "airflow")
def test_airflow_keeps_ids_only(failing):
    """XCom holds run, partner and file ids; no person is in Airflow's database or logs."""
    kept = [json.loads(value) for (value,) in failing.metadata("SELECT value FROM xcom")]
    (moment,) = [value["as_of"] for value in kept if "as_of" in value]

    assert datetime.fromisoformat(moment) == failing.result.run.as_of
    for leaf in leaves(kept):
        assert isinstance(leaf, int) or leaf in (CEDAR, HARBOR, moment)
    of_nights = "SELECT conf FROM dag_run WHERE dag_id = 'nightly_cycle'"
    parameters = [json.loads(conf) for (conf,) in failing.metadata(of_nights)]
    assert parameters == [{"as_of": moment}]
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


# Runs several DAGs in one process, as `airflow dags test` does each of them.
RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from pipeline.airflow_run import DAGS_FOLDER
bag = DagBag(dag_folder=str(DAGS_FOLDER))
for dag_id, moment in json.loads(sys.argv[1]):
    bag.dags[dag_id].test(run_conf={"as_of": moment})
"""


@pytest.fixture(scope="module")
def watched(failing):
    """The other DAGs, run once in the world after the night; the exchange drops late."""
    world, home = failing.world, failing.home
    dropped = world.clock(2) - timedelta(hours=1)
    late = world.clock(1) + timedelta(hours=36)
    asked = [
        ("exchange_intake", dropped),
        ("acknowledgement_watch", late),
        ("monthly_reconciliation", world.clock(15)),
        ("housekeeping", late),
        ("restore_drill", late),
    ]
    arguments = json.dumps([(dag_id, moment.isoformat()) for dag_id, moment in asked])
    log = home / "watches.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, arguments],
            env=environment_of(world.house) | {"EDI834_LOOK_SECONDS": "1"},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        while b"running trigger in line" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            time.sleep(0.2)
        world.send(2)
        assert process.wait() == 0, log.read_text()
    return failing


def states_of(watched, dag_id):
    """The states of a DAG's tasks, by task and map index."""
    return watched.metadata(
        "SELECT task_id, state FROM task_instance"
        f" WHERE dag_id = '{dag_id}' ORDER BY task_id, map_index"
    )


def test_intake_waits_for_what_is_dropped_late_and_tells_the_night(watched):
    """Deferred until it is there; the event names the partner. The other partner's key is gone."""
    assert states_of(watched, "exchange_intake") == [
        ("expected_files", "failed"),
        ("expected_files", "success"),
        ("partners", "success"),
    ]
    events = [json.loads(extra) for (extra,) in watched.metadata("SELECT extra FROM asset_event")]
    assert [event["partner_id"] for event in events] == [HARBOR]


def test_late_answers_fail_the_watch_of_their_partner(watched):
    """A person asks the exchange: it is not tried again."""
    states = dict(states_of(watched, "acknowledgement_watch"))
    tries = watched.metadata("SELECT max(try_number) FROM task_instance WHERE task_id = 'answers'")

    assert states["answers"] == "failed"
    assert tries == [(1,)]


def test_the_month_is_written_and_waits(watched):
    """A file of each partner and year in the book, by its id."""
    states = states_of(watched, "monthly_reconciliation")
    written = watched.world.rows("SELECT count(*) FROM reconciliation.month_file")

    assert {state for _, state in states} == {"success"}
    assert written == [(len(states) - 1,)]


def test_all_chores_are_done(watched):
    """Each as a task of its own."""
    states = dict(states_of(watched, "housekeeping") + states_of(watched, "restore_drill"))

    assert len(states) == 6
    assert set(states.values()) == {"success"}


@pytest.mark.control("no-phi-in-logs", "airflow")
def test_no_value_of_a_member_is_where_only_ids_belong(watched):
    """Not in XCom, rendered templates or parameters (the database), logs, or names of files."""
    world = watched.world
    known = world.rows(
        "SELECT DISTINCT m.last_name FROM book.member m WHERE m.exchange_policy_id = :policy",
        policy=CANARY["policy"],
    )
    told = world.rows("SELECT count(*) FROM ledger.case WHERE kind = 'rejected'")
    assert (CANARY["last name"],) in known  # it has gone all the way
    assert told[0][0] > 0
    stored = [path for path in world.house.settings.landing_folder.rglob("*") if path.is_file()]
    received = b"".join(path.read_bytes() for path in stored).decode("latin-1")
    assert [t for t in [*CANARY.values(), *REJECTED.values()] if t not in received] == []
    logs = [path for path in watched.home.rglob("*") if path.is_file()]
    assert any(b"file received" in path.read_bytes() for path in logs)  # ours are among them
    names = "\n".join(str(path) for path in world.folder.rglob("*"))
    sinks = {
        "Airflow's database": watched.dumped,
        "names of files": names,
        **{str(path): path.read_bytes().decode("latin-1") for path in logs},
    }
    found = [
        (sink, what)
        for sink, text in sinks.items()
        for what, token in [*CANARY.items(), *REJECTED.items()]
        if token in text
    ]
    assert found == []
