"""A DAG run by Airflow once, in a child process with its own Airflow home.

Airflow's metadata lie in SQLite under the home: sound for one night at a time (decision 0004).
"""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from pipeline import terminal
from pipeline.night import NightResult, find_night
from pipeline.settings import environment_for
from pipeline.wiring import House
from schemas.errors import Terminal

DAGS_FOLDER = Path(__file__).resolve().parent.parent / "dags"
DAG_ID = "nightly_cycle"


def run_night_by_airflow(house: House, as_of: datetime) -> NightResult:
    """Runs the DAG for that moment and returns what the ledger says of the night.

    Raises Terminal, naming the log, when Airflow itself fails.
    """
    log = prepare(house, as_of)
    with terminal.doing(f"The Airflow DAG {DAG_ID} runs (log: {log})"):
        code = run_by_airflow(house, as_of, log)
    result = find_night(house, as_of)
    if result is None or (code and not result.failures):
        raise Terminal(f"Airflow ended with exit code {code} before the night did. Read {log}.")
    return result


def prepare(house: House, as_of: datetime) -> Path:
    """The log of Airflow for that moment, once its metadata are prepared. Raises Terminal."""
    home = _home(house)
    home.mkdir(parents=True, exist_ok=True)
    log = home / f"{as_of:%Y-%m-%dT%H%M}.log"
    with terminal.doing("Airflow prepares its metadata"):
        code = _airflow(house, log, "db", "migrate")
    if code:
        raise Terminal(f"`airflow db migrate` ended with exit code {code}. Read {log}.")
    return log


def run_by_airflow(house: House, as_of: datetime, log: Path, dag_id: str = DAG_ID) -> int:
    """The exit code of one run of a DAG for that moment, in a process of its own."""
    conf = json.dumps({"as_of": as_of.isoformat()})
    return _airflow(house, log, "dags", "test", dag_id, as_of.isoformat(), "--conf", conf)


def _home(house: House) -> Path:
    return (house.settings.home / "airflow").absolute()


def environment_of(house: House) -> dict[str, str]:
    """The environment of Airflow's processes that work on this home."""
    home = _home(house)
    return environment_for(
        house.settings.home,
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__DAGS_FOLDER=str(DAGS_FOLDER),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home}/airflow.db",
        PYTHONWARNINGS="ignore",
    )


def _airflow(house: House, log: Path, *arguments: str) -> int:
    with (
        log.open("ab") as file,
        subprocess.Popen(  # noqa: S603 - our own interpreter and fixed arguments
            [sys.executable, "-m", "pipeline.airflow_child", *arguments],
            env=environment_of(house),
            stdin=subprocess.PIPE,  # nothing is written to it: it tells the child that we live
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as child,
    ):
        return child.wait()
