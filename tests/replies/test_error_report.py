"""The error report as CSV and as a page: ids and places, no values, no formulas, no scripts."""

import csv
import io
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from replies.error_report import (
    ERROR_ROWS,
    ReportedFile,
    Wording,
    error_rows,
    write_error_report_csv,
    write_error_report_html,
)
from schemas import tables

CREATED = datetime(2026, 1, 2, 7, 0, tzinfo=UTC)
WORDING = Wording(
    sentences={"unknown-policy": "No policy of that number is in the book."},
    fixes={"unknown-policy": "Wait for the initial enrollment.", "bad-date": "Send a real date."},
)


def person(ordinal, **changes):
    return {
        "set_ordinal": 1,
        "member_ordinal": ordinal,
        "exchange_policy_id": "8801",
        "exchange_member_id": f"000100000{ordinal}",
        "byte_start": 1000 * ordinal,
        "byte_end": 1000 * ordinal + 900,
        **changes,
    }


@pytest.fixture
def reported(verdict, table):
    """A file with one set of three members: a bad date, an unknown policy, and a good one."""
    bad_date = {
        "rule": "bad-date",
        "severity": "reject",
        "set_ordinal": 1,
        "member_ordinal": 1,
        "segment_id": "DTP",
        "segment_ordinal": 12,
        "loop": "2300",
        "element": 3,
        "byte_start": 1500,
        "byte_end": 1520,
        "message": "DTP03 is no date.",
    }
    odd = {**bad_date, "rule": "odd", "severity": "warning"}
    dispositions = [
        {"set_ordinal": 1, "member_ordinal": 1, "state": "rejected", "reason": "bad-date"},
        {"set_ordinal": 1, "member_ordinal": 2, "state": "pending", "reason": "unknown-policy"},
        {"set_ordinal": 1, "member_ordinal": 3, "state": "accepted"},
    ]

    def build(**changes):
        parts = {
            "file_name": "CMSFFM.001234567T.I834.D260101.T180000000.P",
            "verdict": verdict({"17": {"1001": ("E", ["5"])}}, issues=[bad_date, odd]),
            "members": table(tables.MEMBERS, [person(1), person(2), person(3)]),
            "dispositions": table(tables.DISPOSITIONS, dispositions),
        }
        return ReportedFile(**{**parts, **changes})

    return build


def test_issues_and_open_members_are_reported_once(reported):
    """A member rejected by an issue has the issue's row; one held by the book has its own."""
    rows = error_rows(reported(), WORDING)
    assert rows.schema.equals(ERROR_ROWS)
    first, second = rows.to_pylist()
    assert first == {
        "file_name": "CMSFFM.001234567T.I834.D260101.T180000000.P",
        "interchange_control_number": "000000905",
        "group_control_number": "17",
        "transaction_set_control_number": "1001",
        "exchange_policy_id": "8801",
        "exchange_member_id": "0001000001",
        "rule": "bad-date",
        "severity": "reject",
        "sentence": "DTP03 is no date.",
        "segment_id": "DTP",
        "segment_ordinal": 12,
        "loop": "2300",
        "element": 3,
        "component": None,
        "byte_start": 1500,
        "byte_end": 1520,
        "suggested_fix": "Send a real date.",
    }
    assert second == {
        **first,
        "exchange_member_id": "0001000002",
        "rule": "unknown-policy",
        "severity": "pending",
        "sentence": "No policy of that number is in the book.",
        "segment_id": "INS",
        "segment_ordinal": None,
        "loop": "2000",
        "element": None,
        "byte_start": 2000,
        "byte_end": 2900,
        "suggested_fix": "Wait for the initial enrollment.",
    }


def test_members_that_fall_with_their_set_are_all_named(reported, table):
    """One member's issue rejects the set; the others appear under the same rule."""
    fallen = [
        {"set_ordinal": 1, "member_ordinal": n, "state": "rejected", "reason": "bad-date"}
        for n in (1, 2, 3)
    ]
    rows = error_rows(reported(dispositions=table(tables.DISPOSITIONS, fallen)), WORDING)
    assert rows["exchange_member_id"].to_pylist() == ["0001000001", "0001000002", "0001000003"]
    assert rows["byte_start"].to_pylist() == [1500, 2000, 3000]


def test_an_issue_outside_any_set_keeps_its_envelope(reported, verdict, table):
    """A fault of the interchange has its control number and no group, set or member."""
    fault = {"rule": "iea", "severity": "reject", "interchange_ordinal": 1, "segment_id": "IEA"}
    about = verdict({"17": {}}, issues=[fault])
    row = error_rows(
        reported(verdict=about, dispositions=table(tables.DISPOSITIONS, [])), WORDING
    ).to_pylist()
    assert [r["interchange_control_number"] for r in row] == ["000000905"]
    assert (row[0]["group_control_number"], row[0]["exchange_policy_id"]) == (None, None)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_the_csv_is_a_formula(reported, table, start):
    """A cell that a spreadsheet would calculate begins with an apostrophe."""
    members = table(tables.MEMBERS, [person(1, exchange_policy_id=f"{start}HYPERLINK(1)")])
    content = write_error_report_csv(error_rows(reported(members=members), WORDING))
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert rows[0]["exchange_policy_id"] == f"'{start}HYPERLINK(1)"
    assert rows[0]["byte_start"] == "1500"


def test_the_csv_has_a_header_even_without_findings(reported, verdict, table):
    """An empty report is a header, and the page says so in words."""
    empty = reported(
        verdict=verdict({"17": {"1001": ("A", [])}}), dispositions=table(tables.DISPOSITIONS, [])
    )
    rows = error_rows(empty, WORDING)
    assert next(csv.reader(io.StringIO(write_error_report_csv(rows).decode()))) == ERROR_ROWS.names
    page = write_error_report_html(rows, "Error report", CREATED)
    assert b"Nothing was rejected and nothing is pending." in page


class Page(HTMLParser):
    """Tags with their attributes, and the text of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.words = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_stands_alone_and_escapes_what_it_shows(reported, table):
    """No script, no link, no image; markup in an id stays text; headers have a scope."""
    members = table(tables.MEMBERS, [person(1, exchange_policy_id="<script>alert(1)</script>")])
    page = Page()
    page.feed(
        write_error_report_html(
            error_rows(reported(members=members), WORDING), "Error report", CREATED
        ).decode()
    )
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "a", "form"}
    assert not [attrs for _, attrs in page.tags if {"src", "href", "onclick"} & set(attrs)]
    assert ("html", {"lang": "en"}) in page.tags
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")
    assert "<script>alert(1)</script>" in page.words
    text = " ".join("".join(page.words).split())
    assert "DTP03 in loop 2300, segment 12 of the set, bytes 1500 to 1520" in text


def test_a_long_report_shows_its_beginning_and_says_so(reported, table):
    """The page stays readable; the CSV holds every row."""
    dispositions = [
        {"set_ordinal": 1, "member_ordinal": n, "state": "pending", "reason": "unknown-policy"}
        for n in range(10, 1510)
    ]
    rows = error_rows(reported(dispositions=table(tables.DISPOSITIONS, dispositions)), WORDING)
    page = write_error_report_html(rows, "Error report", CREATED).decode()
    assert "1,501 findings; the first 1,000 are shown" in page
    assert page.count("unknown-policy") == 1 + 999
    assert write_error_report_csv(rows).count(b"\n") == 1502
