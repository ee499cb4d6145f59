"""Triage: what stewards work off, cases and breaks in one queue, each of them on its own page."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from console.screens.triage_items import BREAK, CASE, item_of
from console.visits import Admitted, Visit
from ledger.corrections import FIT, Word
from ledger.words import Said, act
from pipeline.corrections import Correcting, Tried, draft_correction, resubmit
from schemas.breaks import BREAKS
from schemas.cases import CASES
from schemas.errors import Terminal
from schemas.work import Desk, load_work_rules

router = APIRouter()

_ROWS = 25
_DESKS: dict[str, Desk] = {CASE: CASES, BREAK: BREAKS}
_FILTERS = ("work", "partner", "owner", "cause", "show", "due")
_BULK = ("assign", "begin", "wait-for-exchange", "wait-for-carrier", "snooze", "escalate", "waive")

# Both sorts of work in one shape. A break has no term of its own: it is given that of a case. Each
# branch walks its own index (`ix_case_due`, `ix_break_due`) and brings one page.
CASES_DUE = """
SELECT 'case' AS work, case_id AS number, partner_id, kind AS sort, rule AS cause, subject,
  severity, state, owner, is_escalated, due_at, first_seen, times_seen, premium, aptc, version
FROM ledger.case
WHERE {shown} AND partner_id = ANY(:partners)
  AND (due_at, case_id, 'case') > (:due, :number, :after_work)
  AND (:partner = '' OR partner_id = :partner) AND (:owner = '' OR owner = :owner)
  AND (:cause = '' OR rule = :cause) AND (NOT :nobody OR owner IS NULL) AND due_at <= :latest
ORDER BY due_at, case_id LIMIT :rows
"""
BREAKS_DUE = """
SELECT 'break' AS work, break_id AS number, partner_id, source AS sort,
  coalesce(field, kind) AS cause, 'policy ' || coalesce(exchange_policy_id, 'unknown') AS subject,
  'differs' AS severity, state, owner, is_escalated, first_seen + interval '72 hours' AS due_at,
  first_seen, times_seen, premium_difference AS premium, aptc_difference AS aptc, version
FROM reconciliation.break
WHERE {shown} AND partner_id = ANY(:partners)
  AND (first_seen, break_id, 'break') > (:due - interval '72 hours', :number, :after_work)
  AND (:partner = '' OR partner_id = :partner) AND (:owner = '' OR owner = :owner)
  AND (:cause = '' OR coalesce(field, kind) = :cause) AND (NOT :nobody OR owner IS NULL)
  AND first_seen <= :latest - interval '72 hours'
ORDER BY first_seen, break_id LIMIT :rows
"""
OPEN = "state NOT IN ('resolved', 'waived') AND coalesce(snoozed_until < :today, true)"
_CAUSES = """
SELECT 'case' AS work, kind AS sort, rule AS cause, count(*) AS open_items,
  coalesce(sum(premium), 0) AS premium, min(due_at) AS due_at
FROM ledger.case
WHERE state NOT IN ('resolved', 'waived') AND partner_id = ANY(:partners) GROUP BY 1, 2, 3
UNION ALL
SELECT 'break', source, coalesce(field, kind), count(*),
  coalesce(sum(abs(premium_difference)), 0), min(first_seen) + interval '72 hours'
FROM reconciliation.break
WHERE state NOT IN ('resolved', 'waived') AND partner_id = ANY(:partners) GROUP BY 1, 2, 3
ORDER BY open_items DESC, work, sort, cause LIMIT 8
"""


@router.get("/triage")
def queue(visit: Admitted) -> Response:
    """Open work, the most urgent first; the address says all that is asked for."""
    asked = {name: visit.request.query_params.get(name, "")[:80] for name in _FILTERS}
    rows = _page(visit, asked)
    following = ""
    if len(rows) > _ROWS:
        rows = rows[:_ROWS]
        last = {"after": f"{rows[-1].due_at.isoformat()} {rows[-1].number} {rows[-1].work}"}
        following = "/triage?" + urlencode({k: v for k, v in asked.items() if v} | last)
    return visit.page(
        "triage.html",
        rows=rows,
        causes=visit.ask(_CAUSES),
        asked=asked,
        following=following,
        actions=[load_work_rules().action(name) for name in _BULK],
        now=_now(visit),
        views=_views(visit),
    )


def _now(visit: Visit) -> datetime:
    """The hour, or that of the last night where its clock is ahead, as in a demo."""
    clock = "SELECT greatest(clock_timestamp(), max(as_of)) AS now FROM ledger.run"
    (row,) = visit.ask_house(clock)
    now: datetime = row.now
    return now.astimezone(UTC)


def _today(visit: Visit) -> date:
    (row,) = visit.ask_house("SELECT CAST(clock_timestamp() AT TIME ZONE 'UTC' AS date) AS day")
    day: date = row.day
    return day


def _views(visit: Visit) -> list[tuple[str, str]]:
    """Views by name, with their addresses."""
    return [
        ("All open", "/triage"),
        ("Mine", "/triage?" + urlencode({"owner": visit.person.name})),
        ("Without an owner", "/triage?owner=-"),
        ("Due today", "/triage?due=today"),
        ("Rejected and waiting", "/triage?work=case"),
        ("Breaks", "/triage?work=break"),
    ]


def _page(visit: Visit, asked: Mapping[str, str]) -> list[Any]:
    """One row more than a page, in the order of their terms."""
    due, number, work = _after(visit.request.query_params.get("after", ""))
    today = _now(visit).date()
    end = datetime.combine(today, datetime.max.time(), UTC)
    shown = "true" if asked["show"] == "all" else OPEN
    branches = {CASE: CASES_DUE, BREAK: BREAKS_DUE}
    wanted = [branches[asked["work"]]] if asked["work"] in branches else list(branches.values())
    told = {
        "due": due,
        "number": number,
        "after_work": work,
        "partner": asked["partner"],
        "owner": "" if asked["owner"] == "-" else asked["owner"],
        "nobody": asked["owner"] == "-",
        "cause": asked["cause"],
        "latest": end if asked["due"] == "today" else datetime(9999, 1, 1, tzinfo=UTC),
        "rows": _ROWS + 1,
    }
    if shown == OPEN:
        told["today"] = today
    found = [row for one in wanted for row in visit.ask(one.format(shown=shown), **told)]
    return sorted(found, key=lambda row: (row.due_at, row.number, row.work))[: _ROWS + 1]


def _after(text: str) -> tuple[datetime, int, str]:
    """The term, number and sort of work behind which the page begins."""
    try:
        moment, number, work = text.split(" ")
        return datetime.fromisoformat(moment).astimezone(UTC), int(number), work
    except ValueError:
        return datetime(1, 1, 2, tzinfo=UTC) + timedelta(days=400), 0, ""


@router.get("/triage/{work}/{number}")
def item(visit: Admitted, work: str, number: int) -> Response:
    """One case or break: what is wrong, both sides' values, its bytes, and what may be done."""
    return _shown(visit, work, number)


