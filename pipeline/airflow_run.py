"""One night run by the Airflow DAG, in a child process with its own Airflow home.

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
DAG_ID = "nightly_834"


def run_night_by_airflow(house: House, as_of: datetime) -> NightResult:
    """Runs the DAG for that moment and returns what the ledger says of the night.

    Raises Terminal, naming the log, when Airflow itself fails.
    """
    home = (house.settings.home / "airflow").absolute()
    home.mkdir(parents=True, exist_ok=True)
    log = home / f"{as_of:%Y-%m-%dT%H%M}.log"
    with terminal.doing("Airflow prepares its metadata"):
        code = _airflow(house, home, log, "db", "migrate")
    if code:
        raise Terminal(f"`airflow db migrate` ended with exit code {code}. Read {log}.")
    conf = json.dumps({"as_of": as_of.isoformat()})
    with terminal.doing(f"The Airflow DAG {DAG_ID} runs (log: {log})"):
        code = _airflow(house, home, log, "dags", "test", DAG_ID, as_of.isoformat(), "--conf", conf)
    result = find_night(house, as_of)
    if result is None or (code and not result.failures):
        raise Terminal(f"Airflow ended with exit code {code} before the night did. Read {log}.")
    return result


def _airflow(house: House, home: Path, log: Path, *arguments: str) -> int:
    environment = environment_for(
        house.settings.home,
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__DAGS_FOLDER=str(DAGS_FOLDER),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home}/airflow.db",
        PYTHONWARNINGS="ignore",
    )
    with (
        log.open("ab") as file,
        subprocess.Popen(  # noqa: S603 - our own interpreter and fixed arguments
            [sys.executable, "-m", "pipeline.airflow_child", *arguments],
            env=environment,
            stdin=subprocess.PIPE,  # nothing is written to it: it tells the child that we live
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as child,
    ):
        return child.wait()
