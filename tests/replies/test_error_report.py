"""The error report as CSV, workbook and page: ids and places, no values, formulas or scripts."""

import csv
import itertools
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import openpyxl
import pytest

from replies.error_findings import (
    ERROR_ROWS,
    TOLD_TO_THE_EXCHANGE,
    ErrorFindings,
    ReportedFile,
    Wording,
)
from replies.error_report import ErrorReport, Heading
from schemas import tables
from schemas.limits import ReportLimits, load_report_limits
from schemas.verdict import Quarantine

HEADING = Heading("Error report", datetime(2026, 1, 2, 7, 0, tzinfo=UTC))
NAME = "CMSFFM.001234567T.I834.D260101.T180000000.P"
WORDING = Wording(
    sentences={"unknown-policy": "No policy of that number is in the book."},
    fixes={"unknown-policy": "Wait for the initial enrollment.", "bad-date": "Send a real date."},
)
BAD_DATE = {
    "rule": "bad-date",
    "severity": "reject",
    "snip": 1,
    "x12_field": "IK403",
    "x12_code": "8",
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
ODD = {**BAD_DATE, "rule": "odd", "severity": "warning", "message": "DTP03 is odd."}


def person(ordinal, **changes):
    return {
        "set_ordinal": 1,
        "member_ordinal": ordinal,
        "exchange_subscriber_id": "0001000001",
        "exchange_policy_id": "8801",
        "exchange_member_id": f"000100000{ordinal}",
        "last_name": "LOCKHART",
        "byte_start": 1000 * ordinal,
        "byte_end": 1000 * ordinal + 900,
        **changes,
    }


def rejected(ordinal, rule="bad-date"):
    return {"set_ordinal": 1, "member_ordinal": ordinal, "state": "rejected", "reason": rule}


def pending(ordinal):
    reason = {"state": "pending", "reason": "unknown-policy"}
    return {"set_ordinal": 1, "member_ordinal": ordinal, **reason}


THREE_MEMBERS = (person(1), person(2), person(3))
ONE_IS_ACCEPTED = (rejected(1), pending(2), {"member_ordinal": 3, "state": "accepted"})


@pytest.fixture
def found(verdict, table):
    """Findings in a set of three members: a bad date, an unknown policy, and a good one."""

    def build(
        issues=(ODD, BAD_DATE), members=THREE_MEMBERS, dispositions=ONE_IS_ACCEPTED, **changes
    ):
        about = verdict({"17": {"1001": ("E", ["5"])}}, issues=issues)
        parts = {
            "file_name": NAME,
            "verdict": about,
            "members": table(tables.MEMBERS, list(members)),
            "dispositions": table(tables.DISPOSITIONS, list(dispositions)),
        }
        return ErrorFindings(ReportedFile(**{**parts, **changes}), WORDING)

    return build


def rows_of(findings, *severities):
    """All rows of the findings, or those of the severities."""
    batches = findings.batches(2, *([severities] if severities else []))
    return [row for rows in batches for row in rows.to_pylist()]


@pytest.fixture
def report(tmp_path):
    """The folder of a report on files of such findings."""

    def write(*files, limits=None):
        with ErrorReport(tmp_path, HEADING, limits) as written:
            for findings in files:
                written.add(findings)
        return tmp_path

    return write


def test_issues_and_open_members_are_reported_once_the_worst_first(found):
    """A member rejected by an issue has the issue's row; one held by the book has its own."""
    first, second, third = rows_of(found())
    assert list(first) == ERROR_ROWS.names
    assert first == {
        "severity": "reject",
        "rule": "bad-date",
        "snip": 1,
        "x12_field": "IK403",
        "x12_code": "8",
        "sentence": "DTP03 is no date.",
        "suggested_fix": "Send a real date.",
        "exchange_subscriber_id": "0001000001",
        "exchange_member_id": "0001000001",
        "exchange_policy_id": "8801",
        "file_name": NAME,
        "file_sha256": "0" * 64,
        "interchange_control_number": "000000905",
        "group_control_number": "17",
        "transaction_set_control_number": "1001",
        "segment_id": "DTP",
        "segment_ordinal": 12,
        "loop": "2300",
        "element": 3,
        "component": None,
        "byte_start": 1500,
        "byte_end": 1520,
        "masked_value": None,
    }
    assert second == {
        **first,
        "severity": "pending",
        "rule": "unknown-policy",
        "snip": None,
        "x12_field": None,
        "x12_code": None,
        "sentence": "No policy of that number is in the book.",
        "suggested_fix": "Wait for the initial enrollment.",
        "exchange_member_id": "0001000002",
        "segment_id": "INS",
        "segment_ordinal": None,
        "loop": "2000",
        "element": None,
        "byte_start": 2000,
        "byte_end": 2900,
    }
    assert (third["rule"], third["suggested_fix"]) == ("odd", None)


def test_the_exchange_is_not_told_of_warnings(found):
    """It hears of what was rejected, what is in error, and who waits."""
    told = rows_of(found(), *TOLD_TO_THE_EXCHANGE)
    assert [row["severity"] for row in told] == ["reject", "pending"]


def test_a_member_rejected_in_an_accepted_set_has_its_row(found):
    """The 999 took the set; that our own rules refuse one of its members stands here only."""
    (row, *_) = rows_of(found(issues=[ODD], dispositions=[rejected(2, "premium-wrong")]))
    assert (row["severity"], row["rule"]) == ("reject", "premium-wrong")
    assert (row["exchange_member_id"], row["x12_field"]) == ("0001000002", None)


def test_members_that_fall_with_their_set_are_all_named(found):
    """One member's issue rejects the set; the others appear under the same rule."""
    rows = rows_of(found(issues=[BAD_DATE], dispositions=[rejected(n) for n in (1, 2, 3)]))
    ids = ["0001000001", "0001000002", "0001000003"]
    assert [row["exchange_member_id"] for row in rows] == ids
    assert [row["byte_start"] for row in rows] == [1500, 2000, 3000]


def test_an_issue_outside_any_set_keeps_its_envelope(found):
    """A fault of the interchange has its control number and no group, set or member."""
    fault = {"rule": "iea", "severity": "reject", "interchange_ordinal": 1, "segment_id": "IEA"}
    (row,) = rows_of(found(issues=[fault], dispositions=[]))
    assert row["interchange_control_number"] == "000000905"
    assert (row["group_control_number"], row["exchange_policy_id"]) == (None, None)


def test_a_value_is_told_by_its_shape_and_only_where_it_is_an_element(found, verdict, table):
    """Letters and digits are masked; a segment, and an element that is not there, have no value."""
    content = b"ISA*" + b"0" * 101 + b":~ST*834*1~NM1*IL*1*Lock=HART'7\x01\xff~"
    start = content.index(b"Lock")
    segment = content.index(b"NM1")
    places = [(3, start, len(content) - 1), (4, segment, len(content) - 1), (2, start, start)]
    issues = [
        {**BAD_DATE, "element": element, "byte_start": first, "byte_end": last}
        for element, first, last in places
    ]
    whole = {**BAD_DATE, "element": None, "byte_start": segment, "byte_end": len(content) - 1}
    about = verdict({"17": {"1001": ("E", ["5"])}}, issues=[*issues, whole])
    header = {**about.interchanges.to_pylist()[0], "byte_start": 0}
    about = verdict(
        {"17": {"1001": ("E", ["5"])}},
        issues=[*issues, whole],
        interchanges=table(tables.INTERCHANGES, [header]),
    )
    rows = rows_of(found(verdict=about, content=content, dispositions=[]))
    assert [row["masked_value"] for row in rows] == ["Aaaa=AAAA'#**", None, None, None]


def test_an_id_that_is_no_id_is_cut(found):
    """An element of a megabyte in place of a policy id does not fill the report."""
    rows = rows_of(found(members=[person(1, exchange_policy_id="9" * 1_000_000)]))
    assert rows[0]["exchange_policy_id"] == "9" * 50


def test_csv_and_workbook_hold_the_same_rows(found, report):
    """Opened again, both have every column of every finding; ids are texts, bytes are numbers."""
    folder = report(found())
    rows = rows_of(found())
    with (folder / "errors.csv").open(newline="") as stream:
        read = list(csv.DictReader(stream))
    book = openpyxl.load_workbook(folder / "errors.xlsx")
    header, *cells = book["Findings"].values

    assert read == [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]
    assert header == tuple(name.replace("_", " ") for name in ERROR_ROWS.names)
    assert cells == [tuple(row.values()) for row in rows]
    assert [row[0] for row in book["Causes"].values][1:] == ["reject", "pending", "warning"]
    assert {path.name for path in folder.iterdir()} == {"errors.csv", "errors.html", "errors.xlsx"}


@pytest.mark.control("minimum-necessary", "malicious-code")
def test_no_file_of_the_report_holds_a_name_or_a_formula(found, report):
    """Only ids are taken from members, and none of them is calculated."""
    folder = report(found(members=[person(1, exchange_policy_id="=HYPERLINK(1)")]))
    cells = openpyxl.load_workbook(folder / "errors.xlsx")["Findings"].iter_rows(min_row=2)
    shown = [cell for row in cells for cell in row if "HYPERLINK" in str(cell.value)]
    texts = [(folder / f"errors.{kind}").read_text() for kind in ("csv", "html")]

    assert {(cell.value, cell.data_type) for cell in shown} == {("'=HYPERLINK(1)", "s")}
    assert '"\'=HYPERLINK(1)"' in texts[0]
    assert not [text for text in texts if "LOCKHART" in text]


def test_the_same_findings_give_the_same_bytes(found, report):
    """A report that is made again is the same report."""
    kinds = ("csv", "html", "xlsx")
    first = [(report(found()) / f"errors.{kind}").read_bytes() for kind in kinds]
    assert [(report(found()) / f"errors.{kind}").read_bytes() for kind in kinds] == first


class Page(HTMLParser):
    """Tags with their attributes, and the text of a page."""

    def __init__(self, folder):
        super().__init__()
        self.tags, self.words = [], []
        self.feed((folder / "errors.html").read_text("utf-8"))

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def having(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


def test_without_findings_there_is_a_header_and_a_sentence(found, report):
    """An empty report is a header, and the page says so in words."""
    folder = report(found(issues=[], dispositions=[]))
    with (folder / "errors.csv").open(newline="") as stream:
        assert list(csv.reader(stream)) == [ERROR_ROWS.names]
    assert "Nothing was rejected and nothing is pending." in Page(folder).text


def test_the_page_stands_alone_and_escapes_what_it_shows(found, report):
    """No script, no image, no other host; markup in an id stays text; links stay on the page."""
    members = [person(1, exchange_policy_id="<script>alert(1)</script>")]
    page = Page(report(found(members=members)))
    targets = {attrs["href"] for attrs in page.having("a")}

    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "form"}
    assert not [attrs for _, attrs in page.tags if {"src", "onclick", "style"} & set(attrs)]
    assert targets == {"#cause-1", "#cause-2", "#cause-3"}
    assert targets <= {f"#{attrs.get('id')}" for attrs in page.having("section")}
    assert "<script>alert(1)</script>" in page.words


def test_the_page_can_be_read_by_a_screen_reader(found, report):
    """A language, one first heading, levels in order, captions, scopes, and roles that last."""
    page = Page(report(found()))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]

    assert page.having("html") == [{"lang": "en"}]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert len(page.having("caption")) == len(page.having("table")) == 5
    assert {attrs.get("scope") for attrs in page.having("th")} == {"col", "row"}
    for tag, role in (("table", "table"), ("tr", "row"), ("td", "cell")):
        # A narrow screen shows rows as blocks, which some browsers then take for no table.
        assert {attrs.get("role") for attrs in page.having(tag)} == {role}


