"""Alert rules for Prometheus and a dashboard for Grafana, made of the rows of `schemas/watch.toml`.

`python scripts/watch_files.py` writes them into `deploy/`; a test says when they are not up to
date.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from schemas.watch import load_watch  # noqa: E402 - the path comes first

RULES, DASHBOARD = Path("deploy/prometheus/alerts.yml"), Path("deploy/grafana/edi834.json")
_HEADER = "# Made of schemas/watch.toml by scripts/watch_files.py; change it there.\n"
_FOR = "5m"  # longer than a scrape or a restart

# Panels: title, metric or expression, kind, and what a line is called.
_PANELS = (
    ("State of the last run", "edi834_run_clock_seconds", "table", "{{partner}} {{state}}"),
    ("Open alerts", "edi834_alerts_open", "stat", "{{alert}}"),
    ("Files missing after their deadline", "edi834_files_missing", "stat", "{{partner}} {{kind}}"),
    ("Out of balance", "edi834_out_of_balance", "stat", "{{partner}} {{level}}"),
    ("Steps that failed", "edi834_steps_failed", "stat", "{{partner}}"),
    ("Kept back by the gate", "edi834_gate_held", "stat", "{{partner}}"),
    ("Kept back before the exchange", "edi834_outgoing_held", "stat", "{{partner}}"),
    ("Emergency access to the console", "edi834_emergencies", "stat", "sessions"),
    ("Partners held", "edi834_partner_held", "stat", "{{partner}}"),
    ("Files of the last run", "edi834_night_files", "bars", "{{partner}} {{state}} {{verdict}}"),
    ("Transaction sets of the last run", "edi834_night_sets", "bars", "{{partner}} {{answer}}"),
    ("Files left in the outbox", "edi834_files_left", "stat", "{{partner}}"),
    ("Files expected", "edi834_files_expected", "stat", "{{partner}} {{kind}}"),
    ("Files set apart", "sum by (partner) (edi834_quarantined_files)", "stat", "{{partner}}"),
    ("Seconds of the last run by stage", "edi834_stage_seconds", "bars", "{{partner}} {{stage}}"),
    ("Age of the last run (hours)", "edi834_run_age_seconds / 3600", "lines", "{{partner}}"),
    ("Open cases", "sum by (partner, kind) (edi834_open_cases)", "lines", "{{partner}} {{kind}}"),
    ("Open cases by age (days)", "sum by (age) (edi834_open_cases)", "lines", "{{age}}"),
    (
        "Open breaks",
        "sum by (partner, source) (edi834_open_breaks)",
        "lines",
        "{{partner}} {{source}}",
    ),
    (
        "Dollars a month in open breaks",
        "edi834_open_breaks_dollars",
        "lines",
        "{{partner}} {{source}}",
    ),
    ("Answers of the exchange that are late", "edi834_answers_late", "stat", "{{partner}}"),
    (
        "Oldest answer that we owe (hours)",
        "edi834_answers_owed_seconds / 3600",
        "stat",
        "{{partner}}",
    ),
    ("Audit trail whole", "edi834_audit_whole", "stat", "1 is whole"),
    (
        "Audit trail verified (days ago)",
        "edi834_audit_verified_age_seconds / 86400",
        "stat",
        "days",
    ),
    ("Entries of the audit trail", "edi834_audit_entries", "lines", "entries"),
    ("Days until a last day", "edi834_expires_days", "table", "{{what}} {{name}}"),
)
_KINDS = {"stat": "stat", "lines": "timeseries", "bars": "bargauge", "table": "table"}
_WIDTH, _HEIGHT, _COLUMNS = 6, 6, 4


def rules() -> str:
    """The alert rules, one for each condition."""
    listed = [
        {
            "alert": one.id,
            "expr": one.in_prometheus,
            "for": _FOR,
            "labels": {"severity": one.severity},
            "annotations": {"summary": one.question, "description": one.do},
        }
        for one in load_watch().alerts
    ]
    groups = {"groups": [{"name": "edi834", "rules": listed}]}
    return _HEADER + yaml.safe_dump(groups, sort_keys=False, width=1000)


def dashboard() -> str:
    """The dashboard: a panel a row of `_PANELS`, four beside one another."""
    known = {"title": "edi834", "uid": "edi834", "schemaVersion": 39, "refresh": "1m"}
    source = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    board: dict[str, Any] = {
        **known,
        "time": {"from": "now-14d", "to": "now"},
        "templating": {"list": [source]},
        "panels": [_panel(number, *row) for number, row in enumerate(_PANELS)],
    }
    return json.dumps(board, indent=1) + "\n"


def _panel(number: int, title: str, expression: str, kind: str, legend: str) -> dict[str, Any]:
    place = {"x": number % _COLUMNS * _WIDTH, "y": number // _COLUMNS * _HEIGHT}
    target = {"refId": "A", "expr": expression, "legendFormat": legend, "instant": kind != "lines"}
    return {
        "id": number + 1,
        "title": title,
        "type": _KINDS[kind],
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "gridPos": place | {"w": _WIDTH, "h": _HEIGHT},
        "targets": [target | ({"format": "table"} if kind == "table" else {})],
    }


def main() -> None:
    """Writes both files."""
    for path, text in ((RULES, rules()), (DASHBOARD, dashboard())):
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
