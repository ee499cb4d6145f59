"""Disputes of breaks and cases: a draft by one person, a release by another where the rules ask."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

import sqlalchemy as sa

from ledger.corrections import Word
from ledger.disputes import Decision, decide_dispute, draft_disputes, found_moments
from ledger.words import Said, act
from pipeline.wiring import House
from schemas.breaks import BREAKS
from schemas.business_days import load_business_days
from schemas.cases import CASES
from schemas.monthly_exchanges import load_month
from schemas.work import Desk

DESKS: dict[str, Desk] = {"break": BREAKS, "case": CASES}


def draft(  # noqa: PLR0913 - who drafts what, and as of which look at it
    conn: sa.Connection,
    house: House,
    noun: str,
    ids: Sequence[int],
    word: Word,
    versions: Mapping[int, int] | None = None,
) -> list[int]:
    """The numbers of the drafts of disputes about these breaks or cases.

    Each is due by the window of its partner's exchange, counted from the day that it had when this
    was found. Raises Terminal, and drafts none, when one of them is disputed already, is in a state
    in which nothing is disputed, or, with `versions`, was changed since the person has looked.
    """
    desk = DESKS[noun]
    said = Said("dispute", word.person, word.account, reason=word.reason)
    act(conn, desk, ids, said, versions)
    due_on = {
        (partner_id, found_at): _last_day(house, partner_id, found_at)
        for partner_id, found_at in found_moments(conn, desk, ids)
    }
    return draft_disputes(conn, desk, ids, word, due_on)


def _last_day(house: House, partner_id: str, found_at: datetime) -> date:
    """By the exchange's calendar, from the day that it had when this was found."""
    window = load_month(house.partner(partner_id).exchange).dispute
    found_on = house.day_of(partner_id, found_at)
    return load_business_days().deadline(found_on, window.days, window.when_closed)


def decide(conn: sa.Connection, dispute_id: int, decision: Decision, word: Word) -> str:
    """What follows, in a sentence, now that the draft is released or dropped."""
    decided = decide_dispute(conn, DESKS, dispute_id, decision, word)
    if decision == "dropped":
        return f"Dispute {dispute_id} is dropped. Nothing is claimed."
    told = f"Dispute {dispute_id} is released: it is in the partner's next file of disputes."
    if decided["due_on"] < datetime.now(UTC).date():
        told += f" Its last day, {decided['due_on']}, is past: the exchange may refuse it."
    return told
