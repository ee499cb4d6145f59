"""The answer of `edi834 whatif`, for people and for programs: the worst first."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich import box
from rich.table import Table

from pipeline import terminal
from pipeline.judged_twice import ACCEPTED, REJECTED
from pipeline.whatif import Answer, Question
from schemas.rule_sets import OFF, Change
from validators.check import Terms

_MEMBERS_SHOWN = 20
_VALUE_SHOWN = 40  # characters
_CHANGES = (REJECTED, ACCEPTED)
_MONEY = ("premium_total_cents", "aptc_cents")

Row = dict[str, Any]


def as_object(question: Question, answer: Answer, changes: list[Change]) -> Row:
    """The answer as the one JSON object that `whatif --json` prints. Money is dollars a month."""
    found: Row = _in_dollars(
        {
            "since": question.since.isoformat(),
            "until": question.until.isoformat() if question.until else None,
            "partner": question.partner_id,
            "rules_sha256": question.rulebook.digest,
            "changes": [vars(change) for change in changes],
            "totals": {"files": len(answer.files), **_totals(answer.members)},
            "rules": by_rule(question, answer),
            "partners": _by(answer, "partner_id"),
            "files": [
                {**row, "received_on": row["received_on"].isoformat(), **_totals(_of(answer, row))}
                for row in answer.files.to_pylist()
            ],
            "members": answer.members.to_pylist(),
        }
    )
    return found


def by_rule(question: Question, answer: Answer) -> list[Row]:
    """One row a rule whose findings or members would be otherwise, the worst first."""
    found = {row["rule"]: row for row in answer.findings.to_pylist()}
    now, then = Terms().rulebook.rules, question.rulebook.rules
    rows = []
    for rule in sorted({*found, *answer.members["rule"].to_pylist()}):
        about = answer.members.filter(pc.equal(answer.members["rule"], rule))
        counts = found.get(rule, {"before": 0, "after": 0})
        severities = [rules[rule].severity if rule in rules else OFF for rules in (now, then)]
        if len(about) or counts["before"] != counts["after"] or len(set(severities)) > 1:
            rows.append(
                {
                    "rule": rule,
                    "severity_before": severities[0],
                    "severity_after": severities[1],
                    "findings_before": counts["before"],
                    "findings_after": counts["after"],
                    **_totals(about),
                }
            )
    return sorted(rows, key=_badness)


def _by(answer: Answer, name: str) -> list[Row]:
    values = pc.unique(answer.files[name]).to_pylist()
    rows = [
        {name: value, **_totals(answer.members.filter(pc.equal(answer.members[name], value)))}
        for value in values
    ]
    return sorted(rows, key=_badness)


def _of(answer: Answer, file: Row) -> pa.Table:
    return answer.members.filter(pc.equal(answer.members["file_id"], file["file_id"]))


def _badness(row: Row) -> list[int]:
    """Who would be rejected comes first: by money, then by members."""
    return [-row[change][name] for change in _CHANGES for name in (*_MONEY, "members")]


def _totals(members: pa.Table) -> Row:
    """Members, policies and money that each change is about.

    Each policy's money counts once, as it was stated last, however often the policy was sent.
    """
    totals = {}
    for change in _CHANGES:
        part = members.filter(pc.equal(members["change"], change))
        totals[change] = {
            "members": len(part),
            "policies": len(pc.unique(part["exchange_policy_id"].drop_null())),
            **_money_of_policies(part),
        }
    return totals


def _money_of_policies(members: pa.Table) -> dict[str, int]:
    stated = members.filter(pc.not_equal(pc.bit_wise_or(*(members[name] for name in _MONEY)), 0))
    last = stated.group_by(["partner_id", "exchange_policy_id"], use_threads=False).aggregate(
        [(name, "last") for name in _MONEY]
    )
    return {name: pc.sum(last[f"{name}_last"]).as_py() or 0 for name in _MONEY}


def _in_dollars(value: Any) -> Any:
    """A value of JSON with amounts as decimal texts, wherever they stand."""
    if isinstance(value, list):
        return [_in_dollars(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name.removesuffix("_cents"): _dollars(one) if name.endswith("_cents") else _in_dollars(one)
        for name, one in value.items()
    }


def _dollars(cents: int, form: str = "d") -> str:
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:{form}}.{rest:02d}"


def _money(cents: int) -> str:
    return f"${_dollars(cents, ',d')}"


# ---- for people -----------------------------------------------------------------------------


def show_answer(question: Question, answer: Answer, changes: list[Change]) -> None:
    """What is changed, and what would be otherwise: in sum, by rule, partner, file and member."""
    until = f" to {question.until}" if question.until else ""
    count = len(answer.files)
    files = f"{count:,} file{'' if count == 1 else 's'}"
    terminal.out.print(f"What if, for {files} received from {question.since}{until}:")
    for change in changes:
        before, after = (_shown(value) for value in (change.before, change.after))
        terminal.out.print(
            f"  {change.kind} {change.id}: {change.field} {before} → {after}", soft_wrap=True
        )
    if answer.is_the_same:
        terminal.out.print("Nothing would be otherwise.")
        return
    for what, totals in _totals(answer.members).items():
        terminal.out.print(f"{_words(what)}: {_sum(totals)}", soft_wrap=True)
    _show_rules(by_rule(question, answer))
    _show_partners(_by(answer, "partner_id"))
    _show_files(answer)
    _show_members(answer.members)
    _show_drift(answer)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} entries"
    text = "nothing" if value is None else str(value)
    return text if len(text) <= _VALUE_SHOWN else f"{text[:_VALUE_SHOWN]}…"


def _words(change: str) -> str:
    return change.replace("_", " ").capitalize()


def _sum(totals: Row) -> str:
    return (
        f"{totals['members']:,} members of {totals['policies']:,} policies, "
        f"premium {_money(totals['premium_total_cents'])} "
        f"and APTC {_money(totals['aptc_cents'])} a month"
    )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in columns:
        is_text = column.islower()
        table.add_column(
            column.capitalize() if is_text else column, justify="left", overflow="fold"
        )
    return table


def _money_cells(row: Row) -> Iterable[str]:
    for change in _CHANGES:
        totals = row[change]
        if totals["members"]:
            yield f"{totals['members']:,} ({_money(totals['premium_total_cents'])})"
        else:
            yield "none"


def _show_rules(rows: list[Row]) -> None:
    table = _table("By rule", "rule", "severity", "findings", *map(_words, _CHANGES))
    for row in rows:
        table.add_row(
            row["rule"],
            _from_to(row["severity_before"], row["severity_after"]),
            _from_to(f"{row['findings_before']:,}", f"{row['findings_after']:,}"),
            *_money_cells(row),
        )
    terminal.out.print(table)


def _from_to(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _show_partners(rows: list[Row]) -> None:
    table = _table("By partner", "partner", *map(_words, _CHANGES))
    for row in rows:
        table.add_row(row["partner_id"], *_money_cells(row))
    terminal.out.print(table)


def _show_files(answer: Answer) -> None:
    table = _table("By file", "file", "verdict", "other answers", *map(_words, _CHANGES))
    rows = [{**row, **_totals(_of(answer, row))} for row in answer.files.to_pylist()]
    for row in sorted(rows, key=_badness):
        is_touched = any(row[change]["members"] for change in _CHANGES)
        answers = row["answers_otherwise"]
        if is_touched or answers or row["verdict_before"] != row["verdict_after"]:
            verdicts = (row[f"verdict_{when}"].replace("_", " ") for when in ("before", "after"))
            cells = (row["file_name"], _from_to(*verdicts), f"{answers:,}")
            table.add_row(*cells, *_money_cells(row))
    terminal.out.print(table)


def _show_members(members: pa.Table) -> None:
    order = [
        ("change", "descending"),
        ("premium_total_cents", "descending"),
        ("file_id", "ascending"),
    ]
    shown = members.sort_by([*order, ("member_ordinal", "ascending")]).slice(0, _MEMBERS_SHOWN)
    title = f"Members, the first {len(shown)} of {len(members):,}; --json has all of them"
    if len(shown) == len(members):
        title = "Members"
    table = _table(title, "member", "policy", "premium", "APTC", "what becomes of it", "rule")
    for row in shown.to_pylist():
        money = (_money(row[name]) for name in _MONEY)
        ids = (row[name] or "none" for name in ("exchange_member_id", "exchange_policy_id"))
        table.add_row(*ids, *money, _words(row["change"]).lower(), row["rule"])
    terminal.out.print(table)


def _show_drift(answer: Answer) -> None:
    """Says which answers of the time are not those of today's program and rules."""
    files = answer.files
    drifted = files.filter(
        pc.fill_null(pc.not_equal(files["answered"], files["verdict_before"]), fill_value=False)
    )
    if len(drifted):
        terminal.out.print(
            f"{len(drifted):,} of these files were answered otherwise when they came: rules or "
            "program have changed since. The comparison is with what holds today.",
            soft_wrap=True,
        )
