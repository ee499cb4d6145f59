"""Pairs that ids do not make, from run to run: what was found of them, and what persons said.

A person's word stays until the person takes it back: it is an input of the next reconciliation,
which can find the pair again or not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from schemas import records
from schemas.errors import Terminal
from schemas.matches import match, match_word
from schemas.postgres_copy import copy_out, copy_to_temporary

# What each word starts from and makes of a pair.
_WORDS = {
    "accept": (("proposed", "refused"), "accepted"),
    "refuse": (("proposed", "matched", "accepted"), "refused"),
}
_SAME = "m.partner_id = :partner_id AND " + " AND ".join(
    f"m.{name} IS NOT DISTINCT FROM s.{name}" for name in records.MATCH_KEY
)
_COLUMNS = ", ".join(records.MATCHES.names)

# A pair that holds by a person's word is not weighed again: it keeps its weight and reasons.
_FOUND_AGAIN = f"""
UPDATE reconciliation.match m SET
  state = CASE WHEN m.state IN ('accepted', 'refused') THEN m.state ELSE s.state END,
  how = CASE WHEN s.state = 'accepted' THEN m.how ELSE s.how END,
  weight = CASE WHEN s.state = 'accepted' THEN m.weight ELSE s.weight END,
  runner_up = CASE WHEN s.state = 'accepted' THEN m.runner_up ELSE s.runner_up END,
  reasons = CASE WHEN s.state = 'accepted' THEN m.reasons ELSE s.reasons END,
  last_seen = :at, last_run_id = :run_id
FROM found_match s WHERE {_SAME}
"""  # noqa: S608
_FOUND_FIRST = f"""
INSERT INTO reconciliation.match (partner_id, {_COLUMNS}, first_seen, last_seen, last_run_id,
  version)
SELECT :partner_id, {_COLUMNS}, :at, :at, :run_id, 0 FROM found_match s
WHERE NOT EXISTS (SELECT 1 FROM reconciliation.match m WHERE {_SAME})
ORDER BY {", ".join(records.MATCH_KEY)}
"""  # noqa: S608
_NOT_FOUND = f"""
UPDATE reconciliation.match m SET state = 'gone', last_run_id = :run_id
WHERE m.partner_id = :partner_id AND m.state IN ('proposed', 'matched')
  AND NOT EXISTS (SELECT 1 FROM found_match s WHERE {_SAME})
"""  # noqa: S608

_DECISIONS = sa.text(f"""
SELECT {", ".join(records.MATCH_KEY)},
  CASE state WHEN 'accepted' THEN 'accept' ELSE 'refuse' END
FROM reconciliation.match
WHERE partner_id = :partner_id AND state IN ('accepted', 'refused')
ORDER BY {", ".join(records.MATCH_KEY)}
""")  # noqa: S608


def decisions_of(conn: sa.Connection, partner_id: str) -> pa.Table:
    """What persons have said of the partner's pairs (records.MATCH_DECISIONS), in one order."""
    return copy_out(conn, _DECISIONS.bindparams(partner_id=partner_id), records.MATCH_DECISIONS)


def meet_matches(
    conn: sa.Connection, run_id: int, partner_id: str, at: datetime, found: pa.Table
) -> None:
    """Keeps the pairs (records.MATCHES) that a reconciliation found of the partner."""
    copy_to_temporary(conn, "found_match", found, records.MATCH_KEY)
    told = {"run_id": run_id, "partner_id": partner_id, "at": at}
    for statement in (_FOUND_AGAIN, _FOUND_FIRST, _NOT_FOUND):
        query = sa.text(statement)
        conn.execute(query, {name: told[name] for name in query.compile().params})


def list_matches(
    conn: sa.Connection, states: Sequence[str], partner_id: str | None, after: int, limit: int
) -> list[dict[str, Any]]:
    """The pairs in one of the states (all: ()), in the order of their ids behind `after`."""
    query = sa.select(match).where(match.c.match_id > after).order_by(match.c.match_id)
    if states:
        query = query.where(match.c.state.in_(states))
    if partner_id is not None:
        query = query.where(match.c.partner_id == partner_id)
    return [dict(row) for row in conn.execute(query.limit(limit)).mappings()]


def read_match(
    conn: sa.Connection, match_id: int
) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """The pair and the words about it, oldest first; None when there is no such pair."""
    row = conn.execute(sa.select(match).where(match.c.match_id == match_id)).mappings().first()
    if row is None:
        return None
    words = sa.select(match_word).where(match_word.c.match_id == match_id)
    said = conn.execute(words.order_by(match_word.c.match_word_id)).mappings()
    return dict(row), [dict(one) for one in said]


@dataclass(frozen=True)
class MatchWord:
    """A person's word about pairs. `account` is the operating system's."""

    word: str  # accept | refuse
    person: str
    account: str
    reason: str


def say(conn: sa.Connection, match_ids: Sequence[int], said: MatchWord) -> int:
    """How many pairs the word was applied to: all of them, or none.

    Raises Terminal when one is not there or in a state that the word does not start from, when
    person or reason is missing, or when a record would have two partners.
    """
    if not said.person.strip() or not said.reason.strip():
        raise Terminal("This needs a person and a reason. Give --by and --reason.")
    # Words of one moment come one after the other, or two of them could accept one record twice.
    conn.execute(sa.text("LOCK TABLE reconciliation.match IN SHARE ROW EXCLUSIVE MODE"))
    query = sa.select(match.c.match_id, match.c.state).where(match.c.match_id.in_(match_ids))
    known: Mapping[int, str] = dict(conn.execute(query).tuples().all())
    starts, becomes = _WORDS[said.word]
    for match_id in sorted(match_ids):
        if match_id not in known:
            raise Terminal(f"There is no pair {match_id}. `edi834 matches list --all` names them.")
        if known[match_id] not in starts:
            raise Terminal(
                f"Pair {match_id} is {known[match_id]}: to {said.word} it is not possible now. "
                f"See `edi834 matches show {match_id}`."
            )
    changed = sa.update(match).where(match.c.match_id.in_(match_ids))
    conn.execute(changed.values(state=becomes, version=match.c.version + 1))
    told = {"person": said.person.strip(), "account": said.account, "word": said.word}
    rows = [{"match_id": one, **told, "reason": said.reason.strip()} for one in sorted(match_ids)]
    conn.execute(sa.insert(match_word), rows)
    if said.word == "accept":
        _require_one_partner(conn)
    return len(rows)


_TWICE = """
SELECT min(match_id), max(match_id) FROM reconciliation.match WHERE state = 'accepted'
GROUP BY partner_id, {policy}, {member} HAVING count(*) > 1 LIMIT 1
"""


def _require_one_partner(conn: sa.Connection) -> None:
    for side in ("book", "carrier"):
        query = _TWICE.format(policy=f"{side}_policy_id", member=f"{side}_member_id")
        twice = conn.execute(sa.text(query)).first()
        if twice is not None:
            raise Terminal(
                f"Pairs {twice[0]} and {twice[1]} name one record of the {side} with two partners. "
                f"Refuse one of them first: edi834 matches refuse {twice[0]}."
            )
