"""The DAGs as Airflow loads them: without the network or a database."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dags.dag_ids import ALL

DAGS = Path(__file__).resolve().parents[2] / "dags"
MAILBOX = """
[mailboxes.{partner_id}]
host = "127.0.0.1"
username = "carrier"
private_key = "key"
host_key = "ssh-ed25519 AAAA"
"""

# Runs in an interpreter of its own: Airflow reads its environment when it is imported.
LOAD = """
import json, socket, sys

def refuse(*_):
    raise AssertionError("loading a DAG opened a connection")

from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
before = set(sys.modules)
socket.socket.connect = refuse
bag = DagBag(dag_folder=sys.argv[1], collect_dags=True)
rooms = "enrollment ledger pipeline reconciliation replies sftp_inbox simulator validators".split()
loaded = {name for name in set(sys.modules) - before if name.split(".")[0] in rooms}

from airflow.sdk.exceptions import AirflowTaskTimeout
from schemas.errors import AtWork, Retryable, Superseded, Terminal
known = (AirflowTaskTimeout, AtWork, Retryable, Superseded, Terminal, ValueError)

def decisions(task):
    policy = task.retry_policy
    return {error.__name__: policy.evaluate(error("…"), 1, 4).action.value for error in known}

print(json.dumps({
    "errors": bag.import_errors,
    "dags": {
        dag.dag_id: {
            "schedule": dag.timetable.summary if hasattr(dag.timetable, "summary") else None,
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "hours": dag.dagrun_timeout and dag.dagrun_timeout.total_seconds() / 3600,
            "params": {name: value for name, value in dag.params.dump().items()},
            "serialized": json.dumps(DagSerialization.serialize_dag(dag), default=str),
            "tasks": {
                task.task_id: {
                    "rule": getattr(task.trigger_rule, "value", task.trigger_rule),
                    "upstream": sorted(task.upstream_task_ids),
                    "mapped": task.is_mapped,
                    "at_once": task.max_active_tis_per_dagrun,
                    "hours": task.execution_timeout.total_seconds() / 3600,
                    "retries": task.retries,
                    "backoff": task.retry_exponential_backoff,
                    "decisions": decisions(task),
                }
                for task in dag.tasks
            },
        }
        for dag in bag.dags.values()
    },
    "rooms": sorted(loaded),
}))
"""


def load(folder, configuration):
    """What Airflow finds in the DAGs folder by that configuration file of ours."""
    environment = os.environ | {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "EDI834_CONFIG": str(configuration),
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


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    """The DAGs of a house with two partners."""
    folder = tmp_path_factory.mktemp("airflow")
    partners = ("cedar-valley-tx", "harbor-light-nc")
    configuration = folder / "edi834.toml"
    configuration.write_text("".join(MAILBOX.format(partner_id=one) for one in partners))
    return load(folder, configuration)


def test_all_dags_load_without_network_and_with_settings_only(bag):
    """The scheduler parses them again and again, so what does the work is not imported."""
    assert bag["errors"] == {}
    assert sorted(bag["dags"]) == ALL
    assert bag["rooms"] == ["pipeline", "pipeline.settings", "pipeline.timetable"]


def test_settings_that_cannot_be_read_leave_every_dag_in_place(tmp_path):
    """Without partners: the first task of a run says what is wrong."""
    bag = load(tmp_path, "/nowhere/edi834.toml")

    assert bag["errors"] == {}
    assert sorted(bag["dags"]) == ALL
    assert sorted(bag["dags"]["nightly_cycle"]["tasks"]) == ["close", "open_run"]


def test_runs_do_not_catch_up_and_have_one_parameter(bag):
    """A moment, which is none: nothing about a person can be given to a run."""
    for dag_id, dag in bag["dags"].items():
        assert dag["catchup"] is False, dag_id
        assert dag["params"] == {"as_of": None}, dag_id
        assert dag["max_active_runs"] == (4 if dag_id == "exchange_intake" else 1), dag_id


def test_dags_run_when_the_exchange_drops_and_after_it(bag):
    """Drop times are the companion file's; the cycle runs on files and on time."""
    assert '"0 6 * * *", "0 18 * * *"' in bag["dags"]["exchange_intake"]["serialized"]
    cycle = bag["dags"]["nightly_cycle"]["serialized"]
    assert "30 6,18 * * *" in cycle
    assert "edi834://exchange/files" in cycle
    assert "America/New_York" in cycle


def test_what_may_pass_is_tried_again_and_what_needs_a_person_is_not(bag):
    """By class of error, later each time; a defect that is neither is tried like the first."""
    for dag_id, dag in bag["dags"].items():
        for name, task in dag["tasks"].items():
            assert task["decisions"] == {
                "AirflowTaskTimeout": "fail",
                "AtWork": "retry",
                "Retryable": "retry",
                "Superseded": "fail",
                "Terminal": "fail",
                "ValueError": "default",
            }, (dag_id, name)
            assert task["retries"] == (0 if name == "close" else 4), (dag_id, name)
            assert task["backoff"] == 2.0, (dag_id, name)


@pytest.mark.fault("F20")
@pytest.mark.control("denial-of-service")
def test_a_partners_steps_follow_one_another_and_wait_for_no_other_partner(bag):
    """From receive by gate and apply to deliver; a huge partner holds up itself alone."""
    tasks = bag["dags"]["nightly_cycle"]["tasks"]
    steps = ("gate", "apply", "settle", "report", "deliver")
    chain = ("receive", "waiting_files", "check", *steps)
    for partner_id in ("cedar-valley-tx", "harbor-light-nc"):
        mine = [f"{partner_id}.{step}" for step in chain]
        for before, after in itertools.pairwise(mine):
            assert before in tasks[after]["upstream"], after
        for name in mine:
            assert set(tasks[name]["upstream"]) <= {*mine, "open_run"}, name
        assert tasks[f"{partner_id}.check"]["mapped"]
        assert tasks[f"{partner_id}.check"]["at_once"] == 4
    assert tasks["close"]["upstream"] == [
        "cedar-valley-tx.deliver", "harbor-light-nc.deliver", "open_run"
    ]  # fmt: skip
    after_all = {name.rpartition(".")[2] for name, t in tasks.items() if t["rule"] == "all_done"}
    assert after_all == {"waiting_files", *steps, "close"}


def test_a_partner_that_is_looked_at_is_a_task_of_its_own(bag):
    """Waiting for one exchange's file keeps nobody else waiting."""
    assert bag["dags"]["exchange_intake"]["tasks"]["expected_files"]["mapped"]
    assert bag["dags"]["acknowledgement_watch"]["tasks"]["answers"]["mapped"]
    assert bag["dags"]["monthly_reconciliation"]["tasks"]["rcni"]["mapped"]


def test_every_chore_is_a_task(bag):
    """What `edi834 housekeeping` does, the DAGs do; a long drill keeps no other chore waiting."""
    from pipeline.housekeeping import CHORES

    drill, others = bag["dags"]["restore_drill"]["tasks"], bag["dags"]["housekeeping"]["tasks"]
    assert [*drill] == ["restore-drill"]
    assert sorted([*drill, *others]) == sorted(CHORES)


@pytest.mark.control("denial-of-service")
def test_what_hangs_is_ended(bag):
    """A task by its own time, and a run by the scheduler before two of its DAG's are missed."""
    for dag_id, dag in bag["dags"].items():
        longest = 22 if dag_id == "restore_drill" else 36 if dag_id == "exchange_intake" else 12
        assert 0 < dag["hours"] <= longest, dag_id
        for name, task in dag["tasks"].items():
            assert 0 < task["hours"] < dag["hours"], (dag_id, name)
