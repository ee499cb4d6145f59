"""The queue of open work: cases and breaks in one order, by filters that an address holds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

from console.visits import Visit

QUEUE = "/triage"
CASE, BREAK = "case", "break"
ROWS = 25
FILTERS = ("work", "sort", "partner", "owner", "cause", "show", "due")

# What an item is worth a month, as a second person's bound counts it; null where it has no dollars.
_OF_CASE = """CASE WHEN num_nonnulls(premium, aptc) > 0
    THEN coalesce(abs(premium), 0) + coalesce(abs(aptc), 0) END"""
_OF_BREAK = """CASE WHEN num_nonnulls(premium_difference, aptc_difference, csr_difference) > 0
    THEN coalesce(abs(premium_difference), 0) + coalesce(abs(aptc_difference), 0)
      + coalesce(abs(csr_difference), 0) END"""
# Both sorts of work in one shape, what is escalated first. Each branch walks its own index
# (`ix_case_due`, `ix_break_due`) and brings one page.
CASES_DUE = f"""
SELECT 'case' AS work, case_id AS number, partner_id, kind AS sort, rule AS cause, subject,
  severity, state, owner, is_escalated, asked_by, due_at, first_seen, times_seen,
  {_OF_CASE} AS dollars, version
FROM ledger.case
WHERE {{shown}} AND partner_id = ANY(:partners)
  AND ((NOT is_escalated), due_at, case_id, 'case') > (:calm, :due, :number, :after_work)
  AND (:partner = '' OR partner_id = :partner) AND (:owner = '' OR owner = :owner)
  AND (:sort = '' OR kind = :sort) AND (:cause = '' OR rule = :cause)
  AND (NOT :nobody OR owner IS NULL) AND due_at <= :latest
ORDER BY (NOT is_escalated), due_at, case_id LIMIT :rows
"""  # noqa: S608, our own words
BREAKS_DUE = f"""
SELECT 'break' AS work, break_id AS number, partner_id, source AS sort,
  coalesce(field, kind) AS cause, 'policy ' || coalesce(exchange_policy_id, 'unknown') AS subject,
  'differs' AS severity, state, owner, is_escalated, asked_by, due_at, first_seen, times_seen,
  {_OF_BREAK} AS dollars, version
FROM reconciliation.break
WHERE {{shown}} AND partner_id = ANY(:partners)
  AND ((NOT is_escalated), due_at, break_id, 'break') > (:calm, :due, :number, :after_work)
  AND (:partner = '' OR partner_id = :partner) AND (:owner = '' OR owner = :owner)
  AND (:sort = '' OR source = :sort) AND (:cause = '' OR coalesce(field, kind) = :cause)
  AND (NOT :nobody OR owner IS NULL)
  AND due_at <= :latest
ORDER BY (NOT is_escalated), due_at, break_id LIMIT :rows
"""  # noqa: S608, our own words
OPEN = "state NOT IN ('resolved', 'waived') AND coalesce(snoozed_until < :today, true)"
ASKED = "state NOT IN ('resolved', 'waived') AND asked_by IS NOT NULL"
CAUSES = f"""
SELECT 'case' AS work, kind AS sort, rule AS cause, count(*) AS open_items,
  coalesce(sum({_OF_CASE}), 0) AS dollars, min(due_at) AS due_at
FROM ledger.case
WHERE {OPEN} AND partner_id = ANY(:partners) GROUP BY 1, 2, 3
UNION ALL
SELECT 'break', source, coalesce(field, kind), count(*),
  coalesce(sum({_OF_BREAK}), 0), min(due_at)
FROM reconciliation.break
WHERE {OPEN} AND partner_id = ANY(:partners) GROUP BY 1, 2, 3
ORDER BY open_items DESC, work, sort, cause LIMIT 8
"""  # noqa: S608
_BRANCHES = {CASE: CASES_DUE, BREAK: BREAKS_DUE}


def now_of(visit: Visit) -> datetime:
    """The hour, or that of the last night where its clock is ahead, as in a demo."""
    clock = "SELECT greatest(clock_timestamp(), max(as_of)) AS now FROM ledger.run"
    (row,) = visit.ask_house(clock)
    now: datetime = row.now
    return now.astimezone(UTC)


def filters_of(asked: Mapping[str, str]) -> dict[str, str]:
    """The filters that something names, each of them, "" where it does not."""
    return {name: asked.get(name, "").strip()[:80] for name in FILTERS}


def address_of(filters: Mapping[str, str], **more: str) -> str:
    """The queue's address with these filters."""
    told = {name: value for name, value in (dict(filters) | more).items() if value}
    return QUEUE + (f"?{urlencode(told)}" if told else "")


def filters_in(query: str) -> dict[str, str]:
    """The filters of the part of an address behind its question mark."""
    return filters_of({name: values[0] for name, values in parse_qs(query).items()})


def page_of(visit: Visit, filters: Mapping[str, str], after: str) -> tuple[list[Any], str]:
    """A page of the queue behind a place, and the address of the next one ("" at the end)."""
    rows = _page(visit, filters, after)
    if len(rows) <= ROWS:
        return rows, ""
    calm, due, number, work = _place(rows[ROWS - 1])
    return rows[:ROWS], address_of(filters, after=f"{int(calm)} {due.isoformat()} {number} {work}")


def _page(visit: Visit, filters: Mapping[str, str], after: str) -> list[Any]:
    """One row more than a page, in the order of the queue."""
    calm, due, number, work = _after(after)
    today = now_of(visit).date()
    end = datetime.combine(today, datetime.max.time(), UTC)
    shown = {"all": "true", "asked": ASKED}.get(filters["show"], OPEN)
    told = {
        "calm": calm,
        "due": due,
        "number": number,
        "after_work": work,
        "partner": filters["partner"],
        "owner": "" if filters["owner"] == "-" else filters["owner"],
        "nobody": filters["owner"] == "-",
        "cause": filters["cause"],
        "sort": filters["sort"],
        "latest": end if filters["due"] == "today" else datetime(9999, 1, 1, tzinfo=UTC),
        "rows": ROWS + 1,
    }
    if shown == OPEN:
        told["today"] = today
    wanted = [_BRANCHES[filters["work"]]] if filters["work"] in _BRANCHES else _BRANCHES.values()
    found = [row for one in wanted for row in visit.ask(one.format(shown=shown), **told)]
    return sorted(found, key=_place)[: ROWS + 1]


def _place(row: Any) -> tuple[bool, datetime, int, str]:
    """Where a row stands in the queue."""
    return not row.is_escalated, row.due_at, row.number, row.work


def _after(text: str) -> tuple[bool, datetime, int, str]:
    """The place behind which the page begins."""
    try:
        calm, moment, number, work = text.split(" ")
        return calm == "1", datetime.fromisoformat(moment).astimezone(UTC), int(number[:18]), work
    except (ValueError, OverflowError):
        return False, datetime(1900, 1, 1, tzinfo=UTC), 0, ""
