"""A file of rules that is wrong is named in one line, with the rule and the place in it."""

import pytest

from schemas.catalog import read_rules
from schemas.errors import Terminal

RULE = """
[[rules]]
id = "first"
looks_at = "element"
kind = "required"
severity = "error"
wording = "W."
fix = "F."
source = "S"
example = { bad = { N4 = [] }, good = {}, outcome = "set rejected" }
"""


def read(folder, content):
    (folder / "own.toml").write_text(content)
    return read_rules(folder)


def test_rules_are_read_in_the_order_of_their_files(tmp_path):
    """What is compared in a reconciliation lies beside them and is none of them."""
    (tmp_path / "zones.toml").write_text(RULE.replace("first", "last"))
    (tmp_path / "reconciliation.toml").write_text("version = 1")
    assert list(read(tmp_path, RULE)) == ["first", "last"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[[rules", "own.toml: .* A file of rules is TOML"),
        ("[[rule]]", "own.toml: 'rules'. A file of rules is TOML"),
        (RULE * 2, "own.toml: rule first stands twice."),
        (RULE.replace('"error"', '"fatal"'), "own.toml: first: severity: "),
        (RULE.replace("kind =", "sort ="), "own.toml: first: kind: "),
        (RULE.replace("N4 = []", "N4 = 4"), "own.toml: first: example.bad"),
        (RULE.replace('"required"', '"book"'), "own.toml: first: row: .*unless its kind is book"),
        (f'{RULE}x12_code = "7"', "own.toml: first: row: .*x12_code stand together"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_in_a_line(tmp_path, content, told):
    """So that a steward who changes a rule finds the place."""
    with pytest.raises(Terminal, match=told) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)