def _shown(  # noqa: PLR0913 - what is to be shown beside the item
    visit: Visit,
    work: str,
    number: int,
    *,
    status: int = 200,
    wrong: str = "",
    tried: Tried | None = None,
) -> Response:
    found = item_of(visit, work, number)
    actions = load_work_rules().possible(found.row["state"], found.row["kind"])
    return visit.page(
        "triage_item.html",
        status=status,
        item=found,
        actions=actions,
        wrong=wrong,
        tried=tried,
        typed=visit.form.get("edits", ""),
        issues=tried.verdict.issues.to_pylist() if tried else [],
        is_fit=tried is not None and tried.verdict.file_verdict in FIT,
        now=_now(visit),
    )


@router.post("/triage/{work}/{number}")
def say(visit: Admitted, work: str, number: int) -> Response:
    """A person's word about one of them; who has looked at an older version is shown the newest."""
    item_of(visit, work, number)
    version = visit.form.get("version", "")
    try:
        with visit.acting() as conn:
            said = _said(visit)
            act(conn, _DESKS[work], [number], said, int(version) if version.isdigit() else None)
    except Terminal as error:
        return _shown(visit, work, number, status=409, wrong=str(error))
    return visit.go(f"/triage/{work}/{number}", f"Noted: {said.action.replace('-', ' ')}.")


@router.post("/triage/case/{number}/correct")
def correct(visit: Admitted, number: int) -> Response:
    """Checks a correction as it is typed, or keeps it as the draft of the case."""
    item_of(visit, CASE, number)
    texts = [line.strip() for line in visit.form.get("edits", "").splitlines() if line.strip()]
    try:
        if visit.form.get("do") == "keep":
            word = Word(visit.person.name, visit.account, visit.reason)
            draft_correction(visit.house, number, texts, word)
            return visit.go(f"/triage/case/{number}", "The draft is kept. It may be resubmitted.")
        correcting = Correcting(visit.house, number)
        tried = correcting.attempt([correcting.edit(text) for text in texts])
    except Terminal as error:
        return _shown(visit, CASE, number, status=409, wrong=str(error))
    return _shown(visit, CASE, number, tried=tried)


@router.post("/triage/case/{number}/resubmit")
def send_again(visit: Admitted, number: int) -> Response:
    """Lets the next night take in the draft."""
    item_of(visit, CASE, number)
    try:
        word = Word(visit.person.name, visit.account, visit.reason)
        resubmit(visit.house, number, word)
    except Terminal as error:
        return _shown(visit, CASE, number, status=409, wrong=str(error))
    return visit.go(f"/triage/case/{number}", "The next night takes it in.")


def _said(visit: Visit) -> Said:
    action = visit.form.get("action", "")
    if action not in {one.name for one in load_work_rules().actions}:
        raise HTTPException(404)
    until = visit.form.get("until", "")
    try:
        day = date.fromisoformat(until) if until else None
    except ValueError:
        raise Terminal("That is no day. Write it as 2026-12-31.") from None
    if day is not None and day < _today(visit):
        raise Terminal(f"{day} is past. Give a day to come.")
    return Said(
        action,
        visit.person.name,
        visit.account,
        reason=visit.form.get("reason"),
        owner=visit.form.get("owner"),
        until=day,
    )


@router.post("/triage")
def bulk(visit: Admitted) -> Response:
    """The same word about several: first a preview, then all of it or nothing."""
    chosen = sorted(name for name in visit.form if name.partition("-")[0] in _DESKS)
    ids: dict[str, list[int]] = {work: [] for work in _DESKS}
    for name in chosen:
        work, _, number = name.partition("-")
        if number.isdigit():
            ids[work].append(item_of(visit, work, int(number[:18])).number)
    said = _said(visit)
    count = sum(map(len, ids.values()))
    if not count:
        raise Terminal("Nothing is chosen. Go back, and tick what it is about.")
    action = load_work_rules().action(said.action)
    if visit.form.get("confirmed") != "yes":
        kept = [name for name in chosen if name.partition("-")[2].isdigit()]
        return visit.page("triage_bulk.html", action=action, chosen=kept, count=count, ids=ids)
    with visit.acting() as conn:
        for work, numbers in ids.items():
            if numbers:
                act(conn, _DESKS[work], numbers, said)
    return visit.go("/triage", f"Noted, of {count}: {said.action.replace('-', ' ')}.")
