"""Triage: what stewards work off, cases and breaks in one queue, each of them on its own page."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from console.queue import (
    BREAK,
    CASE,
    CAUSES,
    QUEUE,
    address_of,
    filters_in,
    filters_of,
    now_of,
    page_of,
)
from console.screens.files import number_of
from console.screens.triage_items import OF_COVERAGE, item_of
from console.screens.views import views_of
from console.visits import Admitted, Visit
from ledger.corrections import FIT, Word
from ledger.words import Said, act, needing_second
from pipeline.corrections import Correcting, Tried, draft_correction, resubmit
from pipeline.disputes import DESKS, draft
from schemas.errors import Terminal
from schemas.work import Action, load_work_rules

router = APIRouter()

_CHOSEN = {
    CASE: """
SELECT case_id AS number, partner_id, subject, rule AS cause, state,
  coalesce(abs(premium), 0) + coalesce(abs(aptc), 0) AS dollars
FROM ledger.case WHERE case_id = ANY(:ids) AND partner_id = ANY(:partners) ORDER BY case_id
""",
    BREAK: """
SELECT break_id AS number, partner_id, 'policy ' || coalesce(exchange_policy_id, 'unknown')
    AS subject, coalesce(field, kind) AS cause, state,
  coalesce(abs(premium_difference), 0) + coalesce(abs(aptc_difference), 0)
    + coalesce(abs(csr_difference), 0) AS dollars
FROM reconciliation.break WHERE break_id = ANY(:ids) AND partner_id = ANY(:partners)
ORDER BY break_id
""",
}


@router.get("/triage")
def queue(visit: Admitted) -> Response:
    """Open work, the most urgent first; the address says all that is asked for.

    Without any filter it opens as the person's own view does, where there is one.
    """
    views = views_of(visit)
    first = next((one for one in views if one.is_default), None)
    if first is not None and not visit.request.url.query and first.address != QUEUE:
        return visit.go(first.address)
    filters = filters_of(visit.request.query_params)
    rows, following = page_of(visit, filters, visit.request.query_params.get("after", ""))
    return visit.page(
        "triage.html",
        rows=rows,
        causes=visit.ask(CAUSES, today=now_of(visit).date()),
        asked=filters,
        here=address_of(filters),
        following=following,
        actions=[one for one in load_work_rules().actions if not one.answers],
        now=now_of(visit),
        views=views,
    )


@router.get("/triage/{work}/{number}")
def item(visit: Admitted, work: str, number: int) -> Response:
    """One case or break: what is wrong, all sides' values, its bytes, and what may be done."""
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
    is_asked = found.row["asked_by"] is not None
    rules = load_work_rules()
    actions = rules.possible(found.row["state"], found.row["kind"], is_asked=is_asked)
    return visit.page(
        "triage_item.html",
        status=status,
        item=found,
        actions=[one for one in actions if not one.answers],
        answers=[one for one in actions if one.answers],
        of_coverage=OF_COVERAGE,
        wrong=wrong,
        tried=tried,
        typed=visit.form.get("edits", ""),
        issues=tried.verdict.issues.to_pylist() if tried else [],
        is_fit=tried is not None and tried.verdict.file_verdict in FIT,
        now=now_of(visit),
    )


@router.post("/triage/{work}/{number}")
def say(visit: Admitted, work: str, number: int) -> Response:
    """A person's word about one of them; who has looked at an older version is shown the newest."""
    return _say(visit, work, number, answers=False)


@router.post("/triage/{work}/{number}/second")
def answer(visit: Admitted, work: str, number: int) -> Response:
    """The second person's word about what somebody has asked for."""
    return _say(visit, work, number, answers=True)


def _say(visit: Visit, work: str, number: int, *, answers: bool) -> Response:
    item_of(visit, work, number)
    version = visit.form.get("version", "")
    try:
        said = _said(visit, answers=answers)
        with visit.acting() as conn:
            versions = {number: int(version[:9])} if version.isascii() and version.isdigit() else {}
            told = _apply(conn, visit, work, [number], said, versions)
    except Terminal as error:
        return _shown(visit, work, number, status=409, wrong=str(error))
    return visit.go(f"/triage/{work}/{number}", told)


