"""A real `airflow standalone`: scheduler, API server, triggerer and DAG processor do a night."""

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from pipeline.airflow_run import environment_of
from pipeline.night import run_night
from tests.cases.world import CEDAR, HARBOR
from tests.dags.dag_ids import ALL

pytestmark = pytest.mark.soak
PATIENCE_SECONDS = 900  # a bound for what hangs, not a measure
ENDED = {"success", "failed"}


def clock(night):
    """The world's clock moved to our days: the first night is the coming one, by UTC.

    A scheduler waits for the next drop and begins nights as of its own clock, and no night may be
    behind one that has been.
    """
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=night)


class Airflow:
    """A running `airflow standalone`, spoken to by its public API."""

    def __init__(self, port, process, log):
        self.url, self.process, self.log = f"http://127.0.0.1:{port}", process, log
        self.headers = {}

    def until(self, what, holds):
        """What `holds` returns, once it is something."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            try:
                found = holds()
            except requests.ConnectionError:
                found = None
            if found:
                return found
            time.sleep(2)
        raise AssertionError(f"{what} did not come to be: {self.log.read_text()[-4000:]}")

    def sign_in(self):
        """Whether it let us in, once it is up."""
        answer = requests.get(f"{self.url}/auth/token", timeout=30)
        if answer.status_code != 201:
            return False
        self.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return True

    def get(self, path, **parameters):
        answer = requests.get(
            f"{self.url}/api/v2{path}", params=parameters, headers=self.headers, timeout=60
        )
        return answer.json() if answer.ok else None

    def post(self, path, **body):
        answer = requests.post(
            f"{self.url}/api/v2{path}", json=body, headers=self.headers, timeout=60
        )
        assert answer.ok, answer.text
        return answer.json()

    def dags(self):
        """The ids of the DAGs that it has read."""
        found = self.get("/dags", limit=100)
        return {one["dag_id"] for one in found["dags"]} if found else set()

    def switch_on(self, dag_id):
        """The DAG runs from now on; Airflow runs its last interval at once."""
        answer = requests.patch(
            f"{self.url}/api/v2/dags/{dag_id}",
            json={"is_paused": False},
            headers=self.headers,
            timeout=60,
        )
        assert answer.ok, answer.text

    def trigger(self, dag_id, as_of):
        """The id of a new run with that clock."""
        run = self.post(f"/dags/{dag_id}/dagRuns", logical_date=None,
            conf={"as_of": as_of.isoformat()})  # fmt: skip
        return run["dag_run_id"]

    def runs(self, dag_id):
        """The runs of a DAG by their ids."""
        found = self.get(f"/dags/{dag_id}/dagRuns", limit=100)
        return {one["dag_run_id"]: one for one in found["dag_runs"]} if found else {}

    def begun_by_files(self):
        """The ids of the nights that an event of the asset has begun."""
        runs = self.runs("nightly_cycle").items()
        return [one for one, run in runs if run["run_type"] == "asset_triggered"]

    def ended(self, dag_id, *ids):
        """The states of runs, those of a DAG that are told or all, once all of them have ended."""

        def states():
            runs = self.runs(dag_id)
            wanted = [runs[one]["state"] for one in ids or runs if one in runs]
            return wanted if wanted and set(wanted) <= ENDED else None

        return self.until(f"the end of {dag_id}", states)

    def tasks(self, dag_id, run_id):
        """The states of a run's tasks."""
        found = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", limit=200)
        return {(one["task_id"], one["map_index"]): one["state"] for one in found["task_instances"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory, new_database_url, open_world):
    """A world to which nothing has been sent; a night has been, so that files are expected."""
    folder = tmp_path_factory.mktemp("standalone")
    with open_world(folder, new_database_url(), members=30) as opened:
        opened.write_carrier_records(1)
        run_night(opened.house, clock(-1))
        yield opened


@pytest.fixture(scope="module")
def airflow(world):
    """Airflow in that world, ready for its first run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | environment_of(world.house) | world.environment()
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # it starts `airflow`
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "120",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "EDI834_LOOK_SECONDS": "5",
    }
    log = world.folder / "standalone.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [Path(sys.executable).parent / "airflow", "standalone"],
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started = Airflow(port, process, log)
    try:
        started.until("the API", started.sign_in)
        started.until("the DAGs", lambda: started.dags() == set(ALL))
        yield started
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def checked_partners(world):
    """The ids of the partners of whose files at least one has its verdict."""
    found = world.rows("SELECT DISTINCT partner_id FROM ledger.file WHERE verdict IS NOT NULL")
    return {partner_id for (partner_id,) in found}


def effects(world):
    """What has been received, said and sent, each with how often."""
    return world.rows(
        "SELECT partner_id, direction, kind, name, count(*) FROM ledger.file GROUP BY 1, 2, 3, 4"
        " ORDER BY 1, 2, 3, 4"
    )


def test_what_is_dropped_late_is_awaited_and_begins_a_night(airflow, world):
    """The triggerer waits; the assets' events begin the cycle for the partners that they name."""
    airflow.switch_on("exchange_intake")
    run_id = airflow.trigger("exchange_intake", clock(1) - timedelta(hours=1))
    airflow.until(
        "waiting without a worker",
        lambda: "deferred" in airflow.tasks("exchange_intake", run_id).values(),
    )
    airflow.switch_on("nightly_cycle")
    world.send(1)

    assert airflow.ended("exchange_intake", run_id) == ["success"]
    begun = airflow.until("a night that files have begun", airflow.begun_by_files)
    assert set(airflow.ended("nightly_cycle", *begun)) == {"success"}
    airflow.until(
        "the verdicts of both partners' files, whichever night got them",
        lambda: checked_partners(world) == {CEDAR, HARBOR},
    )


@pytest.mark.fault("F14", "F16")
def test_two_runs_of_one_interval_and_a_cleared_task_do_everything_once(airflow, world):
    """The second run finds it done or leaves it; a task that is cleared finds it done."""
    world.send(2)
    ids = [airflow.trigger("nightly_cycle", clock(2)) for _ in range(2)]
    states = airflow.ended("nightly_cycle", *ids)
    once = effects(world)
    airflow.post(
        "/dags/nightly_cycle/clearTaskInstances",
        dry_run=False,
        only_failed=False,
        dag_run_id=ids[0],
        task_ids=[f"{HARBOR}.apply", f"{CEDAR}.deliver"],
    )
    again = airflow.until(
        "the cleared tasks",
        lambda: (
            airflow.runs("nightly_cycle")[ids[0]]["state"] in ENDED
            and airflow.tasks("nightly_cycle", ids[0])
        ),
    )

    assert states == ["success", "success"]
    assert set(again.values()) <= {"success", "skipped"}
    assert effects(world) == once
    assert {count for *_, count in once} == {1}
    assert world.rows("SELECT state FROM ledger.run WHERE state NOT LIKE 'balanced%'") == []
    assert world.rows("SELECT * FROM ledger.step_failure") == []
