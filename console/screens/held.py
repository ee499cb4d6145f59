"""What waits for a second person: batches at the gate, and endings before they are sent."""

from typing import Any, Literal, cast

from fastapi import APIRouter
from starlette.responses import Response

from console.screens.files import number_of
from console.visits import Admitted, Visit
from enrollment.holds import Spoken, find_hold, last_holds, open_holds, speak
from enrollment.previews import preview, preview_totals
from ledger.gates import Decision, at_gate, decide, kept_out, last_batches
from schemas.errors import Terminal

router = APIRouter()

PAGE = 100
_LAST = 20  # of what is decided
_BATCH = """
SELECT batch_id FROM ledger.gate_batch WHERE batch_id = :batch_id AND partner_id = ANY(:partners)
"""
_HOLD = "SELECT hold_id FROM book.hold WHERE hold_id = :hold_id AND partner_id = ANY(:partners)"

Word = Literal["released", "refused"]


@router.get("/held")
def held(visit: Admitted) -> Response:
    """What the gate keeps from the book, and what is kept from the exchange."""
    with visit.reading() as conn:
        batches = [at_gate(conn, one) for one in kept_out(conn, visit.partners)]
        past = last_batches(conn, visit.partners, _LAST)
        kept = open_holds(conn, visit.partners)
        past_holds = last_holds(conn, visit.partners, _LAST)
    return visit.page(
        "held.html",
        batches=batches,
        past_batches=[one for one in past if not one.is_kept_out],
        holds=kept,
        past_holds=[one for one in past_holds if not one.is_open],
    )


@router.post("/held/gate/{batch_id}")
def decide_batch(visit: Admitted, batch_id: int) -> Response:
    """Lets a batch into the book, or keeps it out for good."""
    visit.find(_BATCH, batch_id=batch_id)
    word, reason = _word(visit), visit.reason
    with visit.acting() as conn:
        decide(conn, batch_id, Decision(word, visit.person.name, visit.account, reason))
    what = "The next night applies it." if word == "released" else "The next night reports it."
    return visit.go("/held", f"Batch {batch_id} is {word}. {what}")


@router.get("/held/outgoing/{hold_id}")
def outgoing(visit: Admitted, hold_id: int) -> Response:
    """What a hold would end: each policy as it is and as it would be, with dollars."""
    visit.find(_HOLD, hold_id=hold_id)
    after = number_of(visit.request.query_params.get("after", ""))
    with visit.reading() as conn:
        hold = find_hold(conn, hold_id)
        assert hold is not None
        totals = preview_totals(conn, hold.partner_id, hold_id)
        rows = preview(conn, hold.partner_id, hold_id, after or None, PAGE + 1)
    shown: list[dict[str, Any]] = rows.slice(0, PAGE).to_pylist()
    path = f"/held/outgoing/{hold_id}"
    more = rows.num_rows > PAGE
    page = {
        "next": f"{path}?after={shown[-1]['decision_id']}#policies" if more else None,
        "first": f"{path}#policies" if after else None,
    }
    return visit.page("hold.html", hold=hold, totals=totals, policies=shown, page=page)


@router.post("/held/outgoing/{hold_id}")
def speak_of(visit: Admitted, hold_id: int) -> Response:
    """One person's word for a hold, or against it."""
    visit.find(_HOLD, hold_id=hold_id)
    word, reason = _word(visit), visit.reason
    with visit.acting() as conn:
        after = speak(conn, hold_id, Spoken(word, visit.person.name, visit.account, reason))
    missing = after.persons - len(after.released_by)
    if after.state == "held":
        return visit.go("/held", f"Noted. Hold {hold_id} waits for {missing} more.")
    what = "The next night sends it." if word == "released" else "None of it is sent."
    return visit.go("/held", f"Hold {hold_id} is {word}. {what}")


def _word(visit: Visit) -> Word:
    word = visit.form.get("word", "")
    if word not in ("released", "refused"):
        raise Terminal("It is released or refused. Choose one of them.")
    return cast("Word", word)