def _apply(  # noqa: PLR0913 - a word, and what it is about
    conn: sa.Connection,
    visit: Visit,
    work: str,
    ids: list[int],
    said: Said,
    versions: Mapping[int, int],
) -> str:
    """What was done with all of them, in a sentence. Raises Terminal when any of it cannot be."""
    desk = DESKS[work]
    second = len(needing_second(conn, desk, ids, said.action))
    if said.action == "dispute":
        word = Word(said.person, said.account, said.reason or "")
        draft(conn, visit.house, work, ids, word, versions)
        told = "Drafted. It is released or dropped under Disputes"
        return f"{told}, by another person than you." if second else f"{told}."
    act(conn, desk, ids, said, versions)
    done = said.action.replace("-", " ")
    asked = f" {second} of {len(ids)} wait for a second person." if second else ""
    return f"Noted: {done}.{asked}"


@router.post("/triage/case/{number}/correct")
def correct(visit: Admitted, number: int) -> Response:
    """Checks a correction as it is typed, or keeps it as the draft of the case."""
    item_of(visit, CASE, number)
    seen = number_of(visit.form.get("file", "")), number_of(visit.form.get("set", ""))
    texts = [line.strip() for line in visit.form.get("edits", "").splitlines() if line.strip()]
    try:
        if visit.form.get("do") == "keep":
            word = Word(visit.person.name, visit.account, visit.reason)
            draft_correction(visit.house, number, texts, word, seen)
            return visit.go(f"/triage/case/{number}", "The draft is kept. It may be resubmitted.")
        correcting = Correcting(visit.house, number, seen)
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
        resubmit(visit.house, number, word, number_of(visit.form.get("correction", "")))
    except Terminal as error:
        return _shown(visit, CASE, number, status=409, wrong=str(error))
    return visit.go(f"/triage/case/{number}", "The next night takes it in.")


def _said(visit: Visit, *, answers: bool) -> Said:
    named = visit.form.get("action", "")
    if named not in {one.name for one in load_work_rules().actions if one.answers == answers}:
        raise HTTPException(404)
    until = visit.form.get("until", "")
    try:
        day = date.fromisoformat(until) if until else None
    except ValueError:
        raise Terminal("That is no day. Write it as 2026-12-31.") from None
    if day is not None and day < now_of(visit).date():
        raise Terminal(f"{day} is past. Give a day to come.")
    return Said(
        named,
        visit.person.name,
        visit.account,
        reason=visit.form.get("reason"),
        owner=visit.form.get("owner"),
        until=day,
    )


@router.post("/triage")
def bulk(visit: Admitted) -> Response:
    """The same word about several: first a preview, then all of it or nothing."""
    versions = _chosen(visit)
    said = _said(visit, answers=False)
    action = load_work_rules().action(said.action)
    if not any(versions.values()):
        raise Terminal("Nothing is chosen. Go back, and tick what it is about.")
    rows = {work: visit.ask(_CHOSEN[work], ids=list(ids)) for work, ids in versions.items() if ids}
    if sum(map(len, rows.values())) != sum(map(len, versions.values())):
        raise HTTPException(404)
    back = address_of(filters_in(visit.form.get("back", "")))
    if visit.form.get("confirmed") != "yes":
        return _preview(visit, action, rows, versions, back)
    with visit.acting() as conn:
        told = [_apply(conn, visit, w, list(ids), said, ids) for w, ids in versions.items() if ids]
    return visit.go(back, " ".join(dict.fromkeys(told)))


def _chosen(visit: Visit) -> dict[str, dict[int, int]]:
    """The versions of what is ticked, by work and number."""
    found: dict[str, dict[int, int]] = {work: {} for work in DESKS}
    for name, value in visit.form.items():
        work, _, number = name.partition("-")
        digits = number + value
        if work in found and number and value and digits.isascii() and digits.isdigit():
            found[work][int(number[:18])] = int(value[:9])
    return found


def _preview(
    visit: Visit,
    action: Action,
    rows: Mapping[str, list[Any]],
    versions: Mapping[str, Mapping[int, int]],
    back: str,
) -> Response:
    """What would become of all of them, and which of them stop it."""
    with visit.reading() as conn:
        second = {
            (work, number)
            for work, ids in versions.items()
            for number in needing_second(conn, DESKS[work], list(ids), action.name)
        }
    listed = [(work, row) for work, found in rows.items() for row in found]
    return visit.page(
        "triage_bulk.html",
        action=action,
        rows=listed,
        versions=versions,
        second=second,
        stopped=[(work, row) for work, row in listed if row.state not in action.from_],
        dollars=sum(row.dollars for _, row in listed),
        back=back,
    )
