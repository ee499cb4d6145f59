"""A look into a partner's outbox: whether the files that are expected of its exchange lie there.

Nothing is fetched and nothing is written: a night does that. So any number may look at once.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ledger.expected_files import ExpectedFile
from pipeline.expected import expected
from pipeline.wiring import House
from schemas.errors import Terminal
from schemas.partners import Exchange
from sftp_inbox.client import connect
from sftp_inbox.listing import list_waiting


@dataclass(frozen=True)
class Seen:
    """What lies in an outbox: so many finished files, and in how many seconds to look again.

    None: no need to, for all that is expected is there, or nothing is.
    """

    files: int
    again_in: float | None


def look(house: House, partner_id: str, since: datetime, now: datetime) -> Seen:
    """What lies in the partner's outbox now, for somebody who has waited since then.

    Raises Terminal when a file that he waited for is due and neither lies there nor has come, and
    as the mailbox does when it cannot be reached.
    """
    with house.engine.connect() as conn:
        known = expected(house, conn, [partner_id], now)
    mailbox = house.mailbox(partner_id)
    with connect(mailbox) as client:
        listing = list_waiting(client, mailbox, house.settings.settle_seconds)
    names = [one.name for one in listing.waiting]
    exchange = house.exchange(partner_id)
    lacking = [one for one in known if not _may_lie_there(one.kind, names, exchange)]
    awaited = [one.due_at for one in lacking if one.state == "expected"]
    if awaited or listing.growing:
        return Seen(len(names), _seconds_until(awaited, now, house.settings.look_seconds))
    overdue = [one for one in lacking if one.is_alarm and one.due_at > since]
    if overdue:
        raise Terminal(_sentence(overdue[0]))
    return Seen(len(names), None)


def _may_lie_there(kind: str, names: Iterable[str], exchange: Exchange) -> bool:
    """Whether one of the names may be that of a file of the kind, by its function code.

    A name without one may be anything; what it is its content says, once it is fetched.
    """
    codes = exchange.function_codes
    answers = {
        codes.acknowledgement_interchange,
        codes.acknowledgement_implementation,
        codes.business_acknowledgement,
    }
    for name in names:
        found = re.fullmatch(exchange.file_names.exchange_to_issuer, name)
        if found is None:
            return True
        code = found["function_code"]
        if code not in answers and (code in codes.enrollment) == (kind == "enrollment"):
            return True
    return False


def _seconds_until(due: Iterable[datetime], now: datetime, at_most: float) -> float:
    """How long to wait before the next look: not beyond the moment at which something is due."""
    return max(min([at_most, *((one - now).total_seconds() for one in due)]), 1.0)


def _sentence(missing: ExpectedFile) -> str:
    return (
        f"{missing.partner_id}: the {missing.kind} file of the drop of "
        f"{missing.dropped_at:%Y-%m-%d %H:%M} UTC has not come by {missing.due_at:%H:%M} UTC. Ask "
        "the exchange; `edi834 partners expected` shows it, and what to say if none comes."
    )
