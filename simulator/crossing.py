"""What crosses on its way: what either side cannot know yet is no fault of the carrier.

The exchange may have lost a file that the carrier counts as read, may have rejected what the
carrier has not heard of yet, and may have said what the carrier has not acknowledged. A
cancellation that was said before a change of the exchange's own is answered by a rejection: whoever
accepted it would have changed a policy that was cancelled by then.
"""

from collections.abc import Iterable
from datetime import datetime

from simulator.answer_faults import LOST, force, was_forced
from simulator.state import State


def lose(state: State, night: int, partner_id: str, name: str, policies: Iterable[str]) -> None:
    """A file of the carrier about these policies is not read until somebody asks for it."""
    force(state, night, partner_id, LOST, name)
    state.connection.executemany(
        "INSERT INTO unread VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(partner_id, name, policy_id) for policy_id in policies],
    )


def find(state: State, partner_id: str, name: str) -> None:
    """The file is read now."""
    state.connection.execute(
        "DELETE FROM unread WHERE partner_id = ? AND name = ?", (partner_id, name)
    )


def reject(state: State, partner_id: str, policies: Iterable[str], known_night: int) -> None:
    """Something right of these policies is rejected; the carrier works with it from that night."""
    state.connection.executemany(
        "INSERT INTO unheard VALUES (?, ?, ?)",
        [(partner_id, policy_id, known_night) for policy_id in policies],
    )


def has_crossed(state: State, partner_id: str, policy_id: str, name: str, night: int) -> bool:
    """Whether something of the policy is unread or unheard still, or the file itself comes late."""
    row = state.connection.execute(
        "SELECT 1 FROM unread WHERE partner_id = :partner AND policy_id = :policy UNION ALL"
        " SELECT 1 FROM unheard WHERE partner_id = :partner AND policy_id = :policy"
        " AND known_night > :night LIMIT 1",
        {"partner": partner_id, "policy": policy_id, "night": night},
    ).fetchone()
    return row is not None or was_forced(state, LOST, name)


def is_overtaken(state: State, policy_id: str, said_at: datetime) -> bool:
    """Whether the last word of the exchange on the policy is a change that it made later."""
    (last,) = state.load_transactions([state.last_transaction(policy_id)])
    return last.kind == "change" and last.submitted > said_at
