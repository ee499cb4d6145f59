"""Takes each rule away, and makes each milder, to see that a test notices: `make mutate-rules`.

The examples in the rows of the rules are judged again without the findings of the rule, and once
more with its severity lowered to a warning. A rule that survives either is held by no test: its
line says so, and the exit code is 1. Rules of the book have no file to be judged.
"""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pyarrow as pa
import pyarrow.compute as pc
from rich import box
from rich.console import Console
from rich.table import Table

from schemas.catalog import load_rules
from tests.cases.examples import complaints, contents, terms
from tests.cases.reading import Reader
from validators import check


@dataclass(frozen=True)
class Subject:
    """A content that is judged: its name, the rules that it breaks, and what tests say of it.

    An example has the name of its rule.
    """

    name: str
    breaks: frozenset[str]
    complain: Callable[[], list[str]]


def without(rule_id):
    """Issues from which those of a rule are gone."""
    return lambda issues: issues.filter(pc.not_equal(issues["rule"], rule_id))


def milder(rule_id):
    """Issues in which those of a rule are warnings."""

    def lower(issues):
        is_meant = pc.equal(issues["rule"], rule_id)
        lowered = pc.if_else(is_meant, pa.scalar("warning", pa.large_string()), issues["severity"])
        place = issues.schema.get_field_index("severity")
        return issues.set_column(place, issues.schema.field(place), lowered)

    return lower


def mutated(change):
    """While it is entered, issues pass through a change before the verdict is made of them."""
    judge, refuse = check._verdict, check._refuse

    def judged(received, envelope, issues, member_sets):
        return judge(received, envelope, change(issues), member_sets)

    def refused(*arguments):
        checked = refuse(*arguments)
        return replace(
            checked, verdict=replace(checked.verdict, issues=change(checked.verdict.issues))
        )

    stack = ExitStack()
    stack.enter_context(patch.object(check, "_verdict", judged))
    stack.enter_context(patch.object(check, "_refuse", refused))
    return stack


def examples(reader):
    """The bad examples of all rules."""
    for rule in load_rules().values():
        if rule.example is not None:
            bad, _ = contents(rule.example)
            yield Subject(
                rule.id,
                frozenset(reader.rules(bad, terms(rule.example))),
                lambda rule=rule: complaints(reader, rule),
            )


def noticed(rule_id, change, subjects):
    """What complains when a rule is changed."""
    with mutated(change(rule_id)):
        return [s.name for s in subjects if rule_id in s.breaks and s.complain()]


def run(folder):
    """Prints what noticed each change, and returns how many changes nothing noticed."""
    subjects = list(examples(Reader(folder)))
    failing = [subject.name for subject in subjects if subject.complain()]
    if failing:
        sys.exit(f"These fail without any change: {', '.join(failing)}.")
    table, survived = Table("rule", "taken away", "as a warning", box=box.SIMPLE_HEAD), 0
    for rule in load_rules().values():
        if rule.example is None:
            table.add_row(rule.id, f"not tried: {rule.kind}")
            continue
        results = [noticed(rule.id, without, subjects)]
        if can_be_milder(rule):
            results.append(noticed(rule.id, milder, subjects))
        table.add_row(rule.id, *(_cell(rule, names) for names in results))
        survived += results.count([])
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    return survived


def can_be_milder(rule):
    """What cannot be read is unreadable, however severe the rule is that says so."""
    return rule.severity in ("reject", "error") and rule.example.outcome != "unreadable"


def _cell(rule, names):
    if not names:
        return "SURVIVED"
    return ", ".join("its example" if name == rule.id else name for name in names)


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        survivors = run(Path(temporary))
    if survivors:
        sys.exit(f"{survivors} changes of rules were noticed by nothing.")
