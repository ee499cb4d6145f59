"""The files of deploy/: their form, and that what they name is there. Nothing of it is started."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from pipeline.settings import Settings, load_settings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BIN = Path(sys.executable).parent
VARIABLE = re.compile(r"\b((?:EDI834|AIRFLOW)_[A-Z0-9_]+)\b")
OURS = {"EDI834_CONFIG"}  # says where the file is
AIRFLOWS = {"AIRFLOW_HOME"}
OF_PROVIDERS = {"AIRFLOW__CELERY__BROKER_URL", "AIRFLOW__CELERY__RESULT_BACKEND",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY"}  # fmt: skip

# Runs in an interpreter of its own: Airflow reads its environment when it is imported.
ASK = """
import json, sys
from airflow.cli.cli_parser import ALL_COMMANDS_DICT
from airflow.configuration import conf
known = {
    f"AIRFLOW__{section.upper()}__{key.upper()}"
    for section, told in conf.configuration_description.items() for key in told["options"]
}
print(json.dumps({"commands": sorted(ALL_COMMANDS_DICT), "variables": sorted(known)}))
"""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    """The commands of the installed Airflow, and the variables that it knows."""
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow"))}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def texts():
    """All files of deploy/ by their place in it."""
    return {
        path.relative_to(DEPLOY).as_posix(): path.read_text("utf-8")
        for path in sorted(DEPLOY.rglob("*"))
        if path.is_file()
    }


def variables(prefix):
    """The variables that the files name, each with a file that does."""
    return {
        name: place
        for place, text in texts().items()
        for name in VARIABLE.findall(text)
        if name.startswith(prefix)
    }


def settings_of(kind=Settings, prefix="EDI834_"):
    """The variables of our settings, those within others by their beginning."""
    for name, told in kind.model_fields.items():
        yield f"{prefix}{name.upper()}"
        inner = told.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from settings_of(inner, f"{prefix}{name.upper()}__")


def test_settings_that_they_name_are_ours_or_airflows(airflow):
    """A variable that nobody reads would be set in vain."""
    named = variables("EDI834_")
    assert {"EDI834_HOME", "EDI834_CONFIG", "EDI834_DATABASE_URL"} <= named.keys()
    assert named.keys() - set(settings_of()) - OURS == set()
    of_airflow = variables("AIRFLOW_")
    assert of_airflow.keys() - set(airflow["variables"]) - AIRFLOWS - OF_PROVIDERS == set()


def test_the_example_of_settings_is_read(monkeypatch):
    """By the very code that reads them; every one of its settings is known."""
    example = DEPLOY / "edi834.toml.example"
    monkeypatch.setenv("EDI834_CONFIG", str(example))
    monkeypatch.delenv("EDI834_HOME", raising=False)
    settings = load_settings()
    told = tomllib.loads(example.read_text("utf-8"))

    assert settings.mailboxes.keys() == told["mailboxes"].keys()
    assert settings.retention.years == told["retention"]["years"]


def test_compose_starts_what_airflow_and_edi834_have(airflow):
    """Every command, and everything that a service waits for."""
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    commands = [one["command"] for one in compose["services"].values() if "command" in one]
    assert all(command[0] in ("airflow", "edi834") for command in commands)
    started = {command[1] for command in commands if command[0] == "airflow"}
    assert started == {"db", "api-server", "scheduler", "dag-processor", "triggerer", "celery"}
    assert started - {"celery"} <= set(airflow["commands"])  # that one is its provider's
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= compose["services"].keys()
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith("./") or source in compose["volumes"], source
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), port


def test_pods_mount_what_is_declared():
    """Of the values for the chart: every mount has its volume, and secrets come from secrets."""
    values = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text("utf-8"))
    assert values["executor"] == "KubernetesExecutor"
    mounted = {one["name"] for one in values["volumeMounts"]}
    assert mounted == {one["name"] for one in values["volumes"]}
    assert not any("URL" in one["name"] or "KEY" in one["name"] for one in values["env"])


def test_units_are_what_systemd_takes(tmp_path, airflow):
    """With the paths of this checkout in the place of those of an installation."""
    verify = shutil.which("systemd-analyze")
    units = sorted((DEPLOY / "systemd").glob("edi834*"))
    for unit in units:
        text = unit.read_text("utf-8").replace("/opt/edi834/.venv/bin", str(BIN))
        (tmp_path / unit.name).write_text(text)
        for command in re.findall(r"ExecStart=\S+/airflow (\S+)", text):
            assert command in airflow["commands"]
    assert len(units) == 7
    if verify is None:
        pytest.skip("no systemd on this machine")
    done = subprocess.run(
        [verify, "verify", *(tmp_path / unit.name for unit in units)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )
    said = [line for line in done.stderr.splitlines() if "edi834" in line]
    assert (done.returncode, said) == (0, []), done.stderr


def test_what_was_not_run_says_so():
    """Whoever takes a file as it is knows what he takes."""
    for name, mark in (("Dockerfile", "NOT BUILT"), ("compose.yaml", "NOT RUN"),
                       ("helm-values.yaml", "NOT INSTALLED")):  # fmt: skip
        assert mark in (DEPLOY / name).read_text("utf-8")
