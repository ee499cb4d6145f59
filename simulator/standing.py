"""Where a policy stands at the exchange: its own last word, and what the carrier said since.

The exchange's transaction holds the policy as it was after it, with all that the carrier had said
before. An end or a reinstatement by the carrier counts when it came after that transaction; that
coverage was confirmed, and the issuer's ids, stay known whatever came in between.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from simulator.people import Policy
from simulator.state import ACCEPTED, State

Kind = Literal["effectuation", "cancellation", "termination", "maintenance", "reinstatement"]


@dataclass(frozen=True)
class IssuerIds:
    """The ids that the issuer gave; None or absent where it said nothing."""

    policy: str | None = None
    subscriber: str | None = None
    members: dict[str, str] = field(default_factory=dict)  # by exchange member id


@dataclass(frozen=True)
class IssuerSet:
    """A transaction of the carrier that the exchange accepted."""

    policy_id: str
    kind: Kind
    reason: str  # ADDL MAINT REASON as sent
    coverage_end: date | None
    said_on: date
    after_transaction: int  # the last transaction of the exchange before it
    ids: IssuerIds = IssuerIds()


@dataclass(frozen=True)
class Standing:
    """A policy as the exchange judges by it."""

    policy: Policy  # all that either side has said
    delivered: Policy  # without what the carrier has not acknowledged yet
    reference: str  # BGN02 of the last set that carried all members
    copies: frozenset[str]  # each BGN02 of it, where it was sent more than once
    total: int  # its QTY*TO
    references: frozenset[str]  # BGN02 of every set of the policy
    later_policies: bool  # a member has other coverage of the same line in the same time
    day: date


def with_issuer(policy: Policy, transaction_id: int, said: Iterable[IssuerSet]) -> Policy:
    """The policy after that transaction of the exchange, and all that the carrier said."""
    for one in said:
        if one.kind in _STAYS or one.after_transaction >= transaction_id:
            policy = _APPLY[one.kind](policy, one)
    return policy


def said_of(state: State, policy_id: str) -> list[IssuerSet]:
    """What the carrier said of the policy and the exchange accepted, in order."""
    return _said(state, "policy_id = ?", policy_id).get(policy_id, [])


def said_by_partner(state: State, partner_id: str) -> dict[str, list[IssuerSet]]:
    """The same for all policies of a partner, by policy id."""
    return _said(state, "partner_id = ?", partner_id)


def remember(state: State, partner_id: str, said: IssuerSet, night: int) -> None:
    """Keeps an accepted transaction."""
    state.connection.execute(
        "INSERT INTO issuer_sets (partner_id, policy_id, kind, reason, coverage_end, said_on,"
        " after_transaction, ids, night) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            partner_id,
            said.policy_id,
            said.kind,
            said.reason,
            said.coverage_end.isoformat() if said.coverage_end else None,
            said.said_on.isoformat(),
            said.after_transaction,
            json.dumps(vars(said.ids), sort_keys=True),
            night,
        ),
    )


def current(state: State, policy_id: str) -> Policy:
    """The policy as it stands, with all that either side has said."""
    transaction_id = state.last_transaction(policy_id)
    (last,) = state.load_transactions([transaction_id])
    return with_issuer(last.policy, transaction_id, said_of(state, policy_id))


def standing(state: State, partner_id: str, policy_id: str, day: date) -> Standing | None:
    """Where the policy stands; None when it is not known or its enrollment did not arrive."""
    histories = state.histories(partner_id, ACCEPTED, policy_id=policy_id)
    if not histories or not histories[0].arrived:
        return None
    history = histories[0]
    arrived = history.transaction_ids[: history.arrived]
    transactions = list(state.load_transactions(arrived))
    said = said_of(state, policy_id)
    echoed = max(
        transaction_id
        for transaction_id, transaction in zip(arrived, transactions, strict=True)
        if not transaction.ends_policy
    )
    reference, total = state.last_sent(echoed)
    policy = current(state, policy_id)
    return Standing(
        policy,
        with_issuer(transactions[-1].policy, arrived[-1], said),
        reference,
        state.copies_of(echoed),
        total,
        state.references_of(policy_id),
        _has_later_policy(state, policy),
        day,
    )


def as_told(state: State, stands: Standing) -> Standing:
    """The same without what the carrier has not acknowledged yet."""
    return replace(
        stands,
        policy=stands.delivered,
        later_policies=_has_later_policy(state, stands.delivered, _delivered),
    )


def is_out_of_order(state: State, partner_id: str, policy_id: str) -> bool:
    """Whether the carrier has acknowledged something of the policy and not all before it.

    Then it knows what nobody has written down: neither the policy without that nor the policy with
    all.
    """
    (history,) = state.histories(partner_id, ACCEPTED, policy_id=policy_id)
    later = history.transaction_ids[history.arrived + 1 :]
    return any(state.is_accepted(transaction_id) for transaction_id in later)


def _delivered(state: State, policy_id: str) -> Policy | None:
    """The policy as the carrier has acknowledged it; None when it has not."""
    (partner_id,) = state.connection.execute(
        "SELECT partner_id FROM transactions WHERE policy_id = ?", (policy_id,)
    ).fetchone()
    (history,) = state.histories(partner_id, ACCEPTED, policy_id=policy_id)
    if not history.arrived:
        return None
    last_id = history.transaction_ids[history.arrived - 1]
    (last,) = state.load_transactions([last_id])
    return with_issuer(last.policy, last_id, said_of(state, policy_id))


def _has_later_policy(
    state: State, policy: Policy, look: Callable[[State, str], Policy | None] = current
) -> bool:
    """Whether a member has another policy of the line in the plan year, not cancelled."""
    year = policy.begin.year
    for other_id in state.policies_of_members(policy.policy_id, policy.insurance_line):
        other = look(state, other_id)
        if other is None:
            continue
        no_coverage = other.state == "cancelled"
        ended_before = other.end is not None and other.end < policy.begin
        if other.begin.year == year and not no_coverage and not ended_before:
            return True
    return False


def _said(state: State, condition: str, value: str) -> dict[str, list[IssuerSet]]:
    rows = state.connection.execute(
        "SELECT policy_id, kind, reason, coverage_end, said_on, after_transaction, ids"  # noqa: S608
        f" FROM issuer_sets WHERE {condition} ORDER BY issuer_set_id",
        (value,),
    )
    said: dict[str, list[IssuerSet]] = defaultdict(list)
    for policy_id, kind, reason, end, said_on, after, ids in rows:
        told: dict[str, Any] = json.loads(ids)
        said[policy_id].append(
            IssuerSet(
                policy_id,
                kind,
                reason,
                date.fromisoformat(end) if end else None,
                date.fromisoformat(said_on),
                after,
                IssuerIds(**told),
            )
        )
    return said


# What the carrier's transaction makes of the policy


def _confirm(policy: Policy, said: IssuerSet) -> Policy:
    return _name(replace(policy, effectuated=True), said)


def _name(policy: Policy, said: IssuerSet) -> Policy:
    ids = said.ids
    enrollees = tuple(
        replace(e, issuer_member_id=ids.members.get(e.person.member_id, e.issuer_member_id))
        for e in policy.enrollees
    )
    return replace(
        policy,
        issuer_policy_id=ids.policy or policy.issuer_policy_id,
        issuer_subscriber_id=ids.subscriber or policy.issuer_subscriber_id,
        enrollees=enrollees,
    )


def _cancel(policy: Policy, said: IssuerSet) -> Policy:
    return _by_issuer(policy.ended("cancelled", policy.begin), said)


def _terminate(policy: Policy, said: IssuerSet) -> Policy:
    return _by_issuer(policy.ended("terminated", said.coverage_end or policy.begin), said)


def _by_issuer(ended: Policy, said: IssuerSet) -> Policy:
    """The policy that was ended, with who ended it. It knows still who had done so before."""
    left = ended.left or ended.ended_by == "exchange"
    by_issuer = replace(ended, ended_by="issuer", end_reason=said.reason, left=left)
    return replace(by_issuer, end_told_on=said.said_on)


def _reinstate(policy: Policy, _: IssuerSet) -> Policy:
    """All coverage as it was before the end; who was taken off before stays off."""
    return policy.reopened()


_STAYS = frozenset({"effectuation", "maintenance"})
_APPLY: dict[str, Callable[[Policy, IssuerSet], Policy]] = {
    "effectuation": _confirm,
    "maintenance": _name,
    "cancellation": _cancel,
    "termination": _terminate,
    "reinstatement": _reinstate,
}
