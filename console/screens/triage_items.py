"""One piece of work as its page shows it: a case or a break, with its place in the bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from fastapi import HTTPException

from console.visits import Visit
from ledger.case_queries import Case, read_case
from ledger.corrections import corrections_of
from pipeline.breaks_report import suggested, what
from pipeline.cases_report import rule_of, sentence
from reconciliation.break_queries import Break, read_break
from schemas.breaks import load_break_rules
from schemas.cases import load_case_rules

CASE, BREAK = "case", "break"
_AROUND = 12  # segments that are shown before and behind the one at fault

_OF_CASE = "SELECT case_id FROM ledger.case WHERE case_id = :number AND partner_id = ANY(:partners)"
_OF_BREAK = """
SELECT break_id FROM reconciliation.break WHERE break_id = :number AND partner_id = ANY(:partners)
"""


@dataclass(frozen=True)
class Segment:
    """One segment of the file, without its values."""

    ordinal: int
    segment_id: str
    loop: str | None
    byte_start: int
    byte_end: int
    is_faulty: bool


@dataclass(frozen=True)
class Item:
    """What the page of a case or a break shows."""

    work: str
    number: int
    row: Mapping[str, Any]
    title: str
    wrong: str  # in one sentence
    says: str  # what sort of work it is
    fix: str
    rule_id: str | None
    source: str | None
    severity: str | None
    proof: str  # what makes it gone, or what has
    events: list[dict[str, Any]]
    file_id: int | None
    file_name: str | None
    issue: Mapping[str, Any] | None = None
    has_values: bool = False  # both sides, which a reveal shows
    segments: list[Segment] = field(default_factory=list)
    blocked_by: list[int] = field(default_factory=list)
    corrections: list[dict[str, Any]] = field(default_factory=list)
    due_at: Any = None


def item_of(visit: Visit, work: str, number: int) -> Item:
    """The case or break of that number; 404 when the person does not see its partner."""
    if work == CASE:
        visit.find(_OF_CASE, number=number)
        with visit.reading() as conn:
            case = read_case(conn, number)
            drafts = corrections_of(conn, number)
        assert case is not None
        return _case(visit, case, drafts)
    if work == BREAK:
        visit.find(_OF_BREAK, number=number)
        with visit.reading() as conn:
            found = read_break(conn, number)
        assert found is not None
        return _break(found)
    raise HTTPException(404)


def _case(visit: Visit, case: Case, drafts: list[dict[str, Any]]) -> Item:
    row, rule = case.row, rule_of(case.row)
    kind = load_case_rules().kind(row["kind"])
    gone = f"Proved by {case.proof}." if case.proof else "Closed by a person."
    return Item(
        CASE,
        row["case_id"],
        row,
        row["subject"],
        sentence(case),
        kind.says,
        rule.fix if rule else "Ask the exchange for a file that can be read.",
        row["rule"],
        rule.source if rule else None,
        row["severity"],
        gone if row["state"] == "resolved" else kind.proof,
        case.events,
        row["file_id"],
        case.file["name"],
        case.issue,
        segments=_segments(visit.house.settings.tables_folder / str(row["file_id"]), case),
        blocked_by=case.blocked_by,
        corrections=drafts,
        due_at=row["due_at"],
    )


def _segments(folder: Path, case: Case) -> list[Segment]:
    """The segments around the one at fault, or the first of the set."""
    path = folder / "segments.parquet"
    if case.row["set_ordinal"] is None or not path.is_file():
        return []
    wanted = pc.field("set_ordinal") == case.row["set_ordinal"]
    names = ["segment_ordinal", "segment_id", "loop_id", "byte_start", "byte_end"]
    rows = pq.read_table(path, columns=names, filters=wanted).to_pylist()
    at = (case.issue or {}).get("byte_start")
    known = [row for row in rows if at is not None and row["byte_start"] <= at <= row["byte_end"]]
    faulty = known[0]["segment_ordinal"] if known else None
    middle = faulty or 1
    rows = [row for row in rows if abs(row["segment_ordinal"] - middle) <= _AROUND]
    return [
        Segment(
            row["segment_ordinal"], row["segment_id"], row["loop_id"], row["byte_start"],
            row["byte_end"], row["segment_ordinal"] == faulty,
        )
        for row in rows
    ]  # fmt: skip


def _break(found: Break) -> Item:
    row = found.row
    source = load_break_rules().source(row["source"])
    decides, action = suggested(row)
    number = row["break_id"]
    about = what(row) if row["kind"] != "differs" else f"{row['field']} differs"
    return Item(
        BREAK,
        number,
        row,
        f"policy {row['exchange_policy_id'] or 'unknown'}",
        f"{about[:1].upper()}{about[1:]}, by {source.says}.",
        source.says,
        (f"The {decides} decides. " if decides else "") + action,
        row["rule"],
        None,
        None,
        "A comparison finds it no more.",
        found.events,
        row["file_id"],
        found.file_name,
        has_values=row["field"] is not None,
    )
