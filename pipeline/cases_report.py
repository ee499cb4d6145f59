"""What cases look like: tables for people, objects for programs. No value of a file is in them."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from rich.table import Table

from ledger.case_queries import Case
from pipeline import terminal
from pipeline.breaks_report import as_object, events_table
from pipeline.corrections import Tried
from schemas.cases import load_case_rules
from schemas.catalog import Rule, load_rules

_RIGHT = ("since", "due (UTC)", "seen", "dollars a month")


def case_object(one: Case) -> dict[str, Any]:
    """One case with what is wrong, its place, what to do and its events."""
    rule = rule_of(one.row)
    issue = one.issue or {}
    names = ("loop", "segment_id", "segment_ordinal", "element", "byte_start", "byte_end")
    return {
        **as_object(one.row),
        "age_days": one.age_days,
        "sentence": sentence(one),
        "fix": rule.fix if rule else None,
        "source": rule.source if rule else None,
        "file": one.file["name"],
        "place": {name: issue.get(name) for name in names},
        "blocked_by": one.blocked_by,
        "proof": one.proof,
        "events": [as_object(event) for event in one.events],
    }


def rule_of(row: Mapping[str, Any]) -> Rule | None:
    """The rule of a case; None for one that no program of today has."""
    return load_rules().get(row["rule"])


def sentence(one: Case) -> str:
    """What is wrong, in one sentence that holds no value of the file."""
    if one.issue and one.issue["message"]:
        return str(one.issue["message"])
    rule = rule_of(one.row)
    return rule.wording if rule else str(one.file["note"] or "The file is set apart.")


def cause_of(row: Mapping[str, Any]) -> str:
    """The rule, with the element that it is about."""
    element = f"{row['element']:02d}" if row["element"] else ""
    place = f"{row['segment_id'] or ''}{element}"
    return f"{row['rule']} ({place})" if place else str(row["rule"])


def places_of(edits: Iterable[Mapping[str, Any]]) -> str:
    """The elements that a correction sets: `INS02 (segment 7), DMG05-3/2 (segment 12)`."""
    named = []
    for edit in edits:
        part = f"-{edit['component']}" if "component" in edit else ""
        part += f"/{edit['repetition']}" if "repetition" in edit else ""
        named.append(f"{edit['segment']}{edit['element']:02d}{part} (segment {edit['ordinal']})")
    return ", ".join(named)


def show_corrections(
    rows: Iterable[Mapping[str, Any]], changed: Mapping[int, list[tuple[str, str]]]
) -> None:
    """What persons have drafted of a case; of those that are `changed`, by number, with values."""
    for row in rows:
        number = row["correction_id"]
        _say(
            f"Correction {number} ({row['state']}) by {row['drafted_by']} sets "
            f"{places_of(row['edits'])}: {row['verdict'].replace('_', ' ')}."
        )
        for was, becomes in changed.get(number, ()):
            _say(f"  came as  {was}")
            _say(f"  becomes  {becomes}")


def corrections_objects(
    rows: Iterable[Mapping[str, Any]], changed: Mapping[int, list[tuple[str, str]]]
) -> list[dict[str, Any]]:
    """The same for programs."""
    names = ("correction_id", "state", "drafted_by", "released_by", "edits", "verdict")
    return [
        {name: row[name] for name in (*names, "needs_second")}
        | (
            {"changed": [list(pair) for pair in changed[row["correction_id"]]]}
            if row["correction_id"] in changed
            else {}
        )
        for row in rows
    ]


def cases_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """One row a case. What all have in common is told once, in the title."""
    told = [
        {
            "case": str(row["case_id"]),
            "partner": row["partner_id"],
            "kind": row["kind"],
            "about": terminal.visible(row["subject"]),
            "what": cause_of(row),
            "state": ("! " if row["is_escalated"] else "") + row["state"].replace("_", " "),
            "owner": terminal.visible(row["owner"] or ""),
            "since": f"{row['first_seen']:%Y-%m-%d}",
            "due (UTC)": f"{row['due_at']:%Y-%m-%d %H:%M}",
            "seen": str(row["times_seen"]),
            "dollars a month": _dollars(row),
        }
        for row in rows
    ]
    return terminal.table_of("Cases", told, in_title=("partner", "kind"), right=_RIGHT)


def case_causes_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """One row a cause, the most frequent first."""
    table = Table(title="Open cases by cause", title_justify="left")
    for name in ("partner", "kind", "what", "severity"):
        table.add_column(name, overflow="fold")
    for name in ("cases", "policies", "since", "first due (UTC)", "dollars a month"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row["partner_id"],
            row["kind"],
            cause_of(row),
            row["severity"],
            f"{row['cases']:,}",
            f"{row['policies']:,}",
            f"{row['first_seen']:%Y-%m-%d}",
            f"{row['due_at']:%Y-%m-%d %H:%M}",
            _dollars(row),
        )
    return table


def show_case(one: Case) -> None:
    """The case for people: in a sentence, with where it is, what to do, what was done."""
    row, rule = one.row, rule_of(one.row)
    _say(
        f"Case {row['case_id']} of {row['partner_id']}: {row['subject']}, "
        f"{load_case_rules().kind(row['kind']).says}."
    )
    _say(sentence(one))
    if rule is not None:
        _say(f"Rule {rule.id} ({row['severity']}): {rule.source}")
        _say(f"What to do: {rule.fix}")
    _say(_place(one))
    _say(_standing(one))
    if dollars := _dollars(row):
        _say(f"At stake a month: {dollars}.")
    if one.blocked_by:
        _say(f"Blocked by {', '.join(f'case {number}' for number in one.blocked_by)}.")
    if row["state"] == "resolved":
        by = f"proved by {one.proof}" if one.proof else "closed by a person"
        _say(f"Gone: {by}.")
    else:
        _say(f"It closes itself when: {load_case_rules().kind(row['kind']).proof}")
    terminal.out.print(events_table(one.events))


def show_tried(case_id: int, number: int, tried: Tried) -> None:
    """What our check says of a draft, without a value of it, and who may resubmit it."""
    verdict = tried.verdict
    _say(f"Correction {number} of case {case_id}: {verdict.file_verdict.replace('_', ' ')}.")
    for issue in verdict.issues.to_pylist():
        segment = f"segment {issue['segment_ordinal']}, " if issue["segment_ordinal"] else ""
        _say(f"  {issue['severity']}: {segment}{issue['message']}")
    who = "another person than you" if tried.needs_second else "you or somebody else"
    _say(f"To resubmit: {who}, by `edi834 cases resubmit {case_id} --correction {number}`.")


def _place(one: Case) -> str:
    row, issue = one.row, one.issue
    where = f"File {row['file_id']} ({one.file['name']})"
    if row["set_ordinal"]:
        where += f", transaction set {row['set_ordinal']}"
    if row["member_ordinal"]:
        where += f", member {row['member_ordinal']}"
    if issue and issue["byte_start"] is not None:
        loop = f", loop {issue['loop']}" if issue["loop"] else ""
        where += f"{loop}, bytes {issue['byte_start']:,} to {issue['byte_end']:,}"
    return f"{where}."


def _standing(one: Case) -> str:
    row, days = one.row, one.age_days
    until = row["waived_until"] and f" until {row['waived_until']}"
    snoozed = row["snoozed_until"] and f", snoozed until {row['snoozed_until']}"
    return (
        f"State: {row['state'].replace('_', ' ')}{until or ''}"
        + (f", of {row['owner']}" if row["owner"] else "")
        + (", escalated" if row["is_escalated"] else "")
        + (snoozed or "")
        + f"; found {row['first_seen']:%Y-%m-%d}, {days} day{'s' * (days != 1)} old, seen "
        f"{row['times_seen']} time{'s' * (row['times_seen'] != 1)}, due "
        f"{row['due_at']:%Y-%m-%d %H:%M} UTC."
    )


def _dollars(row: Mapping[str, Any]) -> str:
    told: dict[str, Decimal | None] = {name: row[name] for name in ("premium", "aptc")}
    return ", ".join(f"{name} {value:,.2f}" for name, value in told.items() if value)


def _say(text: str) -> None:
    terminal.out.print(terminal.visible(text), soft_wrap=True, markup=False)
