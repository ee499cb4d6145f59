"""Disputes: drafts of breaks and cases that a person releases to the exchange, or drops."""

from typing import cast

from fastapi import APIRouter
from starlette.responses import Response

from console.queue import now_of
from console.screens.files import number_of
from console.visits import Admitted
from ledger.corrections import Word
from ledger.disputes import IS_OVER, Decision
from pipeline.disputes import decide
from schemas.errors import Terminal

router = APIRouter()

_ROWS = 50
_PAGE = f"""
SELECT d.dispute_id, d.partner_id, d.break_id, d.case_id, d.exchange_policy_id, d.field, d.dollars,
  d.due_on, d.needs_second, d.state, d.drafted_by, d.reason, d.decided_by, d.decision_reason,
  t.dispute_file_id, {IS_OVER} AS is_over
FROM ledger.dispute d LEFT JOIN ledger.dispute_told t ON t.dispute_id = d.dispute_id
WHERE d.state = :state AND d.partner_id = ANY(:partners) AND d.dispute_id < :before
ORDER BY d.dispute_id DESC LIMIT :rows
"""  # noqa: S608
_MINE = """
SELECT dispute_id FROM ledger.dispute WHERE dispute_id = :number AND partner_id = ANY(:partners)
"""
_STATES = ("draft", "released", "dropped")


@router.get("/triage/disputes")
def disputes(visit: Admitted) -> Response:
    """Disputes of one state, the newest first."""
    asked = visit.request.query_params.get("state", "")
    state = asked if asked in _STATES else "draft"
    given = visit.request.query_params.get("before", "")
    before = number_of(given) or 2**62
    rows = visit.ask(_PAGE, state=state, before=before, rows=_ROWS + 1)
    last = rows[_ROWS - 1].dispute_id if len(rows) > _ROWS else None
    return visit.page(
        "disputes.html",
        rows=rows[:_ROWS],
        state=state,
        states=_STATES,
        today=now_of(visit).date(),
        pages={
            "first": f"/triage/disputes?state={state}" if given else "",
            "next": f"/triage/disputes?state={state}&before={last}" if last else "",
        },
    )


@router.post("/triage/disputes/{dispute_id}")
def say(visit: Admitted, dispute_id: int) -> Response:
    """Lets a draft into the partner's next file of disputes, or drops it."""
    visit.find(_MINE, number=dispute_id)
    decision = visit.form.get("word", "")
    if decision not in ("released", "dropped"):
        raise Terminal("It is released or dropped. Choose one of them.")
    word = Word(visit.person.name, visit.account, visit.reason)
    with visit.acting() as conn:
        told = decide(conn, dispute_id, cast("Decision", decision), word)
    return visit.go("/triage/disputes", told)
