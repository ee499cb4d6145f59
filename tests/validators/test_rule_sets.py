"""Rules as a value: a folder of changes makes another rulebook, and both judge in one process."""

import pickle
import re
from datetime import date

import pytest

import validators.crews
from schemas.catalog import load_rules
from schemas.errors import Terminal
from schemas.partners import load_partner
from schemas.rule_sets import RuleSet, load_rulebook, read_changes
from simulator.generate import write_enrollment_file
from validators.check import ALONE, Terms, check_file
from validators.crews import Processes

CEDAR = load_partner("cedar-valley-tx")
DATE = "element-date-invalid"


@pytest.fixture
def changed(tmp_path):
    """The rulebook with changes, given as texts by the names of their files."""

    def write(**texts):
        for name, text in texts.items():
            kind, _, stem = name.partition("_")
            path = tmp_path / "changes" / kind / f"{stem.replace('_', '-')}.toml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return read_changes(tmp_path / "changes")

    return write


@pytest.fixture
def spoilt_file(tmp_path):
    """A file in which some birth dates are none."""
    path = tmp_path / "spoilt.834"
    write_enrollment_file(path, 300, 7, CEDAR)
    path.write_bytes(re.sub(rb"(DMG\*D8\*197\d)\d{4}", rb"\g<1>0230", path.read_bytes()))
    return path


def verdict_of(path, book, crew=ALONE, **terms):
    """The verdict on the file under a rulebook."""
    return check_file(path, Terms(rulebook=book, **terms), crew=crew).verdict


def test_a_changed_severity_changes_the_verdict_and_nothing_else(spoilt_file, changed):
    """A milder rule lets sets through; the program's own rulebook still refuses them."""
    shipped = verdict_of(spoilt_file, load_rulebook())
    book = changed(rules_dates=f'[[rules]]\nid = "{DATE}"\nseverity = "warning"\n')
    milder = verdict_of(spoilt_file, book)
    again = verdict_of(spoilt_file, load_rulebook())

    assert shipped.file_verdict == "partially_accepted"
    assert milder.file_verdict == "accepted"
    assert set(milder.issues["severity"].to_pylist()) == {"warning"}
    assert milder.issues.drop(["severity"]).equals(shipped.issues.drop(["severity"]))
    assert again.issues.equals(shipped.issues)


def test_a_rule_that_is_off_finds_nothing(spoilt_file, changed):
    """Its issues are gone, and with them what they would have done."""
    book = changed(rules_dates=f'[[rules]]\nid = "{DATE}"\nseverity = "off"\n')
    verdict = verdict_of(spoilt_file, book)

    assert verdict.file_verdict == "accepted"
    assert len(verdict.issues) == 0
    assert DATE not in book.rules
    assert DATE in load_rules()


@pytest.mark.parametrize(
    ("day", "counts"), [(date(2026, 3, 31), True), (date(2026, 4, 1), False), (None, True)]
)
def test_a_rule_holds_to_its_last_day(spoilt_file, changed, day, counts):
    """What counts is the day on which the file came; without one dates do not matter."""
    book = changed(rules_dates=f'[[rules]]\nid = "{DATE}"\neffective_to = 2026-03-31\n')
    assert bool(len(verdict_of(spoilt_file, book, day=day).issues)) is counts


def test_other_processes_judge_by_the_same_rules(spoilt_file, changed, monkeypatch):
    """The changed rulebook goes with the work."""
    monkeypatch.setattr(validators.crews, "WORTH_A_PROCESS_BYTES", 0)
    book = changed(rules_dates=f'[[rules]]\nid = "{DATE}"\nseverity = "warning"\n')
    alone, together = (verdict_of(spoilt_file, book, crew) for crew in (ALONE, Processes(2)))

    assert together.file_verdict == "accepted"
    assert set(together.issues["severity"].to_pylist()) == {"warning"}
    assert together.issues.equals(alone.issues)


def test_a_changed_argument_changes_what_is_found(spoilt_file, changed):
    """A rule of a kind is made ready from its changed row."""
    total = load_rules()["member-total-differs"]
    assert total.arguments["what"] == "members"
    change = '[[rules]]\nid = "member-total-differs"\narguments = { what = "subscribers" }\n'
    book = changed(rules_totals=change)
    rules = [verdict_of(spoilt_file, b).issues["rule"].to_pylist() for b in (load_rulebook(), book)]

    assert book.rules[total.id].arguments == {**total.arguments, "what": "subscribers"}
    assert total.id not in rules[0]
    assert total.id in rules[1]


def test_a_changed_partner_and_exchange_are_judged_by(spoilt_file, changed):
    """Plans of the partner, and the sender that the companion guide names."""
    plan = 'plans = [{ plan_id = "99999TX0010001", insurance_line = "HLT" }]\n'
    book = changed(
        partners_cedar_valley_tx=plan, companions_ffe='[interchange]\nexchange_id = "OTHER"\n'
    )
    shipped = verdict_of(spoilt_file, load_rulebook(), partner=CEDAR).issues["rule"].to_pylist()
    rules = verdict_of(spoilt_file, book, partner=CEDAR).issues["rule"].to_pylist()

    assert not {"group-plan-unknown", "sender-unknown"} & set(shipped)
    assert {"group-plan-unknown", "sender-unknown"} <= set(rules)
    assert book.exchanges["ffe"].interchange.qualifier == "ZZ"


def test_rulebooks_of_one_content_are_equal_wherever_they_are(changed):
    """The program's own is not sent to other processes; a changed one arrives as it was."""
    book = changed(rules_dates=f'[[rules]]\nid = "{DATE}"\nseverity = "info"\n')
    rules = RuleSet(book, CEDAR, date(2026, 4, 1))
    arrived = pickle.loads(pickle.dumps(rules))

    assert pickle.loads(pickle.dumps(load_rulebook())) is load_rulebook()
    assert len(pickle.dumps(load_rulebook())) < 200
    assert arrived == rules
    assert hash(arrived) == hash(rules)
    assert arrived.rules[DATE].severity == "info"
    assert book != load_rulebook()
    assert len(book.digest) == 64


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ({"rules_a": '[[rules]]\nid = "no-such"\n'}, "no rule no-such. Only rules that exist"),
        ({"rules_a": "rules = 1\n"}, "a file of rules is TOML with rows"),
        ({"rules_a": "[[rules]\n"}, "is not valid TOML"),
        ({"rules_a": f'[[rules]]\nid = "{DATE}"\nseverity = "bad"\n'}, f"{DATE}: severity: Input"),
        ({"rules_a": f'[[rules]]\nid = "{DATE}"\nwhat = 1\n'}, f"{DATE}: what: Extra inputs"),
        ({"companions_none": "name = 'x'\n"}, "none.toml"),
        ({"partners_nobody": "state = 'TX'\n"}, "No trading partner 'nobody'"),
        ({"partners_cedar_valley_tx": "tenant = 'TX0'\n"}, "tenant: Extra inputs"),
        ({"rules_a": f'[[rules]]\nid = "{DATE}"\nseverity = "reject"\n'}, "changes nothing"),
        ({"partners_cedar_valley_tx": 'state = "TX"\n'}, "changes nothing"),
        ({}, "is no folder"),
    ],
)
def test_a_wrong_change_is_told_in_one_line(changed, texts, sentence):
    """The file, the row, what is wrong with it, and what to do."""
    with pytest.raises(Terminal) as raised:
        changed(**texts)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)
