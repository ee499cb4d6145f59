"""One piece of work as its page shows it: a case or a break, with its place in the bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from fastapi import HTTPException

from console.queue import BREAK, CASE
from console.segments import Place, Segment, segments_around, segments_between
from console.visits import Visit
from ledger.case_queries import Case, read_case
from ledger.corrections import corrections_of
from ledger.disputes import list_disputes
from pipeline.breaks_report import suggested, what
from pipeline.cases_report import places_of, rule_of, sentence
from pipeline.three_sides import Sides, of_work, three_sides
from reconciliation.break_queries import Break, read_break
from schemas.breaks import load_break_rules
from schemas.cases import load_case_rules

# What of a member says nothing of who somebody is: shown to whoever sees the page.
OF_COVERAGE = frozenset(
    [
        *("relationship_code", "plan_id", "insurance_line", "benefit_begin", "benefit_end"),
        *("premium_total", "aptc", "csr", "responsible_amount", "individual_premium"),
    ]
)

_OF_CASE = "SELECT case_id FROM ledger.case WHERE case_id = :number AND partner_id = ANY(:partners)"
_OF_BREAK = """
SELECT break_id FROM reconciliation.break WHERE break_id = :number AND partner_id = ANY(:partners)
"""

_FILE = (
    "SELECT storage_key FROM ledger.file WHERE file_id = :file_id AND partner_id = ANY(:partners)"
)


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
    sides: Sides | None = None
    segments: list[Segment] = field(default_factory=list)
    disputes: list[dict[str, Any]] = field(default_factory=list)
    blocked_by: list[int] = field(default_factory=list)
    corrections: list[dict[str, Any]] = field(default_factory=list)

    @property
    def faulty(self) -> Segment | None:
        """The segment at fault, where there is one."""
        return next((one for one in self.segments if one.is_faulty), None)


def item_of(visit: Visit, work: str, number: int) -> Item:
    """The case or break of that number; 404 when the person does not see its partner."""
    if work == CASE:
        visit.find(_OF_CASE, number=number)
        with visit.reading() as conn:
            case = read_case(conn, number)
            assert case is not None
            return _case(visit, conn, case)
    if work == BREAK:
        visit.find(_OF_BREAK, number=number)
        with visit.reading() as conn:
            found = read_break(conn, number)
            assert found is not None
            return _break(visit, conn, found)
    raise HTTPException(404)


def _case(visit: Visit, conn: sa.Connection, case: Case) -> Item:
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
        sides=three_sides(visit.house, conn, of_work(CASE, row)),
        segments=segments_around(visit.house, _place(case)),
        disputes=list_disputes(conn, case_id=row["case_id"]),
        blocked_by=case.blocked_by,
        corrections=[
            one | {"places": places_of(one["edits"])}
            for one in corrections_of(conn, row["case_id"])
        ],
    )


def _told_of(visit: Visit, found: Break) -> list[Segment]:
    """The member's segments in the exchange's file that is behind the book's value."""
    if found.byte_start is None or found.byte_end is None:
        return []
    (file,) = visit.ask(_FILE, file_id=found.row["file_id"])
    span = (found.byte_start, found.byte_end)
    return segments_between(visit.house, found.row["file_id"], file.storage_key, span)


def _place(case: Case) -> Place:
    row, issue = case.row, case.issue or {}
    start, key = issue.get("byte_start"), case.file["storage_key"]
    return Place(row["file_id"], key, row["set_ordinal"], start, row["element"])


def _break(visit: Visit, conn: sa.Connection, found: Break) -> Item:
    row = found.row
    source = load_break_rules().source(row["source"])
    decides, action = suggested(row)
    number = row["break_id"]
    about = what(row) if row["kind"] != "differs" else f"{row['field'].replace('_', ' ')} differs"
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
        segments=_told_of(visit, found),
        sides=three_sides(visit.house, conn, of_work(BREAK, row)),
        disputes=list_disputes(conn, break_id=number),
    )
