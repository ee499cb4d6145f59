"""The error report: what was rejected or waits for a person, and where in the file it stands.

Two kinds of row: issues of severity `reject` and `error` from the verdict, and members whose final
disposition is `rejected` or `pending` for a reason that is no such issue (the book's: an unknown
policy, say). Rows hold identifiers and places, never a value of the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO

import jinja2
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from schemas import tables
from schemas.verdict import Verdict

# One row per finding. `severity` is reject | error for issues, reject | pending for members.
ERROR_ROWS = pa.schema(
    [
        ("file_name", tables.TEXT),
        ("interchange_control_number", tables.TEXT),
        ("group_control_number", tables.TEXT),
        ("transaction_set_control_number", tables.TEXT),
        ("exchange_policy_id", tables.TEXT),
        ("exchange_member_id", tables.TEXT),
        ("rule", tables.TEXT),
        ("severity", tables.TEXT),
        ("sentence", tables.TEXT),
        ("segment_id", tables.TEXT),
        ("segment_ordinal", tables.ORDINAL),
        ("loop", tables.TEXT),
        ("element", tables.ELEMENT),
        ("component", tables.ELEMENT),
        ("byte_start", tables.BYTE),
        ("byte_end", tables.BYTE),
        ("suggested_fix", tables.TEXT),
    ]
)

SHOWN_AT_MOST = 1_000  # rows of the HTML report; the CSV holds all
# A spreadsheet takes a cell that begins so for a formula; an apostrophe makes it text.
FORMULA = r"^([=+\-@\t\r])"


@dataclass(frozen=True)
class ReportedFile:
    """One received file as the report sees it."""

    file_name: str
    verdict: Verdict
    members: pa.Table  # tables.MEMBERS
    dispositions: pa.Table  # tables.DISPOSITIONS, after the book has had its say


@dataclass(frozen=True)
class Wording:
    """What a rule or a reason of the book says, and what to do about it, by its id."""

    sentences: Mapping[str, str] = field(default_factory=dict)
    fixes: Mapping[str, str] = field(default_factory=dict)


def error_rows(file: ReportedFile, wording: Wording) -> pa.Table:
    """The report's rows (ERROR_ROWS) of one file: its issues in file order, then its members."""
    issues = file.verdict.issues
    issues = issues.filter(pc.is_in(issues["severity"], _texts(["reject", "error"])))
    return pa.concat_tables(
        [_issue_rows(file, issues, wording), _member_rows(file, issues, wording)]
    )


def write_error_report_csv(rows: pa.Table) -> bytes:
    """The rows as CSV with a header, every text quoted and no cell a formula."""
    for position, column in enumerate(rows.schema):
        if column.type == tables.TEXT:
            safe = pc.replace_substring_regex(rows[position], FORMULA, r"'\1")
            rows = rows.set_column(position, column, safe)
    buffer = BytesIO()
    csv.write_csv(rows, buffer)
    return buffer.getvalue()


