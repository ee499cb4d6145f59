"""The link to the console, as Airflow's own pages get it."""

import json
import os
import subprocess
import sys

import pytest

PUBLIC = "https://console.example.com"
IN_A_FILE = "https://from.a.file.example.com"

# Runs in an interpreter of its own: Airflow reads its environment when it is imported.
LINKS = """
import json, sys
from airflow import plugins_manager
from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse
plugins_manager.get_timetables_plugins()
rooms = "console enrollment ledger pipeline schemas".split()
loaded = sorted(name for name in sys.modules if name.split(".")[0] in rooms)
mine = [one for one in plugins_manager.get_plugin_info() if one["name"] == "edi834_console"]
known = [view for one in mine for view in one["external_views"]]
views = [ExternalViewResponse.model_validate(view) for view in known]
links = [(view.destination, view.href, view.url_route) for view in views]
print(json.dumps({"links": links, "rooms": loaded}))
"""


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"EDI834_CONSOLE__PUBLIC_URL": f"{PUBLIC}/"}, PUBLIC),
        ({"EDI834_CONFIG": "edi834.toml"}, IN_A_FILE),
        ({"EDI834_CONFIG": "empty.toml"}, "http://localhost:8340"),
    ],
    ids=["variable", "file", "neither"],
)
def test_airflow_links_to_where_browsers_reach_the_console(tmp_path, given, url):
    """From its navigation, a DAG, a run and a task; a scheduler loads none of our rooms for it."""
    (tmp_path / "empty.toml").touch()
    (tmp_path / "edi834.toml").write_text(f'[console]\npublic_url = "{IN_A_FILE}"\n')
    told = _told(tmp_path, given)
    assert told["rooms"] == []
    assert told["links"] == [
        ["nav", f"{url}/", None],
        ["dag", f"{url}/", None],
        ["dag_run", f"{url}/", None],
        ["task_instance", f"{url}/files", None],
    ]


def test_settings_that_cannot_be_read_leave_airflow_as_it_is(tmp_path):
    """It starts, without the link."""
    assert _told(tmp_path, {"EDI834_CONFIG": "/nowhere/edi834.toml"})["links"] == []


def _told(folder, given):
    own = {"AIRFLOW_HOME": str(folder), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", LINKS],
        cwd=folder,
        env=os.environ | own | given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
