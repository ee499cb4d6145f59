"""What waits for a second person: batches at the gate, and endings before they are sent."""

from typing import Any, Literal, cast

from fastapi import APIRouter
from starlette.responses import Response

from console.visits import Admitted, Visit
from enrollment.holds import Spoken, holds, speak
from enrollment.previews import preview
from ledger.gates import Decision, decide
from pipeline.gate import batches_at_gate
from schemas.errors import Terminal

router = APIRouter()

_SHOWN = 200
_BATCH = """
SELECT batch_id FROM ledger.gate_batch WHERE batch_id = :batch_id AND partner_id = ANY(:partners)
"""
_HOLD = "SELECT hold_id FROM book.hold WHERE hold_id = :hold_id AND partner_id = ANY(:partners)"

Word = Literal["released", "refused"]


@router.get("/held")
def held(visit: Admitted) -> Response:
    """What the gate keeps from the book, and what is kept from the exchange."""
    batches = visit.mine(batches_at_gate(visit.house), lambda one: one.batch.partner_id)
    with visit.reading() as conn:
        kept = visit.mine(holds(conn), lambda one: one.partner_id)
    return visit.page(
        "held.html",
        batches=[one for one in batches if one.batch.is_kept_out],
        past_batches=[one for one in reversed(batches) if not one.batch.is_kept_out][:20],
        holds=[one for one in kept if one.is_open],
        past_holds=[one for one in reversed(kept) if not one.is_open][:20],
    )


@router.post("/held/gate/{batch_id}")
def at_gate(visit: Admitted, batch_id: int) -> Response:
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
    with visit.reading() as conn:
        (hold,) = [one for one in holds(conn) if one.hold_id == hold_id]
        rows = preview(conn, hold.partner_id, hold_id=hold_id)
    shown: list[dict[str, Any]] = rows.slice(0, _SHOWN).to_pylist()
    return visit.page("hold.html", hold=hold, policies=shown, count=rows.num_rows)


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
