"""Pairs that ids do not make, from run to run: what was found of them, and what persons said.

A person's word stays until the person takes it back: it is an input of the next reconciliation,
which can find the pair again or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from schemas import records
from schemas.errors import Terminal
from schemas.matches import match, match_word
from schemas.persons import is_same_person
from schemas.postgres_copy import copy_out, copy_to_temporary
from schemas.work import load_work_rules

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


def say(
    conn: sa.Connection, match_ids: Sequence[int], said: MatchWord, version: int | None = None
) -> int:
    """How many of the pairs hold by the word from now on: all of them, or none is changed.

    Where a word needs a second person (`schemas/work.toml`), those of which nobody else has said
    it wait for another. Raises Terminal when one is not there or in a state that the word does not
    start from, when person or reason is missing, when the same person says it again, when a record
    would have two partners, or, with `version`, when somebody has spoken since.
    """
    if not said.person.strip() or not said.reason.strip():
        raise Terminal("This needs a person and a reason. Give --by and --reason.")
    # Words of one moment come one after the other, or two of them could accept one record twice.
    conn.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended('match_word', 834))"))
    _require_all(conn, match_ids, said.word, version)
    waiting = _waiting(conn, match_ids, said)
    for ids, state in ((waiting, match.c.state), (set(match_ids) - waiting, _WORDS[said.word][1])):
        changed = sa.update(match).where(match.c.match_id.in_(ids))
        conn.execute(changed.values(state=state, version=match.c.version + 1))
    told = {"person": said.person.strip(), "account": said.account, "word": said.word}
    rows = [{"match_id": one, **told, "reason": said.reason.strip()} for one in sorted(match_ids)]
    conn.execute(sa.insert(match_word), rows)
    if said.word == "accept":
        _require_one_partner(conn)
    return len(rows) - len(waiting)


def _require_all(
    conn: sa.Connection, match_ids: Sequence[int], word: str, version: int | None
) -> None:
    """Raises Terminal where a pair is not there, has moved on, or is not for the word."""
    query = sa.select(match.c.match_id, match.c.state, match.c.version)
    mine = query.where(match.c.match_id.in_(match_ids)).order_by(match.c.match_id)
    found = conn.execute(mine.with_for_update())
    known = {row.match_id: row for row in found}
    for match_id in sorted(match_ids):
        look = f"`edi834 matches show {match_id}`"
        if match_id not in known:
            raise Terminal(f"There is no pair {match_id}. `edi834 matches list --all` names them.")
        row = known[match_id]
        if row.state not in _WORDS[word][0]:
            raise Terminal(
                f"Pair {match_id} is {row.state}: to {word} it is not possible now. See {look}."
            )
        if version is not None and row.version != version:
            raise Terminal(
                f"Pair {match_id} was changed by somebody else since you have looked at it. "
                f"Look again: {look}."
            )


_ASKED = sa.text("""
SELECT DISTINCT ON (w.match_id) w.match_id, w.word, w.person, w.account, m.state
FROM reconciliation.match_word w JOIN reconciliation.match m USING (match_id)
WHERE w.match_id = ANY(:ids) ORDER BY w.match_id, w.match_word_id DESC
""")


def waiting_for_second(conn: sa.Connection, match_ids: Sequence[int]) -> dict[int, str]:
    """Of which pairs one person has said a word that needs two, and who: the last word counts."""
    return {row.match_id: row.person for row in _asked(conn, match_ids)}


def _asked(conn: sa.Connection, match_ids: Sequence[int]) -> list[sa.Row[Any]]:
    return [
        row
        for row in conn.execute(_ASKED, {"ids": list(match_ids)})
        if row.state != _WORDS[row.word][1] and load_work_rules().second(row.word) is not None
    ]


def _waiting(conn: sa.Connection, match_ids: Sequence[int], said: MatchWord) -> set[int]:
    """Those of the pairs that need another person's word, too."""
    if load_work_rules().second(said.word) is None:
        return set()
    first = _asked(conn, match_ids)
    for row in first:
        if is_same_person(said.person, said.account, row.person, row.account):
            raise Terminal(
                f"Pair {row.match_id}: to {said.word} it needs another person than {row.person}, "
                "too."
            )
    return set(match_ids) - {row.match_id for row in first}


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
