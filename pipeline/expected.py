"""Files that were expected of the exchanges, for partners whose mailboxes we watch."""

from collections.abc import Collection
from datetime import UTC, datetime

import sqlalchemy as sa

from ledger.corrections import Word
from ledger.expected_files import ExpectedFile, clock_of, expected_files
from ledger.operator_words import explain_absence
from pipeline.wiring import House
from schemas.errors import Terminal


def expected(
    house: House,
    conn: sa.Connection,
    partner_ids: Collection[str] | None = None,
    now: datetime | None = None,
) -> list[ExpectedFile]:
    """What was expected up to now, in the order of drops: of all partners that have a mailbox.

    `now` is the hour, that of this machine without one; a run that is ahead of it has the clock.
    """
    watched = sorted(house.settings.mailboxes)
    partners = [house.partner(one) for one in watched if partner_ids is None or one in partner_ids]
    exchanges = {one.exchange: house.exchange(one.id) for one in partners}
    clock = clock_of(conn, now or datetime.now(UTC))
    return expected_files(conn, partners, exchanges, clock)


def missing_files(house: House, as_of: datetime, partner_ids: list[str]) -> list[ExpectedFile]:
    """What is missing as of a night, and nobody has said why."""
    with house.engine.connect() as conn:
        return [one for one in expected(house, conn, partner_ids, as_of) if one.is_alarm]


def explain(
    house: House, conn: sa.Connection, alarm: tuple[str, str, datetime], word: Word
) -> None:
    """Closes an alarm: partner, kind of file and when it was due. Raises Terminal without one."""
    partner_id, kind, due_at = alarm
    known = expected(house, conn, [partner_id])
    found = [one for one in known if (one.kind, one.due_at) == (kind, due_at) and one.is_alarm]
    if not found:
        raise Terminal(
            f"No {kind} file of {partner_id} that was due {due_at.astimezone(UTC):%Y-%m-%d %H:%M} "
            "UTC is missing: it came, or somebody has said why not. See `edi834 partners expected`."
        )
    explain_absence(conn, partner_id, kind, due_at, word)
