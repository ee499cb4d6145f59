"""Every rule is broken by the bad example of its row, where it says, and not by the good one."""

import importlib

import pytest

from schemas.catalog import load_rules
from schemas.partners import load_partner
from tests.cases.examples import BASES, contents, terms, written
from tests.cases.reading import Reader
from validators.check import Terms

RULES = load_rules()
WITH_EXAMPLE = [rule_id for rule_id, rule in RULES.items() if rule.example is not None]

# Decided by rows of the book, not by what one file holds: tests/enrollment/ shows them broken.
BY_THE_BOOK = "book"


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """One folder for all contents, as each replaces the one before."""
    return Reader(tmp_path_factory.mktemp("examples"))


def test_every_rule_has_examples_a_source_and_a_fix():
    """What a steward reads is whole; only what the book decides has no file to show."""
    incomplete = [
        rule.id
        for rule in RULES.values()
        if (rule.example is None) != (rule.kind == BY_THE_BOOK)
        or not (rule.source and rule.fix and rule.wording)
    ]
    assert incomplete == []


def test_every_rule_is_decided_by_something_that_exists():
    """A rule that no kind can say names its function in validators."""
    for rule in RULES.values():
        if rule.kind == "function":
            module, name = rule.arguments["function"].split(".")
            assert callable(getattr(importlib.import_module(f"validators.{module}"), name)), rule.id


@pytest.mark.parametrize("rule_id", WITH_EXAMPLE)
def test_rule_is_broken_by_its_bad_example(reader, rule_id):
    """The bad example breaks the rule, alone, at the bytes that it names."""
    example = RULES[rule_id].example
    content, _ = contents(example)
    issues = reader.verdict(content, terms(example)).issues.to_pylist()
    broken = [issue for issue in issues if issue["rule"] == rule_id]
    assert broken
    if example.alone:
        assert [issue["rule"] for issue in issues] == [rule_id]
    if example.shown is not None:
        shown = content[broken[0]["byte_start"] : broken[0]["byte_end"]].decode("latin-1")
        assert shown == example.shown or shown.startswith(f"{example.shown}*")


@pytest.mark.parametrize("rule_id", WITH_EXAMPLE)
def test_rule_is_not_broken_by_its_good_example(reader, rule_id):
    """The good example is near the bad one and breaks nothing of what the bad one breaks alone."""
    example = RULES[rule_id].example
    bad, good = contents(example)
    assert good != bad
    broken = reader.rules(good, terms(example))
    assert rule_id not in broken
    assert not (example.alone and broken)


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("agreed", [Terms(), Terms(load_partner("harbor-light-nc"))])
def test_no_rule_is_broken_by_what_examples_are_made_of(reader, name, agreed):
    """What is right breaks nothing, with and without a partner."""
    assert reader.rules(written(BASES[name]), agreed) == []
