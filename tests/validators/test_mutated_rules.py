"""The mutation run over the rules finds a rule that nothing holds."""

from functools import partial

import pytest

from schemas.catalog import load_rules
from tests.cases.bad_input import FOLDERS
from tests.cases.examples import complaints
from tests.cases.mutate_rules import (
    Subject,
    can_be_milder,
    cases,
    milder,
    noticed,
    results,
    without,
)
from tests.cases.reading import Reader

CODE = load_rules()["element-code-invalid"]
LETTERS = load_rules()["element-letters-beyond-ascii"]
EMPTY = load_rules()["file-empty"]


@pytest.fixture
def reader(tmp_path):
    return Reader(tmp_path)


def example(reader, rule):
    """The example of a rule, as the run judges it."""
    return Subject(rule.id, frozenset({rule.id}), partial(complaints, reader, rule))


@pytest.mark.parametrize("change", [without, milder])
def test_the_example_of_a_rule_notices_its_change(reader, change):
    """And nothing is wrong with it while nothing is changed."""
    subject = example(reader, CODE)
    assert noticed(CODE, change(CODE), [subject]) == [CODE.id]
    assert subject.complain(None) == []


@pytest.mark.parametrize("change", [without, milder])
def test_a_case_of_bad_input_notices_a_change(reader, change):
    """Its 999 has another code then, or none; of a rule that it does not break it says nothing."""
    [folder] = [folder for folder in FOLDERS if folder.name == "69-codes"]
    [case] = cases(reader, [folder])
    unused = load_rules()["code-not-in-guide"]
    assert noticed(unused, change(unused), [case]) == ["69-codes"]
    assert noticed(LETTERS, change(LETTERS), [case]) == []


def test_a_rule_for_files_that_cannot_be_read_is_taken_away_too(reader):
    """Such a file has no verdicts on its parts."""
    assert noticed(EMPTY, without(EMPTY), [example(reader, EMPTY)]) == [EMPTY.id]


def test_a_change_that_matters_to_nobody_survives(reader):
    """Another rule's example says nothing, nor does one that looks at nothing."""
    blind = Subject("blind", frozenset({CODE.id}), lambda _: [])
    assert noticed(CODE, without(CODE), [example(reader, LETTERS), blind]) == []


def test_only_what_rejects_can_be_made_milder():
    """A warning is one already, and what cannot be read stays so."""
    assert [can_be_milder(rule) for rule in (CODE, LETTERS, EMPTY)] == [True, False, False]


def test_a_rule_of_the_book_is_held_by_a_test_of_the_book():
    """One that no test names is found too."""
    unknown = load_rules()["unknown-policy"]
    assert "test_application.py" in results(unknown, [])[0]
    assert results(unknown.model_copy(update={"id": "nobody-tests-this"}), []) == [[]]