def write_error_report_html(rows: pa.Table, title: str, created_at: datetime) -> bytes:
    """The rows as one page that needs nothing else: no script, no style sheet, no other host.

    It begins with the number of findings per rule and shows the first 1,000 rows.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("replies"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("error_report.html").render(
        title=title,
        created_at=created_at,
        total=rows.num_rows,
        rules=_by_rule(rows),
        rows=rows.slice(0, SHOWN_AT_MOST).to_pylist(),
    )
    return page.encode()


def _by_rule(rows: pa.Table) -> list[dict[str, object]]:
    counted = rows.group_by(["rule", "severity"]).aggregate([([], "count_all")])
    order = [("count_all", "descending"), ("rule", "ascending"), ("severity", "ascending")]
    found: list[dict[str, object]] = counted.sort_by(order).to_pylist()
    return found


def _issue_rows(file: ReportedFile, issues: pa.Table, wording: Wording) -> pa.Table:
    columns = {
        name: issues[name]
        for name in (
            *("rule", "severity", "segment_id", "segment_ordinal", "loop"),
            *("element", "component", "byte_start", "byte_end"),
        )
    }
    columns["sentence"] = issues["message"]
    return _rows(file, issues, columns, wording)


def _member_rows(file: ReportedFile, issues: pa.Table, wording: Wording) -> pa.Table:
    """Rows of members that are not accepted and have no issue of the same rule."""
    open_members = file.dispositions.filter(
        pc.is_in(file.dispositions["state"], _texts(["rejected", "pending"]))
    )
    known = pc.is_in(
        _member_and_rule(open_members["member_ordinal"], open_members["reason"]),
        _member_and_rule(issues["member_ordinal"], issues["rule"]).combine_chunks(),
    )
    members = open_members.filter(pc.invert(known))
    place = _found(members["member_ordinal"], file.members, "member_ordinal")
    rejected = pc.equal(members["state"], "rejected")
    columns = {
        "rule": members["reason"],
        "severity": pc.if_else(rejected, _text("reject"), _text("pending")),
        "sentence": _looked_up(members["reason"], wording.sentences),
        "segment_id": pa.repeat(_text("INS"), members.num_rows),
        "loop": pa.repeat(_text("2000"), members.num_rows),
        "byte_start": place["byte_start"],
        "byte_end": place["byte_end"],
    }
    return _rows(file, members, columns, wording)


def _rows(
    file: ReportedFile, source: pa.Table, columns: dict[str, pa.ChunkedArray], wording: Wording
) -> pa.Table:
    """ERROR_ROWS of a source that has ordinals, with names and numbers looked up by them."""
    verdict = file.verdict
    set_ordinals = source["set_ordinal"]
    sets = _found(set_ordinals, verdict.transaction_sets, "set_ordinal")
    group_ordinals = _ordinals(source, "group_ordinal", sets)
    groups = _found(group_ordinals, verdict.functional_groups, "group_ordinal")
    interchange_ordinals = _ordinals(source, "interchange_ordinal", groups)
    interchanges = _found(interchange_ordinals, verdict.interchanges, "interchange_ordinal")
    members = _found(source["member_ordinal"], file.members, "member_ordinal")
    columns = {
        "file_name": pa.repeat(_text(file.file_name), source.num_rows),
        "interchange_control_number": interchanges["control_number"],
        "group_control_number": groups["control_number"],
        "transaction_set_control_number": sets["control_number"],
        "exchange_policy_id": members["exchange_policy_id"],
        "exchange_member_id": members["exchange_member_id"],
        "suggested_fix": _looked_up(columns["rule"], wording.fixes),
        **columns,
    }
    return pa.table(
        [
            pc.cast(columns[name], kind) if name in columns else pa.nulls(source.num_rows, kind)
            for name, kind in zip(ERROR_ROWS.names, ERROR_ROWS.types, strict=True)
        ],
        schema=ERROR_ROWS,
    )


def _ordinals(source: pa.Table, name: str, inner: pa.Table) -> pa.ChunkedArray:
    """The source's own ordinal, else that of the envelope found inside it."""
    if name not in source.schema.names:
        return inner[name]
    return pc.coalesce(source[name], inner[name])


def _found(ordinals: pa.ChunkedArray, table: pa.Table, key: str) -> pa.Table:
    """The table's row for each ordinal, all null where there is none."""
    return table.take(pc.index_in(ordinals, value_set=table[key].combine_chunks()))


def _looked_up(ids: pa.ChunkedArray, texts: Mapping[str, str]) -> pa.ChunkedArray:
    place = pc.index_in(ids, value_set=_texts(list(texts)))
    return _texts(list(texts.values())).take(place)


def _member_and_rule(members: pa.ChunkedArray, rules: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(pc.cast(members, pa.large_string()), rules, _text(" "))


def _texts(values: list[str]) -> pa.Array:
    return pa.array(values, pa.large_string())


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())
