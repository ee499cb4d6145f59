"""Decisions: what must be said to the exchange, from the book and the carrier's records.

The rules, and the terms by which they hold, are rows of `schemas/decisions.toml`; what the exchange
takes in which status of a policy is in its companion file. Everything is decided for all policies
at once, and anew in each run.
"""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

import pyarrow as pa
import sqlalchemy as sa

from enrollment import (
    decision_choice,
    decision_findings,
    decision_grace,
    decision_ids,
    decision_requests,
    decision_rules,
    decision_standing,
)
from enrollment.decision_facts import copy_facts
from schemas.partners import Exchange, Partner
from schemas.postgres_copy import copy_to_temporary, give_memory


class CarrierTables(Protocol):
    """The carrier's side: CARRIER_MEMBERS, CARRIER_PAYMENTS and CARRIER_REQUESTS.

    By payments that are stale nobody's coverage is ended for want of one: it may have come.
    """

    @property
    def members(self) -> pa.Table: ...  # noqa: D102
    @property
    def payments(self) -> pa.Table: ...  # noqa: D102
    @property
    def requests(self) -> pa.Table: ...  # noqa: D102
    @property
    def payments_are_stale(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True)
class Decided:
    """How many decisions a run has made, and withdrawn of those that were not sent yet.

    `let_go` are the policies whose effectuation waits no longer for a member whom we have rejected,
    because persons say that he does not come.
    """

    made: int
    withdrawn: int
    let_go: tuple[str, ...] = ()


_TABLES = (
    *("standing", "ending", "counted_payment", "paid", "settled", "candidate", "continued"),
    *("balance", "confirmed", "behind", "owed_item", "owed_month", "grace_over"),
    *("newest_request", "judged_request", "untold_id", "issuer_id", "incomplete", "chosen"),
    "short",
)


def decide(  # noqa: PLR0913
    conn: sa.Connection,
    run_id: int,
    partner: Partner,
    exchange: Exchange,
    on_day: date,
    records: CarrierTables,
) -> Decided:
    """Writes and withdraws the partner's decisions as of that day in the exchange's time zone.

    Unsent decisions are decided afresh: the same one keeps its id and its state. What of the
    carrier's records nothing follows from becomes a finding (`book.carrier_finding`). Leaves the
    temporary tables that `enrollment/offering.py` reads, so both belong into one transaction.
    """
    give_memory(conn)
    conn.execute(sa.text(f"DROP TABLE IF EXISTS {', '.join(f'pg_temp.{t}' for t in _TABLES)}"))
    copy_facts(conn, partner, exchange)
    copy_to_temporary(conn, "payment", records.payments)
    copy_to_temporary(conn, "carrier_member", records.members)
    copy_to_temporary(conn, "carrier_request", records.requests)
    known = {
        "partner_id": partner.id,
        "run_id": run_id,
        "on_day": on_day,
        "time_zone": exchange.time_zone,
    }
    for statement in (
        *_candidates(records),
        *decision_findings.STATEMENTS,
        *decision_choice.CHOOSE,
    ):
        _execute(conn, statement, known)
    withdrawn = _execute(conn, decision_choice.WITHDRAW, known)
    _execute(conn, decision_choice.RENEW, known)
    made = _execute(conn, decision_choice.MAKE, known)
    conn.execute(sa.text("ANALYZE book.decision"))
    return Decided(made, withdrawn, tuple(conn.execute(decision_ids.LET_GO).scalars()))


def _candidates(records: CarrierTables) -> tuple[sa.TextClause, ...]:
    for_want_of_payment = (
        decision_rules.BINDER_CANCELLATIONS,
        decision_rules.GRACE_TERMINATIONS,
    )
    return (
        *decision_standing.STATEMENTS,
        *decision_grace.STATEMENTS,
        decision_ids.ISSUER_IDS,
        sa.text("ANALYZE issuer_id"),
        decision_rules.MAKE_CANDIDATES,
        decision_rules.EFFECTUATIONS,
        decision_rules.CONTINUED,
        *(() if records.payments_are_stale else for_want_of_payment),
        decision_rules.REINSTATEMENTS,
        *decision_requests.STATEMENTS,
        *decision_ids.STATEMENTS,
    )


def _execute(conn: sa.Connection, statement: sa.TextClause, known: dict[str, object]) -> int:
    """The number of rows that the statement touched, given those of the values that it names."""
    names = statement.compile().params
    return conn.execute(statement, {name: known[name] for name in names}).rowcount
