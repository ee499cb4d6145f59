"""Every rule is broken by the bad example of its row, where it says, and not by the good one."""

import importlib

import pytest
from pydantic import ValidationError

from schemas.catalog import Rule, load_rules
from schemas.partners import load_partner
from tests.cases.examples import BASES, PARTNER_OF, complaints, written
from tests.cases.reading import Reader
from validators.business.checks import KINDS
from validators.check import Terms

RULES = load_rules()
WITH_EXAMPLE = [rule_id for rule_id, rule in RULES.items() if rule.example is not None]

# Decided by rows of the book, not by what one file holds: tests/enrollment/ shows them broken.
BY_THE_BOOK = "book"


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """One folder for all contents, as each replaces the one before."""
    return Reader(tmp_path_factory.mktemp("examples"))


def test_every_rule_can_be_read():
    """Sentence, fix and source are there for a steward."""
    assert all(rule.wording and rule.fix and rule.source for rule in RULES.values())


@pytest.mark.parametrize("wrong", [{"example": None}, {"kind": BY_THE_BOOK}, {"x12_code": None}])
def test_a_row_that_is_not_whole_is_no_rule(wrong):
    """Only what the book decides has no file to show, and a code stands in some field."""
    row = RULES["element-code-invalid"].model_dump() | wrong
    with pytest.raises(ValidationError):
        Rule.model_validate(row)


def test_every_rule_is_decided_by_something_that_exists():
    """By a kind, by the function of validators that its row names, or by the book."""
    for rule in RULES.values():
        if rule.kind == "function":
            module, _, name = rule.arguments["function"].rpartition(".")
            assert callable(getattr(importlib.import_module(f"validators.{module}"), name)), rule.id
        else:
            assert rule.kind in {BY_THE_BOOK, *KINDS}, rule.id


def test_every_kind_is_of_some_rule():
    """A kind that no row needs is no kind."""
    assert set(KINDS) <= {rule.kind for rule in RULES.values()}


@pytest.mark.parametrize("rule_id", WITH_EXAMPLE)
def test_rule_is_broken_by_its_bad_example_only(reader, rule_id):
    """The bad one breaks it, alone, where it says, with the outcome that it says; the good not."""
    assert complaints(reader, RULES[rule_id]) == []


@pytest.mark.parametrize("name", BASES)
def test_no_rule_is_broken_by_what_examples_are_made_of(reader, name):
    """What is right breaks nothing: without a partner, and as the file of whose it is."""
    assert reader.rules(written(BASES[name]), Terms()) == []
    partner_id = PARTNER_OF.get(name.partition("-")[0])
    if partner_id is not None:
        direction = "issuer_to_exchange" if name.startswith("our") else "exchange_to_issuer"
        terms = Terms(load_partner(partner_id), direction=direction)
        assert reader.rules(written(BASES[name]), terms) == []
