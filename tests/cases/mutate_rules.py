"""Takes each rule away, and makes each milder, to see that a test notices: `make mutate-rules`.

The examples in the rows of the rules are judged by a rulebook without the rule, and by one in which
it is only a warning. A rule that survives either is held by no test: its line says so, and the exit
code is 1. What the book decides no file shows: there the run looks for the test of the book that
expects the rule.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich import box
from rich.console import Console
from rich.table import Table

from schemas.catalog import load_rules
from schemas.rule_sets import Rulebook
from tests.cases.examples import complaints, contents, terms
from tests.cases.reading import Reader

TESTS = Path(__file__).parents[1]
TESTS_OF_THE_BOOK = ("enrollment", "pipeline")


@dataclass(frozen=True)
class Subject:
    """A content that is judged: its name, the rules that it breaks, and what tests say of it.

    An example has the name of its rule. `complain` is given the rulebook that holds.
    """

    name: str
    breaks: frozenset[str]
    complain: Callable[[Rulebook | None], list[str]]


def without(rule):
    """The program's rulebook without a rule."""
    return Rulebook({name: row for name, row in load_rules().items() if name != rule.id})


def milder(rule):
    """The program's rulebook with a rule that only warns."""
    return Rulebook(load_rules() | {rule.id: rule.model_copy(update={"severity": "warning"})})


def can_be_milder(rule):
    """What cannot be read is unreadable, however severe the rule is that says so."""
    return rule.severity in ("reject", "error") and rule.example.outcome != "unreadable"


def examples(reader):
    """The bad examples of all rules."""
    for rule in load_rules().values():
        if rule.example is not None:
            bad, _ = contents(rule.example)
            yield Subject(
                rule.id,
                frozenset(reader.rules(bad, terms(rule.example))),
                lambda rulebook, rule=rule: complaints(reader, rule, rulebook),
            )


def noticed(rule, rulebook, subjects):
    """The subjects that break a rule, and complain when another rulebook holds."""
    return [s.name for s in subjects if rule.id in s.breaks and s.complain(rulebook)]


def expected_by(rule):
    """The tests of the book that name a rule."""
    paths = (path for folder in TESTS_OF_THE_BOOK for path in (TESTS / folder).glob("test_*.py"))
    return [path.name for path in sorted(paths) if f'"{rule.id}"' in path.read_text()]


def results(rule, subjects):
    """For each change of a rule: what noticed it."""
    if rule.example is None:
        return [expected_by(rule)]
    changes = [without, milder] if can_be_milder(rule) else [without]
    return [noticed(rule, change(rule), subjects) for change in changes]


def run(folder):
    """Prints what noticed each change, and returns how many changes nothing noticed."""
    subjects = list(examples(Reader(folder)))
    failing = [subject.name for subject in subjects if subject.complain(None)]
    if failing:
        sys.exit(f"These fail without any change: {', '.join(failing)}.")
    table, survived = Table("rule", "taken away", "as a warning", box=box.SIMPLE_HEAD), 0
    for rule in load_rules().values():
        found = results(rule, subjects)
        table.add_row(rule.id, *(_cell(rule, names) for names in found))
        survived += found.count([])
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    return survived


def _cell(rule, names):
    if not names:
        return "SURVIVED"
    return ", ".join("its example" if name == rule.id else name for name in names)


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        survivors = run(Path(temporary))
    if survivors:
        sys.exit(f"{survivors} changes of rules were noticed by nothing.")
