"""A partner may break a rule where that was agreed, from the first to the last day of it."""

from datetime import date

import pytest

from schemas.agreements import Tolerance
from schemas.catalog import load_rules
from schemas.partners import load_partner, load_partners
from tests.cases.examples import BASES, contents, edited
from tests.cases.reading import Reader
from validators.check import Terms

GS = "GS*BE*NC0*91002NC0010001*20260101*1200*1*X*005010X220A1"
RULE = load_rules()["payer-is-somebody-else"]
AGREED = Tolerance(
    rule=RULE.id,
    effect="warning",
    effective_from=date(2026, 3, 1),
    effective_to=date(2026, 3, 31),
    agreed_with="the exchange",
    agreed_on=date(2026, 2, 1),
    reason="Another tax id until the end of March.",
)


@pytest.fixture
def reader(tmp_path):
    """Checks contents as files."""
    return Reader(tmp_path)


def severities(reader, day, effect="warning"):
    """How severe the broken rule is on a day, nothing where it is not told."""
    agreed = AGREED.model_copy(update={"effect": effect})
    partner = load_partner("harbor-light-nc").model_copy(update={"tolerances": (agreed,)})
    content, _ = contents(RULE.example)
    issues = reader.verdict(content, Terms(partner, day=day)).issues.to_pylist()
    return [issue["severity"] for issue in issues if issue["rule"] == RULE.id]


@pytest.mark.parametrize(
    ("day", "severity"),
    [
        (date(2026, 2, 28), "error"),
        (date(2026, 3, 1), "warning"),
        (date(2026, 3, 31), "warning"),
        (date(2026, 4, 1), "error"),
        (None, "error"),
    ],
)
def test_a_tolerance_holds_on_its_days(reader, day, severity):
    """Before, afterwards and on an unknown day the rule is as severe as its row says."""
    assert severities(reader, day) == [severity]


def test_a_rule_may_be_off_for_a_partner(reader):
    """Then nothing is told of it."""
    assert severities(reader, date(2026, 3, 15), "off") == []


def test_partners_tolerate_rules_that_exist():
    """A slip in the name of a rule would make it hold as if nothing was agreed."""
    named = {one.rule for partner in load_partners().values() for one in partner.tolerances}
    assert named
    assert named <= load_rules().keys()


@pytest.mark.parametrize(
    ("edits", "answer"),
    [
        ({}, ("A", "000")),
        ({"IEA": ["IEA*1*000000009"]}, ("R", "001")),
        (
            {
                "GS": ["TA1*1*260101*1200*A*000", GS],  # an error, and no reason to reject
                "IEA": ["IEA*1*000000009"],
            },
            ("R", "001"),
        ),
        ({"GS": ["TA1*1*260101*1200*A*000", GS]}, ("E", "022")),
    ],
)
def test_what_is_tolerated_is_no_note_of_a_ta1(reader, edits, answer):
    """TA105 tells why TA104 is as it is: the worst fault, and 000 when there is none."""
    agreed = AGREED.model_copy(update={"rule": "interchange-date-invalid"})
    partner = load_partner("harbor-light-nc").model_copy(update={"tolerances": (agreed,)})
    content = edited(BASES["ffe-initial"], {**edits, "*260101*1200*^": "*260230*1200*^"})
    verdict = reader.verdict(content, Terms(partner, day=date(2026, 3, 15)))
    assert "interchange-date-invalid" in verdict.issues["rule"].to_pylist()
    (row,) = verdict.interchange_verdicts.to_pylist()
    assert (row["ta1_code"], row["ta1_note"]) == answer
