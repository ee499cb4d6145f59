"""Answers to "what if the rules were others" that somebody has kept for others to see."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger.corrections import Word
from schemas.what_ifs import what_if


def keep_answer(conn: sa.Connection, partner_id: str, answer: dict[str, Any], word: Word) -> int:
    """The number under which an answer about one partner is kept. It is not changed any more.

    Args:
        conn: The transaction.
        partner_id: Whose files were asked about.
        answer: As `whatif --json` prints it. Its members and files are not kept: whoever wants
            them asks again.
        word: Who keeps it, and why.
    """
    word.require("keep an answer")
    row = sa.insert(what_if).values(
        partner_id=partner_id,
        since=date.fromisoformat(answer["since"]),
        until=date.fromisoformat(answer["until"]) if answer["until"] else None,
        rules_sha256=answer["rules_sha256"],
        changes=answer["changes"],
        totals=answer["totals"],
        rules=answer["rules"],
        person=word.person.strip(),
        account=word.account,
        reason=word.reason.strip(),
    )
    return int(conn.execute(row.returning(what_if.c.what_if_id)).scalar_one())
