"""What a person is shown of a break: its age, what to do, and no value that was not asked for."""

import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from pipeline.breaks_report import break_object, suggested
from pipeline.terminal import table_of
from reconciliation.break_queries import Break

SEEN = {
    "first_seen": datetime(2026, 12, 1, tzinfo=UTC),
    "last_seen": datetime(2026, 12, 9, tzinfo=UTC),
}
NIGHTLY = {"source": "carrier", "rule": None}
ROW = {
    **NIGHTLY, "kind": "differs", "field": "last_name", "book_value": "LOCKHART",
    "carrier_value": "LOCKE",
}  # fmt: skip
MONTHLY = {"source": "monthly", "kind": "differs", "field": "aptc", "rule": "money-and-coverage"}
FULL = {"source": "exchange_full"}
UNPAID = {"source": "premium", "kind": "missing_at_carrier", "field": "aptc", "rule": "not_paid"}


@pytest.mark.parametrize("reveal", [False, True])
def test_values_are_shown_to_who_asks_for_them_only(reveal):
    """All else of a break is there either way, its age by the clock of the runs."""
    shown = break_object(Break(ROW | SEEN, [], "NAME", 10, 20), reveal=reveal)
    assert ("LOCKHART" in json.dumps(shown)) is reveal
    assert (shown["age_days"], shown["decides"]) == (8, "exchange")
    assert shown["place"] == {"file": "NAME", "byte_start": 10, "byte_end": 20}


@pytest.mark.parametrize(
    ("row", "decides", "word"),
    [
        (ROW, "exchange", "carrier's records"),
        (ROW | {"field": "issuer_member_id"}, "issuer", "maintenance"),
        (NIGHTLY | {"kind": "missing_at_carrier", "field": None}, "exchange", "Enroll"),
        (NIGHTLY | {"kind": "missing_in_book", "field": None}, "exchange", "Ask the exchange"),
        (MONTHLY, None, "without an 834"),
        (UNPAID, None, "pays nothing"),
        (ROW | FULL, "exchange", "as a transaction"),
        (ROW | FULL | {"kind": "missing_at_carrier", "field": None}, "exchange", "leaves the pol"),
        (ROW | FULL | {"kind": "missing_in_book", "field": None}, "exchange", "enrolls nobody"),
    ],
)
def test_each_kind_of_break_says_who_decides_and_what_to_do(row, decides, word):
    """By the row of the rules, for a field and for a whole member."""
    who, action = suggested(row)
    assert who == decides
    assert word in action


def shown(table):
    """What a terminal of eighty columns shows of a table."""
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def test_what_all_rows_have_in_common_is_told_once_and_ids_stay_whole():
    """In the title; a column without a word is left out, and no id is broken over two lines."""
    rows = [
        {"break": str(n), "partner": "cedar-valley-tx", "policy": f"1010000321{n}",
         "what": "is missing in the carrier's own records, which hold nobody of that policy",
         "owner": "", "seen": "57"}
        for n in range(2)
    ]  # fmt: skip
    text = shown(table_of("Breaks", rows, in_title=("partner",), right=("seen",)))
    assert text.startswith("Breaks, partner cedar-valley-tx")
    assert text.count("cedar-valley-tx") == 1
    assert "owner" not in text
    assert "10100003210" in text
    assert "10100003211" in text


def test_rows_of_several_partners_name_them():
    """Then the column is there."""
    rows = [
        {"partner": partner, "break": "1"} for partner in ("cedar-valley-tx", "harbor-light-nc")
    ]
    text = shown(table_of("Breaks", rows, in_title=("partner",)))
    assert text.splitlines()[0].strip() == "Breaks"
    assert "harbor-light-nc" in text
