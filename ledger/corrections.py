"""Corrections: derived transaction sets, from a person's draft to the night that takes them in."""

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from schemas.cases import correction
from schemas.errors import Terminal
from schemas.persons import is_same_person

FIT = ("accepted", "accepted_with_errors")  # verdicts with which a correction may be resubmitted


@dataclass(frozen=True)
class Word:
    """Who says it, under which account of the system, and why."""

    person: str
    account: str
    reason: str

    def require(self, doing: str) -> None:
        """Raises Terminal without a person or a reason."""
        if not self.person.strip() or not self.reason.strip():
            raise Terminal(f"To {doing} needs a person and a reason. Give --by and --reason.")


@dataclass(frozen=True)
class Draft:
    """A correction as it is drafted: what it corrects, and what came of it."""

    case_id: int
    partner_id: str
    parent_file_id: int
    set_ordinal: int
    byte_start: int  # of the set in the parent
    byte_end: int
    edits: list[dict[str, Any]]  # places only
    name: str
    sha256: str
    size_bytes: int
    storage_key: str
    verdict: str
    needs_second: bool
    drafted_by: str
    account: str
    reason: str


def record_draft(conn: sa.Connection, draft: Draft) -> int:
    """The number of the correction. An older draft of the case is withdrawn by it.

    Raises Terminal when one of the case is on its way already.
    """
    on_its_way = sa.select(correction.c.correction_id).where(
        correction.c.case_id == draft.case_id, correction.c.state == "released"
    )
    known = conn.execute(on_its_way).scalar()
    if known is not None:
        raise Terminal(
            f"Correction {known} of case {draft.case_id} is on its way already. Wait for the next "
            "night."
        )
    older = (correction.c.case_id == draft.case_id) & (correction.c.state == "draft")
    conn.execute(sa.update(correction).where(older).values(state="withdrawn"))
    row = sa.insert(correction).values(**asdict(draft), state="draft")
    return int(conn.execute(row.returning(correction.c.correction_id)).scalar_one())


def release(conn: sa.Connection, case_id: int, word: Word) -> int:
    """The number of the case's draft, which the next night of its partner takes in.

    Raises Terminal when there is none, when it would be rejected, or when another person must.
    """
    word.require("resubmit")
    drafted = sa.select(correction).where(
        correction.c.case_id == case_id, correction.c.state == "draft"
    )
    row = conn.execute(drafted.with_for_update()).one_or_none()
    if row is None:
        raise Terminal(f"Case {case_id} has no draft. `edi834 cases correct {case_id}` makes one.")
    if row.verdict not in FIT:
        raise Terminal(f"The draft of case {case_id} would be rejected. Correct it again.")
    is_same = is_same_person(word.person, word.account, row.drafted_by, row.account)
    if row.needs_second and is_same:
        raise Terminal(
            f"The draft of case {case_id} moves coverage, ids or dollars: who resubmits is not who "
            f"has drafted it ({row.drafted_by})."
        )
    conn.execute(
        sa.update(correction)
        .where(correction.c.correction_id == row.correction_id)
        .values(
            state="released",
            released_by=word.person.strip(),
            released_account=word.account,
            release_reason=word.reason.strip(),
            released_at=sa.func.now(),
        )
    )
    return int(row.correction_id)


def released(conn: sa.Connection, partner_id: str) -> list[sa.Row[Any]]:
    """The partner's corrections that wait for a night, in the order in which they were drafted."""
    rows = sa.select(correction).where(
        correction.c.partner_id == partner_id, correction.c.state == "released"
    )
    return list(conn.execute(rows.order_by(correction.c.correction_id)).all())


def mark_received(conn: sa.Connection, correction_id: int, file_id: int) -> None:
    """The night has taken the correction in as that file."""
    conn.execute(
        sa.update(correction)
        .where(correction.c.correction_id == correction_id, correction.c.state == "released")
        .values(state="received", file_id=file_id)
    )


def corrections_of(conn: sa.Connection, case_id: int) -> list[dict[str, Any]]:
    """All corrections of a case, the newest first."""
    rows = sa.select(correction).where(correction.c.case_id == case_id)
    newest_first = rows.order_by(correction.c.correction_id.desc())
    return [dict(row) for row in conn.execute(newest_first).mappings()]
