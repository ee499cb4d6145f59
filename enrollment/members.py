"""The statements that write new versions of members for one round of applied sets.

`next_member` first collects what the round makes of each member; those whom it leaves as they
were are dropped again, so that the last version of a member names the file that changed it.
"""

from typing import Any

import sqlalchemy as sa

from schemas.columns import MAILING, NAME, PERSON, RESIDENCE, SINGLE
from schemas.database import event, member

_ATTRIBUTES = ("is_subscriber", *PERSON, "eligibility_begin", "benefit_begin", "benefit_end")
_COLUMNS = ("partner_id", "exchange_policy_id", "exchange_member_id", *_ATTRIBUTES)

next_member = sa.Table(
    "next_member",
    sa.MetaData(),
    sa.Column("previous_version_id", sa.BigInteger),
    *[sa.Column(name, member.c[name].type) for name in (*_COLUMNS, "event_id")],
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)

_round = sa.table(
    "round_set",
    sa.column("file_id"),
    sa.column("set_ordinal"),
    sa.column("exchange_policy_id"),
    sa.column("transaction"),
    sa.column("event_id"),
    sa.column("benefit_end", sa.Date),
    sa.column("policy_end", sa.Date),
    sa.column("outcome"),
)
_partner_id = sa.bindparam("partner_id", type_=sa.Text)
_known_at = sa.bindparam("known_at", type_=sa.TIMESTAMP(timezone=True))
_current = sa.and_(
    member.c.partner_id == _partner_id,
    member.c.exchange_policy_id == _round.c.exchange_policy_id,
    member.c.known_to == sa.text("'infinity'"),
)


def _attribute(name: str) -> sa.ColumnElement[Any]:
    """What an event says about an attribute of a person, and what was known where it is silent.

    Name and addresses are replaced as a whole.
    """
    for group in (NAME, RESIDENCE, MAILING):
        if name in group:
            says = event.c[group[0]].is_not(None)
            return sa.case((says, event.c[name]), else_=member.c[name])
    if name not in SINGLE and name != "eligibility_begin":
        raise ValueError(f"{name} is no attribute of a person.")
    return sa.func.coalesce(event.c[name], member.c[name])


def _from_events() -> sa.Insert:
    """Members of enrollments and changes: each has its own INS and its own maintenance type.

    A removed member has its end date in the event (CMS guide 7.2, table 22: DTP*349).
    """
    added = event.c.maintenance_type == "021"
    begin = sa.func.coalesce(member.c.benefit_begin, event.c.benefit_begin)
    end = sa.case(
        (event.c.maintenance_type == "024", event.c.benefit_end),
        (added, sa.func.coalesce(event.c.benefit_end, _round.c.policy_end)),
        else_=member.c.benefit_end,
    )
    rows = (
        sa.select(
            member.c.member_version_id,
            _partner_id,
            _round.c.exchange_policy_id,
            event.c.exchange_member_id,
            event.c.is_subscriber,
            *[_attribute(name) for name in (*PERSON, "eligibility_begin")],
            sa.case((added, event.c.benefit_begin), else_=begin),
            end,
            event.c.event_id,
        )
        .select_from(_round)
        .join(
            event,
            (event.c.file_id == _round.c.file_id) & (event.c.set_ordinal == _round.c.set_ordinal),
        )
        .outerjoin(member, _current & (member.c.exchange_member_id == event.c.exchange_member_id))
        .where(
            _round.c.outcome == "applied",
            _round.c.transaction.in_(["initial", "renewal", "change"]),
        )
    )
    return _collect(rows)


def _from_ends() -> sa.Insert:
    """Members of ended policies: all fall with the subscriber (CMS guide 7.2, tables 19, 20)."""
    end = sa.case(
        (_round.c.transaction == "cancellation", member.c.benefit_begin),
        else_=sa.func.least(member.c.benefit_end, _round.c.benefit_end),
    )
    kept = [member.c[name] for name in (*_COLUMNS[:-1],)]
    rows = (
        sa.select(member.c.member_version_id, *kept, end, _round.c.event_id)
        .select_from(_round)
        .join(member, _current)
        .where(
            _round.c.outcome == "applied",
            _round.c.transaction.in_(["cancellation", "termination"]),
        )
    )
    return _collect(rows)


def _collect(rows: sa.Select[Any]) -> sa.Insert:
    return sa.insert(next_member).from_select(["previous_version_id", *_COLUMNS, "event_id"], rows)


_CLOSE_MEMBERS = sa.text("""
UPDATE book.member m SET known_to = :known_at
FROM next_member n WHERE m.member_version_id = n.previous_version_id
""")

_same = [next_member.c[name].is_not_distinct_from(member.c[name]) for name in _ATTRIBUTES]
_replaced = next_member.c.previous_version_id == member.c.member_version_id

STATEMENTS = (
    _from_events(),
    _from_ends(),
    sa.delete(next_member).where(_replaced, *_same),
    _CLOSE_MEMBERS,
    sa.insert(member).from_select(
        [*_COLUMNS, "event_id", "known_from"],
        sa.select(*[next_member.c[name] for name in (*_COLUMNS, "event_id")], _known_at),
    ),
    sa.delete(next_member),
)
