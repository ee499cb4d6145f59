"""The files of deploy/: their form, and that what they name is there. Nothing of it is started."""

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
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
from airflow.cli.cli_parser import ALL_COMMANDS_DICT, get_parser
from airflow.configuration import conf
known = {
    f"AIRFLOW__{section.upper()}__{key.upper()}"
    for section, told in conf.configuration_description.items() for key in told["options"]
}
for command in json.loads(sys.argv[1]):
    get_parser().parse_args(command)  # ends with a code when there is no such option
print(json.dumps({"commands": sorted(ALL_COMMANDS_DICT), "variables": sorted(known)}))
"""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    """The commands of the installed Airflow, and the variables that it knows."""
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow"))}
    units = "".join(text for name, text in texts().items() if name.startswith("systemd/"))
    commands = [line.split() for line in re.findall(r"ExecStart=\S+/airflow (.+)", units)]
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(commands)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
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
    ways, name = values["config"]["core"]["auth_manager"].rsplit(".", 1)
    assert isinstance(getattr(importlib.import_module(ways), name), type)  # it is in the image


def test_the_console_has_in_a_cluster_what_the_nights_have():
    """The same storage, keys and settings; the claim is made, and each secret is told of."""
    text = (DEPLOY / "helm-values.yaml").read_text("utf-8")
    values = yaml.safe_load(text)
    made = [*yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8"))]
    claim, logs, console, service = made
    pod = console["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    volumes = {one["name"]: one for one in pod["volumes"]}
    assert volumes == {one["name"]: one for one in values["volumes"]}
    assert container["volumeMounts"] == values["volumeMounts"]
    assert volumes["home"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    kept = values["logs"]["persistence"]
    assert (kept["enabled"], kept["existingClaim"]) == (True, logs["metadata"]["name"])
    for one in (claim, logs):
        assert one["spec"]["accessModes"] == ["ReadWriteMany"]
    image = values["images"]["airflow"]
    assert container["image"] == f"{image['repository']}:{image['tag']}"
    assert container["command"][:2] == ["edi834", "console"]
    assert service["spec"]["selector"] == console["spec"]["template"]["metadata"]["labels"]
    secrets = {one["secret"]["secretName"] for one in volumes.values() if "secret" in one}
    secrets |= {one["secretName"] for one in values["secret"]} | {
        one["valueFrom"]["secretKeyRef"]["name"] for one in container["env"] if "valueFrom" in one
    }
    secrets.add(values["data"]["metadataSecretName"])
    assert secrets == set(re.findall(r"kubectl create secret generic (\S+)", text))


def test_tasks_reach_the_server_that_they_report_to():
    """A policy that names nobody shuts all out; the release is that of the install command."""
    text = (DEPLOY / "helm-values.yaml").read_text("utf-8")
    values = yaml.safe_load(text)
    (release,) = re.findall(r"helm install (\S+) ", text)

    assert values["networkPolicies"]["enabled"]
    (of_release, *_) = values["apiServer"]["networkPolicy"]["ingress"]["from"]
    assert of_release["podSelector"]["matchLabels"] == {"release": release}


def test_drafts_of_encrypted_files_have_room_in_containers():
    """They lie in /dev/shm only, where a container has 64 MB by itself."""
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    ours = [one for one in compose["services"].values() if one["image"].startswith("edi834")]
    assert {one["shm_size"] for one in ours} == {"2gb"}
    values = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text("utf-8"))
    (name,) = [one["name"] for one in values["volumeMounts"] if one["mountPath"] == "/dev/shm"]
    (volume,) = [one for one in values["volumes"] if one["name"] == name]
    assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": "2Gi"}


def test_urls_name_roles_that_are_made_and_drivers_that_are_installed():
    """Airflow and Celery take the driver that a URL names, or one that is not installed."""
    roles = set(re.findall(r"CREATE ROLE (\w+) LOGIN", texts()["create-databases.sql"]))
    urls = [
        (line, *found)
        for text in texts().values()
        for line in text.splitlines()
        for found in re.findall(r"((?:db\+)?postgresql(?:\+\w+)?)://(\w+):", line)
    ]
    assert {role for _, _, role in urls} == roles - {"edi834"}  # the owner's is written nowhere
    for line, scheme, role in urls:
        assert scheme.endswith("postgresql+psycopg2") == (role == "airflow"), line


def test_the_image_fits_the_providers_to_versions_without_hashes(tmp_path):
    """Beside a file that has hashes pip takes nothing that has none."""
    text = texts()["Dockerfile"]
    (made,) = re.findall(r"(sed -En .*) /build/constraints.txt > /build/versions.txt", text)
    done = subprocess.run(
        [*shlex.split(made), DEPLOY.parent / "constraints.txt"],
        capture_output=True,
        text=True,
        check=True,
    )
    versions = [Requirement(line) for line in done.stdout.splitlines()]
    pinned = (DEPLOY.parent / "constraints.txt").read_text("utf-8").count("==")
    assert sum(len([*one.specifier]) for one in versions) > 200
    assert done.stdout.count("==") == pinned
    assert "--hash" not in done.stdout
    assert "pip install --no-cache-dir -c /build/versions.txt" in text


def test_the_manual_installs_what_units_and_settings_name():
    """Every file under the name by which it is read, and the folder of the keys."""
    page = (DEPLOY.parent / "docs" / "how-to" / "deploy.md").read_text("utf-8")
    units = "".join(text for name, text in texts().items() if name.startswith("systemd/"))
    installed = set(re.findall(r"^install .* (/etc/\S+)$", page, re.MULTILINE))
    assert set(re.findall(r"EnvironmentFile=(\S+)", units)) <= installed
    assert set(re.findall(r"EDI834_CONFIG=(\S+)", units)) <= installed
    for key in re.findall(r'private_key = "(\S+)/[^/"]+"', texts()["edi834.toml.example"]):
        assert re.search(rf"^install -d -o edi834 .* {key}$", page, re.MULTILINE)


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


def test_no_unit_serves_logs_to_the_network():
    """Airflow's servers of logs listen everywhere; on one machine its pages read the files."""
    told = {name: text for name, text in texts().items() if name.startswith("systemd/")}
    for name in ("scheduler", "triggerer"):
        assert "--skip-serve-logs\n" in told[f"systemd/edi834-airflow-{name}.service"]


def test_what_was_not_run_says_so():
    """Whoever takes a file as it is knows what he takes."""
    for name, mark in (("Dockerfile", "NOT BUILT"), ("compose.yaml", "NOT RUN"),
                       ("helm-values.yaml", "NOT INSTALLED"),
                       ("kubernetes.yaml", "NOT APPLIED")):  # fmt: skip
        assert mark in (DEPLOY / name).read_text("utf-8")
