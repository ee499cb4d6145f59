"""The answer about a policy for programs; docs/command-line.md lists the fields."""

from typing import Any

from enrollment.believed import Row
from enrollment.told import ToldSet
from pipeline.book_answer import Answer, meaning
from pipeline.book_words import clock_of, effect_of, name_of
from schemas.columns import NAME, RESIDENCE

# All that says who somebody is; the other columns of a member are ids and roles.
_PERSON = (*NAME, "ssn", "birth_date", "gender_code", "marital_status", "phone", "email")
_HEAD = (
    *("status", "plan_id", "insurance_line", "exchange_subscriber_id", "issuer_policy_id"),
    *("benefit_begin", "benefit_end", "needs_effectuation"),
)


def as_object(answer: Answer) -> dict[str, Any]:
    """One object: the question, what is believed, when it was learnt, what was told.

    Dates and amounts are text when `json.dumps(…, default=str)` writes it.
    """
    question, belief, policy = answer.question, answer.belief, answer.belief.policy
    return {
        "policy": question.key.exchange_policy_id,
        "partner": question.key.partner_id,
        "valid_on": question.valid_on,
        "known_at": question.known_at and question.known_at.isoformat(),
        "revealed": question.reveal,
        "believed": policy and {**_told_row(answer, policy, _HEAD), "plan_id": belief.plan_of()},
        "decisions": [_without(row, "event_id") for row in answer.decisions],
        "members": [_member(answer, row) for row in belief.members],
        "coverages": [
            _span(answer, row, ("plan_id", "insurance_line"), "benefit_begin", "benefit_end")
            for row in belief.coverages
            if _is_asked(answer, row)
        ],
        "amounts": [
            _span(answer, row, ("name", "amount"), "valid_from", "valid_to")
            for row in belief.amounts
            if _is_asked(answer, row)
        ],
        "addresses": [_personal(answer, row, RESIDENCE) for row in _held(answer, belief.addresses)],
        "identifiers": [
            _told_row(
                answer, row, ("exchange_member_id", "kind", "value", "valid_from", "valid_to")
            )
            for row in _held(answer, belief.identifiers)
        ],
        "brokers": [
            _personal(answer, row, ("broker_name",)) for row in _held(answer, belief.brokers)
        ],
        "learnt": [{**one.row, "told_by": list(one.sets)} for one in answer.learnt],
        "told": [_told(answer, one) for one in answer.told],
    }


def _held(answer: Answer, rows: list[Row]) -> list[Row]:
    return [row for row in rows if answer.holds(row["valid_from"], row["valid_to"])]


def _is_asked(answer: Answer, row: Row) -> bool:
    return answer.question.valid_on is None or answer.holds(
        row["effective_begin"], row["effective_end"]
    )


def _told_row(answer: Answer, row: Row, names: tuple[str, ...]) -> dict[str, Any]:
    """The values of the row, and which set told it, in which file and bytes, since when."""
    numbers = {one.place: one for one in answer.told}
    one = numbers.get((row["file_id"], row["set_ordinal"]))
    source = {
        "set": one.number if one else None,
        "file": one.row["file_name"] if one else None,
        "set_ordinal": row["set_ordinal"],
        "byte_start": row["byte_start"],
        "byte_end": row["byte_end"],
    }
    return {
        **{name: row[name] for name in names},
        "known_from": row["known_from"],
        "told_by": source,
    }


def _member(answer: Answer, row: Row) -> dict[str, Any]:
    names = ("exchange_member_id", "exchange_subscriber_id", "is_subscriber", "relationship_code")
    known = [name for name in _PERSON if row[name] is not None]
    person = {name: row[name] for name in known} if answer.question.reveal else None
    return {**_told_row(answer, row, names), "known": known, "person": person}


def _personal(answer: Answer, row: Row, masked: tuple[str, ...]) -> dict[str, Any]:
    """An address or a broker: the values that say who are there only when they are revealed."""
    names = [name for name in ("exchange_member_id", "kind", "broker_id") if name in row]
    shown = _told_row(answer, row, (*names, "valid_from", "valid_to"))
    known = [name for name in masked if row[name] is not None]
    values = {name: row[name] for name in known} if answer.question.reveal else None
    return {**shown, "known": known, "values": values}


def _span(answer: Answer, row: Row, names: tuple[str, ...], begin: str, end: str) -> dict[str, Any]:
    effective = {"begin": row["effective_begin"], "end": row["effective_end"]}
    return {
        **_told_row(answer, row, ("exchange_member_id", *names)),
        "begin": row[begin],
        "end": row[end],
        "effective": effective if row["effective_begin"] else None,
    }


def _told(answer: Answer, one: ToldSet) -> dict[str, Any]:
    row = one.row
    first = one.events[0] if one.events else {}
    return {
        "set": one.number,
        "transaction": row["transaction"],
        "kind": name_of(one),
        "clock": clock_of(one),
        "file": row["file_name"],
        "storage_key": row["storage_key"],
        "set_ordinal": row["set_ordinal"],
        "control_number": row["control_number"],
        "byte_start": first.get("byte_start"),
        "byte_end": first.get("byte_end"),
        "members": [event["exchange_member_id"] for event in one.events],
        "received_in_run": row["received_in_run"],
        "state": one.state,
        "decided_in_run": row["run_id"],
        "decided_at": row["decided_at"],
        "later": row["state"] if answer.is_later(one) else None,
        "reason": row["reason"],
        "reason_means": meaning(row["reason"])[0] or None,
        "blocked_by": answer.blocked_by(one) if row["reason"] else None,
        "batch": row["batch_id"],
        "rejected_members": row["rejected_members"],
        "rejected_for": row["rejected_for"] or [],
        "file_again": row["file_again"] or [],
        "changed": effect_of(answer, one, "\N{RIGHTWARDS ARROW}"),
        "changes": [vars(change) for change in answer.changes.get(one.number, [])],
    }


def _without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}
