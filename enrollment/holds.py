"""Holds: decisions that end coverage and wait for persons before they are sent.

A hold is what one night has decided above a bound of `schemas/outgoing.toml`. Its decisions may be
withdrawn while they wait, but none is ever added: persons release what they have seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import sqlalchemy as sa

from enrollment.last_day import LAST_DAY
from schemas.book import decision, hold, hold_word
from schemas.errors import Terminal
from schemas.outgoing import Holding
from schemas.persons import is_same_person

Word = Literal["released", "refused"]
ENDINGS = ("cancellation", "termination")

# What the partner's unsent endings would do: how many there are, what they pay a month, and the
# policies in force that they are a part of.
_AT_STAKE = sa.text(f"""
SELECT count(*) AS endings,
  count(*) FILTER (WHERE d.state = 'open') AS open_endings,
  coalesce(sum(a.amount), 0) AS monthly_premium,
  (SELECT count(*) FROM book.policy p
   WHERE p.partner_id = :partner_id AND p.known_to = 'infinity' AND p.status <> 'cancelled'
     AND {LAST_DAY.format("p")} >= CAST(:on_day AS date)) AS policies
FROM book.decision d
LEFT JOIN LATERAL (
  SELECT a.amount FROM book.amount a
  WHERE a.exchange_policy_id = d.exchange_policy_id AND a.partner_id = d.partner_id
    AND a.name = 'PRE AMT TOT' AND a.known_to = 'infinity'
  ORDER BY a.valid_from DESC LIMIT 1
) a ON true
WHERE d.partner_id = :partner_id AND d.state IN ('open', 'held')
  AND d.kind IN ('cancellation', 'termination')
""")

_HOLD_OPEN = sa.text("""
UPDATE book.decision SET state = 'held', hold_id = :hold_id, obstacle = NULL
WHERE partner_id = :partner_id AND state = 'open' AND kind IN ('cancellation', 'termination')
""")

_HOLDS = """
SELECT h.hold_id, h.partner_id, h.run_id, r.as_of, h.reasons, h.persons, h.state, d.waiting,
  d.decisions,
  coalesce((SELECT array_agg(w.decided_by ORDER BY w.decided_at) FROM book.hold_word w
    WHERE w.hold_id = h.hold_id AND w.word = 'released'), '{}') AS released_by,
  (SELECT max(w.decided_by) FROM book.hold_word w
    WHERE w.hold_id = h.hold_id AND w.word = 'refused') AS refused_by
FROM book.hold h
JOIN ledger.run r USING (run_id)
CROSS JOIN LATERAL (SELECT count(*) AS decisions,
  count(*) FILTER (WHERE e.state = 'held') AS waiting
  FROM book.decision e WHERE e.hold_id = h.hold_id) d
