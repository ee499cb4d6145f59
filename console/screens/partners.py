"""Partners: who is held, which files are missing, and what persons have said to the nights."""

from datetime import UTC, datetime

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from console.screens.files import number_of
from console.visits import Admitted, Visit
from ledger.corrections import Word
from ledger.operator_words import ask_again, hold_partner, partner_holds, resume_partner, words_of
from pipeline.expected import expected, explain
from schemas.errors import Terminal

router = APIRouter()

_WORDS = 50
_DROPS = 14  # that are shown of each partner


@router.get("/partners")
def partners(visit: Admitted) -> Response:
    """Each partner with what was expected of its exchange, and the words of operations."""
    with visit.reading() as conn:
        known = expected(visit.house, conn, visit.partners)
        words = words_of(conn, visit.partners, _WORDS)
        held = partner_holds(conn, visit.partners)
    drops = {
        partner_id: [one for one in reversed(known) if one.partner_id == partner_id]
        for partner_id in visit.partners
    }
    return visit.page(
        "partners.html",
        held=held,
        alarms={name: [one for one in rows if one.is_alarm] for name, rows in drops.items()},
        drops={name: rows[:_DROPS] for name, rows in drops.items()},
        words=words,
    )


@router.post("/partners/{partner_id}")
def hold_or_resume(visit: Admitted, partner_id: str) -> Response:
    """Holds the partner, or ends the hold."""
    word = _word(visit, partner_id)
    said = visit.form.get("word", "")
    if said not in ("hold", "resume"):
        raise Terminal("A partner is held or resumed. Choose one of them.")
    with visit.acting() as conn:
        (hold_partner if said == "hold" else resume_partner)(conn, partner_id, word)
    after = {
        "hold": f"{partner_id} is held. Its files still come, and wait.",
        "resume": f"{partner_id} is resumed. The next night does what has waited.",
    }
    return visit.go("/partners", after[said])


@router.post("/partners/{partner_id}/missing")
def say_why(visit: Admitted, partner_id: str) -> Response:
    """Closes the alarm of a file that has not come."""
    word = _word(visit, partner_id)
    try:
        due_at = datetime.fromisoformat(visit.form.get("due", "")).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Terminal("The form names no deadline. Begin it again.") from None
    with visit.acting() as conn:
        explain(visit.house, conn, (partner_id, visit.form.get("kind", ""), due_at), word)
    return visit.go("/partners", "Noted. The alarm is closed.")


@router.post("/partners/{partner_id}/retry")
def try_again(visit: Admitted, partner_id: str) -> Response:
    """Notes that a person wants a failed step done again."""
    word = _word(visit, partner_id)
    run_id, step = number_of(visit.form.get("run", "")), visit.form.get("step", "")
    with visit.acting() as conn:
        ask_again(conn, run_id, partner_id, step, word)
    return visit.go(f"/?run={run_id}", "Noted. The next night does it again.")


def _word(visit: Visit, partner_id: str) -> Word:
    """Who says it and why. 404 about a partner that the person does not see."""
    if partner_id not in visit.partners:
        raise HTTPException(404)
    return Word(visit.person.name, visit.account, visit.reason)
