"""How the book is put into words: dates, sets and what they changed, each in one line."""

from datetime import UTC, date, datetime

from enrollment.retelling import Change
from enrollment.told import ToldSet
from pipeline.book_answer import Answer, meaning

_CLOCK_DIGITS = 14  # CCYYMMDDHHMMSS; hundredths may follow

_NAMES = {
    "initial": "initial enrollment",
    "change": "change",
    "audit": "audit",
    None: "no transaction that is known",
}


def moment(instant: datetime) -> str:
    """A moment in UTC, to the minute."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"


def span(begin: date | None, end: date | None) -> str:
    """The days of a span."""
    return f"{begin} to {end}" if end else f"from {begin} on"


def name_of(one: ToldSet) -> str:
    """What kind of transaction a set is, as closely as it says itself."""
    transaction = one.row["transaction"]
    kind = next((event["kind"] for event in one.events if event["is_subscriber"]), None)
    if transaction == "change" and kind:
        return str(kind) if "change" in str(kind) else f"change ({kind})"
    if one.is_ours:
        return f"our {str(transaction).removeprefix('issuer_')}"
    name = _NAMES.get(transaction, str(transaction))
    half = {"leaves": "change in circumstance: leaves", "enters": "change in circumstance: enters"}
    return f"{name} ({half[one.row['circumstance']]})" if one.row["circumstance"] else name


def clock_of(one: ToldSet) -> str:
    """The set's REQUEST SUBMIT TIMESTAMP, or the day that stands for it."""
    sent = one.row["submitted_at"] or ""
    if sent[:_CLOCK_DIGITS].isdecimal() and len(sent) >= _CLOCK_DIGITS:
        stamp = datetime.strptime(sent[:_CLOCK_DIGITS], "%Y%m%d%H%M%S")
        hundredths = f".{sent[_CLOCK_DIGITS:]}" if sent[_CLOCK_DIGITS:].strip("0") else ""
        return f"{stamp:%Y-%m-%d %H:%M:%S}{hundredths}"
    day = one.row["moment"][:8]
    stands_for = f"{day[:4]}-{day[4:6]}-{day[6:]}" if day.strip("0") else "unknown"
    return f"{stands_for} (no clock; the file's day)"


def place_of(one: ToldSet) -> str:
    """File, transaction set and bytes of the subscriber's INS."""
    first = one.events[0] if one.events else None
    where = f", bytes {first['byte_start']}-{first['byte_end']}" if first else ""
    return f"{one.row['file_name']}, set {one.row['set_ordinal']}{where}"


def state_of(answer: Answer, one: ToldSet) -> str:
    """What became of the set, and in which run."""
    row = one.row
    when = f"run {row['run_id']} of {moment(row['decided_at'])}"
    if answer.is_later(one):
        then = "applied" if one.is_applied else "not decided yet"
        return f"{then} (later: {_STATES[row['state']]} {when})"
    return f"{_STATES[row['state']]} {when}"


_STATES = {
    "applied": "applied in",
    "duplicate": "duplicate in",
    "pending": "WAITS since",
    "refused": "refused in",
    "staged": "WAITS before the book since",
}


def effect_of(answer: Answer, one: ToldSet, arrow: str) -> str:
    """What the set changed in the book, or why it changed nothing; one line."""
    if one.is_applied:
        return in_words(answer.changes.get(one.number, []), arrow)
    return _WITHOUT_EFFECT[one.state](answer, one)


def _without_effect(answer: Answer, one: ToldSet) -> str:
    if one.row["reason"] != "transaction-duplicate":
        return _why_not(answer, one)
    return f"changed nothing: says what {answer.blocked_by(one) or 'another set'} says"


def _not_decided(_: Answer, __: ToldSet) -> str:
    return "changed nothing up to the moment asked about"


def _as_audit(_: Answer, one: ToldSet) -> str:
    differs = {name for event in one.events for name in event["differs_in"] or ()}
    said = f"otherwise than the book: {', '.join(sorted(differs))}" if differs else "as the book"
    return f"an audit changes nothing; it says {said}"


def _at_the_gate(_: Answer, one: ToldSet) -> str:
    batch, state = one.row["batch_id"], one.row["batch_state"]
    if batch is None:
        return "changed nothing yet: the run has not come to the gate. Run the night again"
    if state == "held":
        return (
            f"changed nothing: held at the gate. A second person decides: edi834 gate show {batch}"
        )
    return f"changed nothing yet: batch {batch} is {state} at the gate; the next night settles it"


def _why_not(answer: Answer, one: ToldSet) -> str:
    says, fix = meaning(one.row["reason"])
    blocking = answer.blocked_by(one)
    by = f" Blocked by {blocking}." if blocking else ""
    if one.row["reason"] == "unknown-member":
        by = f" Not on the policy: {', '.join(answer.strangers_of(one))}."
    yet = " yet" if one.waits else ""
    return f"changed nothing{yet}: {one.row['reason']}. {says}{by} {fix}".rstrip()


_WITHOUT_EFFECT = {
    "applied": _as_audit,
    "duplicate": _without_effect,
    "pending": _why_not,
    "refused": _why_not,
    "staged": _at_the_gate,
    "undecided": _not_decided,
}

# `before` of what has none yet is left out with its arrow; an end may be none.
_SENTENCES = {
    "begins": "enrolls {name} in {after}{since}",
    "effectuates": "effectuates {name}",
    "identifies": "{name} of {member}",
    "plan": "plan {before}{after}{since}",
    "added": "adds {member}{since}",
    "removed": "removes {member} after {day}",
    "person": "{name} of {member}{since}",
    "broker": "broker {before}{after}{since}",
    "cancels": "cancels all from the first day, {day}",
    "ends": "end of the policy {end} {arrow} {after}",
    "reinstates": "reinstates the policy: end {end} {arrow} {after}",
}


def in_words(changes: list[Change], arrow: str) -> str:
    """The changes of one set as a line; amounts that hold from the same day stand together."""
    if not changes:
        return "changed nothing: all of it was told before"
    said = [_sentence(change, arrow) for change in changes if change.what != "amount"]
    amounts = [change for change in changes if change.what == "amount"]
    for day in dict.fromkeys(change.since for change in amounts):
        listed = ", ".join(_amount(change, arrow) for change in amounts if change.since == day)
        said.append(f"{listed} from {day}")
    return "; ".join(said)


def _sentence(change: Change, arrow: str) -> str:
    members = f"{change.name} member" + "s" * (change.name != "1")
    counted = change.what in ("begins", "effectuates")
    return _SENTENCES[change.what].format(
        name=members if counted else change.name,
        member=change.member,
        before=f"{change.before} {arrow} " if change.before else "",
        end=change.before or "none",
        after=change.after or "none",
        since=f" from {change.since}" if change.since else "",
        day=change.since,
        arrow=arrow,
    )


def _amount(change: Change, arrow: str) -> str:
    of = f" of {change.member}" if change.member else ""
    before = f"{change.before} {arrow} " if change.before else ""
    return f"{change.name}{of} {before}{change.after}"
