"""Files for Prometheus and Grafana: made of the rows, and about figures that there are."""

import json
import re
import shutil
import subprocess
from importlib.util import module_from_spec, spec_from_file_location

import pytest
import yaml

from schemas.watch import Watch, load_watch

METRIC = re.compile(r"\bedi834_\w+")
BELOW = re.compile(r"\{\{(\w+)\}\}")


def made(house):
    """The module that makes them."""
    spec = spec_from_file_location("watch_files", house.root / "scripts" / "watch_files.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_files_are_up_to_date(house):
    """Otherwise run `python scripts/watch_files.py`."""
    module = made(house)
    assert (house.root / module.RULES).read_text("utf-8") == module.rules()
    assert (house.root / module.DASHBOARD).read_text("utf-8") == module.dashboard()


def test_every_rule_asks_for_a_figure_that_there_is_and_says_what_to_do(house):
    """One that names no figure would never hold, and nobody would notice."""
    module = made(house)
    known = {one.name for one in load_watch().metrics}
    ((group,),) = yaml.safe_load((house.root / module.RULES).read_text("utf-8")).values()
    asked = {rule["alert"]: set(METRIC.findall(rule["expr"])) for rule in group["rules"]}
    assert asked.keys() == {one.id for one in load_watch().alerts}
    assert [name for name, metrics in asked.items() if not metrics <= known] == []
    assert [name for name, metrics in asked.items() if not metrics] == ["console-down"]
    assert all(rule["annotations"]["description"] for rule in group["rules"])


def test_every_panel_shows_a_figure_that_there_is(house):
    """By labels that it has, and none of them is left out."""
    module = made(house)
    known = {one.name: set(one.labels) for one in load_watch().metrics}
    board = json.loads((house.root / module.DASHBOARD).read_text("utf-8"))
    shown = set()
    for panel in board["panels"]:
        for target in panel["targets"]:
            (metric,) = METRIC.findall(target["expr"])
            assert set(BELOW.findall(target["legendFormat"])) <= known[metric], panel["title"]
            shown.add(metric)
    assert shown == known.keys()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_takes_the_rules(house):
    """Its own tool says so."""
    path = house.root / made(house).RULES
    subprocess.run(["promtool", "check", "rules", path], check=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": "edi834_files_missing"},
        {"metric": "edi834_files_missing", "above": 1, "below": 2},
        {"metric": "edi834_no_such", "above": 1},
        {},
    ],
)
def test_a_condition_asks_one_thing_of_a_figure(wrong):
    """Anything else is refused when the rows are read."""
    row = {"id": "x", "question": "?", "severity": "warning", "do": "."} | wrong
    metrics = [one.model_dump() for one in load_watch().metrics]
    with pytest.raises(ValueError, match=r"needs a metric with one bound|no metric"):
        Watch.model_validate({"metrics": metrics, "alerts": [row]})
