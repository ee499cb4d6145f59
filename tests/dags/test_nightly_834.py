"""The DAG as Airflow loads it: without the network, a database, or settings of ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DAGS = Path(__file__).resolve().parents[2] / "dags"

# Runs in an interpreter of its own: Airflow reads its environment when it is imported.
LOAD = """
import json, socket, sys

def refuse(*_):
    raise AssertionError("loading a DAG opened a connection")

from airflow.dag_processing.dagbag import DagBag
before = set(sys.modules)
socket.socket.connect = refuse
bag = DagBag(dag_folder=sys.argv[1], collect_dags=True)
rooms = "enrollment ledger pipeline reconciliation replies sftp_inbox simulator validators".split()
print(json.dumps({
    "errors": bag.import_errors,
    "dags": {
        dag.dag_id: {
            "schedule": dag.schedule,
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "tasks": {
                task.task_id: {
                    "rule": getattr(task.trigger_rule, "value", task.trigger_rule),
                    "upstream": sorted(task.upstream_task_ids),
                    "mapped": task.is_mapped,
                }
                for task in dag.tasks
            },
        }
        for dag in bag.dags.values()
    },
    "rooms": sorted({name for name in set(sys.modules) - before if name.split(".")[0] in rooms}),
}))
"""


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    """What Airflow finds in the DAGs folder when none of our settings can be read."""
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "EDI834_CONFIG": "/nowhere/edi834.toml",
        "EDI834_DATABASE_URL": "postgresql://127.0.0.1:1/nowhere",
    }
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(DAGS)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_folder_loads_without_errors_network_or_rooms_of_ours(bag):
    """One DAG; the scheduler parses it again and again, so it imports nothing of ours."""
    assert bag["errors"] == {}
    assert list(bag["dags"]) == ["nightly_834"]
    assert bag["rooms"] == []


def test_a_night_does_not_catch_up_or_overlap(bag):
    """One run at a time, half an hour after each drop, and none for days gone by."""
    dag = bag["dags"]["nightly_834"]

    assert dag["schedule"] == "30 6,18 * * *"
    assert dag["catchup"] is False
    assert dag["max_active_runs"] == 1


def test_the_steps_follow_one_another_and_no_partner_stops_another(bag):
    """From receive by gate and apply to close: each waits, none needs a success."""
    tasks = bag["dags"]["nightly_834"]["tasks"]
    steps = ("gate", "apply", "settle", "report", "deliver")
    chain = ("waiting_files", "check", *steps, "close")
    for before, after in zip(("receive", *chain), chain, strict=False):
        assert before in tasks[after]["upstream"], after

    assert set(tasks) == {"open_run", "partners", "receive", *chain}
    after_all = {name for name, task in tasks.items() if task["rule"] == "all_done"}
    assert after_all == {"waiting_files", *steps, "close"}
    mapped = {name for name, task in tasks.items() if task["mapped"]}
    assert mapped == {"receive", "check", *steps}
