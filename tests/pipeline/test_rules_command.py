"""The rules as people read them: in a terminal, for programs, and as a page."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.rules_command import LEVELS, facts, markdown
from schemas.catalog import Rule, load_rules
from validators.business.checks import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"
ROW = {
    "id": "a-rule",
    "looks_at": "element",
    "kind": "one_of",
    "severity": "reject",
    "wording": "W.",
    "fix": "F.",
    "source": "S",
    "example": {"bad": {"N4": []}, "good": {}, "outcome": "set rejected"},
}


@pytest.fixture
def rules():
    """The output of the command with some arguments, by lines."""

    def run(*arguments):
        return CliRunner().invoke(app, ["rules", *arguments]).stdout.splitlines()

    return run


def told(**row):
    """The facts of a made-up rule by their labels."""
    return dict(facts(Rule.model_validate(ROW | row)))


def test_every_rule_is_listed_with_severity_answer_and_source(rules):
    """One line begins with the id of each."""
    listed = {line.split()[0]: line.split() for line in rules() if line.strip()}
    for rule in load_rules().values():
        assert listed[rule.id][1] == rule.severity
        assert rule.x12_code is None or rule.x12_code in listed[rule.id]
        assert rule.source.split()[0] in listed[rule.id]


def test_one_rule_is_shown_with_its_sentence_fix_source_and_examples(rules):
    """What a steward asks for when the rule stands in an error report."""
    shown = "\n".join(rules("element-date-invalid"))
    rule = load_rules()["element-date-invalid"]
    for text in (rule.fix, rule.source, "IK403 8", "DMG*D8*20260230*F", "DMG*D8*20240229*F"):
        assert text in shown


def test_programs_read_whole_rows(rules):
    """Each line is a row again."""
    rows = [Rule.model_validate(json.loads(line)) for line in rules("--json")]
    assert {row.id: row for row in rows} == load_rules()


def test_the_page_of_the_rules_is_the_one_of_the_rows(rules):
    """After a change of the rows somebody has to run `make rules`."""
    assert rules("--markdown") == PAGE.read_text().splitlines()


def test_every_snip_type_has_its_part_of_the_page():
    """Also the one that does not apply, with the reason."""
    page = markdown(load_rules().values())
    assert all(f"## {title}\n" in page for title in LEVELS.values())
    assert "An 834 has no type 6." in page
    assert {rule.snip for rule in load_rules().values()} <= LEVELS.keys() - {6}


def test_every_kind_is_explained():
    """The page says what each finds."""
    page = markdown(load_rules().values())
    assert all(f"\n- *{kind}:* " in page for kind in KINDS)


def test_dates_exchanges_kind_and_arguments_are_told():
    """What narrows a rule is never left out."""
    row = told(
        arguments={"column": "state"},
        exchanges=["ga", "ffe"],
        dependent_segment="DTP",
        trigger="HD",
        quarantine="silent",
        effective_from="2026-01-01",
        effective_to="2026-12-31",
    )
    assert row["Decided by"] == 'the kind one_of, `column = "state"`'
    assert row["Exchanges"] == "ga, ffe"
    assert row["The 999 names"] == "DTP, HD"
    assert row["The file"] == "is set apart for a person; its sender is not answered"
    assert row["In effect"] == "from 2026-01-01 to 2026-12-31"


def test_an_example_is_told_in_words():
    """Segments and texts that are replaced or left out, under which terms, and what is shown."""
    example = {
        "bad": {"N4": [], "N3": ["N3*A\tB", "N3*C"], "a`b": ""},
        "good": "{file}\n",
        "outcome": "set rejected",
        "shown": "",
        "partner": "somebody",
        "day": "2026-03-01",
        "limits": {"interchanges": 1},
    }
    row = told(example=example)
    assert row["Bad example"] == (
        r"`member`, where the segment `N4` is left out; the segment `N3` is `N3*A\tB` `N3*C`; "
        r"`a\x60b` is left out everywhere (with partner somebody, on 2026-03-01, "
        "interchanges = 1); "
        "the issue is about no bytes; outcome: set rejected"
    )
    assert row["Good example"] == r"the file is `{file}\n`, where {file} is `member`"
