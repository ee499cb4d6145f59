"""Takes each rule away, and makes each milder, to see that a test notices: `make mutate-rules`.

The example in the row of the rule, and the cases of bad input that break it, are judged by a
rulebook without the rule, and by one in which it is only a warning. A rule that survives either is
held by no test: its line says so, and the exit code is 1. What the book decides no file shows:
there the run looks for the test of the book that expects the rule.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from rich import box
from rich.console import Console
from rich.table import Table

from schemas.catalog import load_rules
from schemas.rule_sets import Rulebook
from tests.cases.bad_input import FOLDERS, load_case
from tests.cases.examples import complaints
from tests.cases.reading import Reader
from tests.cases.without_ledger import answers, expected

TESTS = Path(__file__).parents[1]
TESTS_OF_THE_BOOK = ("enrollment", "pipeline")
ENOUGH = 2  # that notice a change: the example, and a case


@dataclass(frozen=True)
class Subject:
    """A content that is judged: its name, the rules that it breaks, and what tests say of it.

    `complain` is given the rulebook that holds.
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
            complain = partial(complaints, reader, rule)
            yield Subject("its example", frozenset({rule.id}), complain)


def cases(reader, folders):
    """The bad inputs of some folders, as far as a rulebook decides their answers."""
    for folder in folders:
        case = load_case(folder)
        given, broken = answers(reader, case)
        held = [
            (number, part)
            for number, (before, wanted) in enumerate(zip(given, expected(case), strict=True))
            for part in vars(wanted).keys() - before.differs_from(wanted)
        ]
        yield Subject(folder.name, frozenset(broken), partial(_missed, reader, case, held))


def _missed(reader, case, held, rulebook):
    """The parts of the answers to a case that were as expected and are so no more."""
    given, wanted = answers(reader, case, rulebook)[0], expected(case)
    differing = [now.differs_from(then) for now, then in zip(given, wanted, strict=True)]
    return [part for number, part in held if part in differing[number]]


def noticed(rule, rulebook, subjects):
    """The first subjects that break a rule, and complain when another rulebook holds."""
    touched = (subject for subject in subjects if rule.id in subject.breaks)
    names = (subject.name for subject in touched if subject.complain(rulebook))
    return list(islice(names, ENOUGH))


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
    reader = Reader(folder)
    subjects = [*examples(reader), *cases(reader, FOLDERS)]
    failing = [rule for subject in subjects if subject.complain(None) for rule in subject.breaks]
    if failing:
        sys.exit(f"Without any change these have examples that fail: {', '.join(failing)}.")
    table, survived = Table("rule", "taken away", "as a warning", box=box.SIMPLE_HEAD), 0
    for rule in load_rules().values():
        found = results(rule, subjects)
        table.add_row(rule.id, *(", ".join(names) or "SURVIVED" for names in found))
        survived += found.count([])
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    return survived


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        survivors = run(Path(temporary))
    if survivors:
        sys.exit(f"{survivors} changes of rules were noticed by nothing.")
