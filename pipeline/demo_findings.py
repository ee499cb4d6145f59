"""What must hold at the end of a demo: a sentence each with its count, and the ids that break it.

What the exchange in a box says of the carrier, what our own database says, and both books.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ledger import audit
from pipeline.books import compare_books
from pipeline.wiring import House
from simulator.answers import AnswerSummary
from simulator.carrier import CarrierCore
from simulator.exchange import ExchangeInABox
from simulator.reckoning import Reckoning


@dataclass(frozen=True)
class Finding:
    """One thing that must hold, and whether it does. `broken_by` are ids."""

    sentence: str
    holds: bool
    broken_by: tuple[str, ...] = ()


def holds_unless(sentence: str, broken_by: Collection[str]) -> Finding:
    """The sentence holds when nothing breaks it."""
    return Finding(sentence, not broken_by, tuple(broken_by))


def of_answers(summaries: list[AnswerSummary], reckoning: Reckoning) -> list[Finding]:
    """What the exchange says of our files in all nights; `summaries[0]` is of the last one."""
    accepted = sum(sum(one.accepted.values()) for one in summaries)
    rejected = [
        f"{kind} of {policy_id or 'a file'}: {reasons}"
        for one in summaries
        for policy_id, kind, reasons in one.rejected
    ]
    faultless = [number for one in summaries for number in one.sets_rejected_without_fault]
    strange = [name for one in summaries for name in one.not_understood]
    forced = f"{len(reckoning.rejected_sets):,} that crossed or were rejected on purpose"
    return [
        Finding(
            "Every interchange sent to us has its TA1", not summaries[0].interchanges_unanswered
        ),
        holds_unless("No faultless set was rejected", faultless),
        holds_unless("The exchange understood every file", strange),
        holds_unless(
            f"The exchange accepted {accepted:,} transactions of ours, and all others but {forced}",
            rejected,
        ),
        holds_unless(
            f"{reckoning.numbers:,} control numbers of ours rise by one from the first to the last",
            reckoning.number_breaks,
        ),
    ]


def of_confirmation(reckoning: Reckoning) -> list[Finding]:
    """Who is confirmed, and who should be."""
    return [
        holds_unless(
            f"{reckoning.confirmed:,} policies that should be confirmed are, once; "
            f"{reckoning.excused:,} had ended before",
            (*reckoning.not_confirmed, *reckoning.confirmed_twice),
        ),
        holds_unless("No policy is confirmed that should not be", reckoning.confirmed_wrongly),
        holds_unless("No policy is open whose binder is overdue", reckoning.overdue),
    ]


def of_faults(house: House, reckoning: Reckoning) -> list[Finding]:
    """What went wrong on purpose: it is healed, and we know of it."""
    with house.engine.connect() as conn:
        rejected = Counter(conn.execute(_REJECTED_POLICIES).scalars())
        refused = set(conn.execute(_REFUSED_FILES).scalars())
    untold = [*(Counter(reckoning.rejected_sets) - rejected).elements()]
    forced = set(reckoning.rejected_files)
    return [
        holds_unless(
            f"{reckoning.damaged:,} damaged sets of the exchange came again", reckoning.never_came
        ),
        holds_unless(
            f"{len(reckoning.lost_files):,} files of ours that it had lost were read",
            reckoning.not_found,
        ),
        holds_unless(
            f"Our book knows of {len(reckoning.rejected_sets):,} rejected transactions", untold
        ),
        holds_unless(
            f"Our ledger knows of {len(forced):,} rejected files, and no others",
            sorted(refused ^ forced),
        ),
    ]


# A set that a TA1 rejects falls with its file, which is counted as a file.
_REJECTED_POLICIES = sa.text("""
SELECT exchange_policy_id FROM book.decision
WHERE state = 'rejected' AND rejected_by <> 'interchange'
""")
_REFUSED_FILES = sa.text("""
SELECT name FROM ledger.file
WHERE direction = 'issuer_to_exchange' AND kind = 'enrollment' AND state = 'refused'
""")


def of_books(house: House, box: ExchangeInABox, known_at: datetime) -> list[Finding]:
    """Both books, with the amounts of that day and of the last day of each coverage."""
    day = known_at.date()
    last = compare_books(house, box.book(), known_at)
    present = compare_books(house, box.book(day), known_at, day)
    return [
        holds_unless(
            f"Both books agree on {last.policies:,} policies and {last.rows:,} members, today and "
            "to the end",
            sorted({*present.differences, *last.differences}),
        )
    ]


def of_breaks(house: House, carrier: CarrierCore, night: int) -> list[Finding]:
    """What the carrier has wrong on purpose is a break each, and nothing else is one.

    One that the carrier has mended by that night is closed, as is one about a cancelled policy that
    the carrier need not have.
    """
    seeded = {
        (partner_id, one.kind, one.exchange_policy_id, one.exchange_member_id, one.field): one
        for partner_id in house.partner_ids
        for one in carrier.disagreements(partner_id)
    }
    with house.engine.connect() as conn:
        known = {tuple(row)[:5]: row.is_open for row in conn.execute(_BREAKS)}
        cancelled = set(conn.execute(_CANCELLED).scalars())
    wrong = []
    for key, one in seeded.items():
        if one.kind == "missing_at_carrier" and one.exchange_policy_id in cancelled:
            continue  # no break from the day of the cancellation on, which may be the first
        if known.get(key) is not (not one.is_healed(night)):
            wrong.append(_named(key))
    others = [_named(key) for key, is_open in known.items() if is_open and key not in seeded]
    healed = sum(one.is_healed(night) for one in seeded.values())
    return [
        holds_unless(
            f"{len(seeded):,} disagreements of the carriers are a break each, and the {healed:,} "
            "that are mended are closed",
            wrong,
        ),
        holds_unless("Nothing else is an open break", others),
    ]


_BREAKS = sa.text("""
SELECT partner_id, kind, exchange_policy_id, exchange_member_id, field,
  state NOT IN ('resolved', 'waived') AS is_open
FROM reconciliation.break WHERE source = 'carrier'
""")
_CANCELLED = sa.text("""
SELECT exchange_policy_id FROM book.policy WHERE known_to = 'infinity' AND status = 'cancelled'
""")


def _named(key: tuple[str | None, ...]) -> str:
    _, kind, policy_id, member_id, field = key
    return f"policy {policy_id} member {member_id}: {field or kind}"


def of_trail(house: House) -> list[Finding]:
    """The audit trail, walked from its first entry."""
    with house.engine.connect() as conn:
        walk = audit.verify(audit.entries(conn))
    fault = () if walk.fault is None else (walk.fault.sentence,)
    return [holds_unless(f"The audit trail is whole: {walk.entries:,} entries", fault)]