"""
_ALL = f"{_HOLDS} ORDER BY h.hold_id"
_ONE = f"{_HOLDS} WHERE h.hold_id = :hold_id"
_OPEN = f"{_HOLDS} WHERE h.state = 'held' AND h.partner_id = ANY(:partners) ORDER BY h.hold_id"
_LAST = f"{_HOLDS} WHERE h.partner_id = ANY(:partners) ORDER BY h.hold_id DESC LIMIT :most"


@dataclass(frozen=True)
class Spoken:
    """A person's word about a hold. `account` is the operating system's."""

    word: Word
    decided_by: str
    account: str
    reason: str


@dataclass(frozen=True)
class Hold:
    """A hold as the book has it. `waiting` of its `decisions` are held still."""

    hold_id: int
    partner_id: str
    run_id: int
    as_of: datetime  # of the run that held them
    reasons: list[str]
    persons: int  # how many must release it
    state: Literal["held", "released", "refused"]
    waiting: int
    decisions: int
    released_by: list[str]
    refused_by: str | None

    @property
    def is_open(self) -> bool:
        """Whether somebody has to say something about it."""
        return self.state == "held" and self.waiting > 0


def hold_endings(  # noqa: PLR0913 - what is held, why and when
    conn: sa.Connection,
    run_id: int,
    partner_id: str,
    on_day: date,
    bounds: Holding,
    also: Sequence[str] = (),
) -> int | None:
    """The id of the hold that keeps back what the run has decided to end; None when nothing does.

    `also` are further reasons to hold, whatever the figures are.
    """
    stake = conn.execute(_AT_STAKE, {"partner_id": partner_id, "on_day": on_day}).one()
    reasons = [*_above(stake, bounds), *also]
    if not stake.open_endings or not reasons:
        return None
    made = sa.insert(hold).values(
        partner_id=partner_id, run_id=run_id, reasons=reasons, persons=bounds.persons, state="held"
    )
    hold_id: int = conn.execute(made.returning(hold.c.hold_id)).scalar_one()
    conn.execute(_HOLD_OPEN, {"partner_id": partner_id, "hold_id": hold_id})
    return hold_id


def _above(stake: sa.Row[tuple[int, int, Decimal, int]], bounds: Holding) -> list[str]:
    """Which bounds are passed, as sentences with their figures."""
    sentences = []
    if stake.endings > bounds.endings:
        sentences.append(f"{stake.endings:,} policies would end; {bounds.endings:,} are the bound.")
    share = stake.endings / max(stake.policies, 1)
    if stake.endings >= bounds.fewest_endings and share > bounds.share_of_policies:
        sentences.append(
            f"{share:.1%} of {stake.policies:,} policies in force would end; "
            f"{bounds.share_of_policies:.1%} is the bound."
        )
    if stake.monthly_premium > bounds.monthly_premium:
        sentences.append(
            f"Policies of {stake.monthly_premium:,.2f} dollars a month would end; "
            f"{bounds.monthly_premium:,.2f} is the bound."
        )
    return sentences


def holds(conn: sa.Connection) -> list[Hold]:
    """All holds, oldest first."""
    return _found(conn, _ALL)


def open_holds(conn: sa.Connection, partner_ids: Sequence[str]) -> list[Hold]:
    """Those of the partners about which somebody has to say something, oldest first."""
    return [one for one in _found(conn, _OPEN, partners=list(partner_ids)) if one.is_open]


def last_holds(conn: sa.Connection, partner_ids: Sequence[str], most: int) -> list[Hold]:
    """The partners' last holds, newest first."""
    return _found(conn, _LAST, partners=list(partner_ids), most=most)


def find_hold(conn: sa.Connection, hold_id: int) -> Hold | None:
    """The hold of that id; None when there is none."""
    return next(iter(_found(conn, _ONE, hold_id=hold_id)), None)


def _found(conn: sa.Connection, query: str, **asked: object) -> list[Hold]:
    return [Hold(**row) for row in conn.execute(sa.text(query), asked).mappings()]


def speak(conn: sa.Connection, hold_id: int, spoken: Spoken) -> Hold:
    """The hold after a person's word: released by enough of them, refused by one, or held still.

    Raises Terminal when nothing of it is held any more, when person or reason is missing, or when
    the same person has spoken before.
    """
    locked = sa.select(hold.c.state).where(hold.c.hold_id == hold_id).with_for_update()
    state = conn.execute(locked).scalar_one_or_none()
    if state is None:
        raise Terminal(f"There is no hold {hold_id}. `edi834 outgoing list --all` names them.")
    if not spoken.decided_by.strip() or not spoken.reason.strip():
        raise Terminal("A word needs a person and a reason. Give --by and --reason.")
    known = _known(conn, hold_id)
    if not known.is_open:
        raise Terminal(
            f"Nothing of hold {hold_id} waits: it is {known.state}. See `edi834 outgoing list "
            "--all`."
        )
    words = sa.select(hold_word.c.decided_by, hold_word.c.account)
    released = conn.execute(words.where(hold_word.c.hold_id == hold_id)).all()
    if any(is_same_person(spoken.decided_by, spoken.account, *one) for one in released):
        raise Terminal(
            f"{spoken.decided_by} has released hold {hold_id} already. Somebody else must."
        )
    conn.execute(sa.insert(hold_word).values(hold_id=hold_id, **vars(spoken)))
    decided = _known(conn, hold_id)
    if spoken.word == "refused" or len(decided.released_by) >= decided.persons:
        conn.execute(sa.update(hold).where(hold.c.hold_id == hold_id).values(state=spoken.word))
        conn.execute(
            sa.update(decision)
            .where(decision.c.hold_id == hold_id, decision.c.state == "held")
            .values(state=spoken.word)
        )
    return _known(conn, hold_id)


def _known(conn: sa.Connection, hold_id: int) -> Hold:
    (one,) = _found(conn, _ONE, hold_id=hold_id)
    return one