def luminance(colour):
    """How light a colour is, as WCAG 2.1 says."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_every_text_stands_out_from_its_ground(found, report):
    """At least 4.5 to 1; colours without a ground of their own stand on white."""
    page = (report(found()) / "errors.html").read_text("utf-8")
    style = page.partition("<style>")[2].partition("</style>")[0]
    pairs = []
    for rule in re.findall(r"\{([^{}]*)\}", style):
        full = re.sub(r"#(\w)(\w)(\w)\b(?!\w)", r"#\1\1\2\2\3\3", rule)
        colour = re.search(r"(?<!-)color: (#\w{6})", full)
        ground = re.search(r"background: (#\w{6})", full)
        if colour:
            pairs.append((colour[1], ground[1] if ground else "#ffffff"))

    assert len(pairs) >= 8
    for pair in pairs:
        dark, light = sorted(map(luminance, pair))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, pair


def test_the_page_tells_cause_place_and_what_to_do(found, report):
    """A steward finds the sentence, the fix, the X12 answer, and where to look."""
    text = Page(report(found())).text
    assert "What to do Send a real date." in text
    assert "Rule bad-date , X12 code: 999 IK403 8" in text
    assert "DTP03 in loop 2300, segment 12 bytes 1,500 to 1,520" in text
    assert f"{NAME} 1 byte, SHA-256 0000000000000000…" in text
    assert "3: 1 rejected, 1 pending" in text


def test_a_file_that_is_set_apart_says_so(found, report, verdict):
    """And whether its sender hears of it: a stranger does not."""
    about = verdict({"17": {}}, issues=[BAD_DATE])
    silent, answered = (
        found(verdict=replace(about, quarantine=Quarantine("sender-unknown", is_answered=is_told)))
        for is_told in (False, True)
    )
    assert "set apart for a person; the sender is not told" in Page(report(silent)).text
    text = Page(report(answered)).text
    assert "set apart for a person" in text
    assert "not told" not in text.partition("What the severities mean")[0]
    assert "set apart" not in Page(report(found())).text


def test_an_interchange_comes_before_what_falls_with_it(found, report):
    """Among rejections the envelope is the first cause, however often others are met."""
    cut_off = {
        "rule": "iea",
        "severity": "reject",
        "snip": 1,
        "x12_field": "TA105",
        "x12_code": "023",
        "interchange_ordinal": 1,
        "message": "Cut off.",
    }
    fallen = [rejected(n, "other-rule") for n in (1, 2, 3)]
    page = Page(report(found(issues=[BAD_DATE, BAD_DATE, cut_off], dispositions=fallen)))
    causes = [row for row in page.words if row in ("Cut off.", "DTP03 is no date.", "other-rule")]
    assert causes[:3] == ["Cut off.", "DTP03 is no date.", "other-rule"]


def test_several_files_are_one_report(found, report):
    """The same cause in two files is one cause, and each place says in which file."""
    page = Page(report(found(), found(file_name="OTHER.P")))
    assert "6 findings in 2 files" in page.text
    assert page.text.count("How often 2 findings, 2 members, 2 transaction sets") == 3
    assert len([word for word in page.words if word == "OTHER.P"]) == 1 + 3


def test_a_long_report_is_cut_and_says_what_it_left_out(found, report):
    """The page and the workbook stay usable; the CSV holds every row."""
    few = ReportLimits(causes=2, places_of_a_cause=3, workbook_rows=5, batch_rows=4)
    waiting = [pending(n) for n in range(10, 40)]
    folder = report(found(dispositions=[rejected(1), *waiting]), limits=few)
    page = Page(folder)

    assert "32 findings in 1 file. All of them are in errors.csv" in page.text
    assert "errors.xlsx holds the first 5" in page.text
    assert "The first 3 of 30 places; all are in errors.csv" in page.text
    assert "1 further cause is not shown here" in page.text
    assert len(page.having("section")) == 2
    assert openpyxl.load_workbook(folder / "errors.xlsx")["Findings"].max_row == 1 + 5
    assert openpyxl.load_workbook(folder / "errors.xlsx")["Causes"].max_row == 1 + 3
    assert (folder / "errors.csv").read_text().count("\n") == 1 + 32


def test_a_worksheet_has_room_for_what_the_limits_allow():
    """Excel ends at 1,048,576 rows."""
    assert load_report_limits().workbook_rows < 1_048_576
