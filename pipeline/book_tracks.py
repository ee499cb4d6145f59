"""What can be drawn of a policy: a track of bars for each member, each amount and each belief.

The terminal (`book_picture.py`) and the console draw the same tracks.
"""

from dataclasses import dataclass
from datetime import date

from pipeline.book_answer import Answer, Learnt
from pipeline.book_words import moment

BELIEFS_MOST = 12


@dataclass(frozen=True)
class Bar:
    """One span with what is in effect of it (null: nothing), and a text to write into it."""

    begin: date
    end: date | None
    effective: tuple[date, date | None] | None
    text: str = ""


@dataclass(frozen=True)
class Track:
    """The bars of one line. Money is drawn as a line with a sign where each span begins."""

    label: str
    bars: list[Bar]
    is_money: bool = False


def coverage_tracks(answer: Answer) -> list[Track]:
    """Who is covered: a track for each member, in the order of the book."""
    subscribers = _subscribers(answer)
    bars: dict[str, list[Bar]] = {row["exchange_member_id"]: [] for row in answer.belief.members}
    for row in answer.belief.coverages:
        effective = _effective(row)
        bar = Bar(row["benefit_begin"], row["benefit_end"], effective)
        bars.setdefault(row["exchange_member_id"], []).append(bar)
    return [
        Track(f"{member} {'subscriber' if member in subscribers else 'dependent'}", drawn)
        for member, drawn in bars.items()
    ]


def _subscribers(answer: Answer) -> set[str]:
    return {row["exchange_member_id"] for row in answer.belief.members if row["is_subscriber"]}


def amount_tracks(answer: Answer) -> list[Track]:
    """What is owed: a track for each amount, those of the subscriber first."""
    subscribers = _subscribers(answer)
    bars: dict[str, list[Bar]] = {}
    ordered = sorted(
        answer.belief.amounts,
        key=lambda row: (row["exchange_member_id"] not in subscribers, row["name"]),
    )
    for row in ordered:
        own = row["exchange_member_id"] in subscribers
        label = row["name"] if own else f"{row['name']} {row['exchange_member_id']}"
        bar = Bar(row["valid_from"], row["valid_to"], _effective(row), str(row["amount"]))
        bars.setdefault(label, []).append(bar)
    return [Track(label, drawn, is_money=True) for label, drawn in bars.items()]


def _effective(row: dict[str, object]) -> tuple[date, date | None] | None:
    begin, end = row["effective_begin"], row["effective_end"]
    if not isinstance(begin, date):
        return None
    return begin, end if isinstance(end, date) else None


def belief_tracks(answer: Answer) -> list[Track]:
    """The policy as it was believed from one moment to the next, the last ones."""
    shown = answer.learnt[-BELIEFS_MOST:]
    return [Track(moment(one.row["known_from"]), [_belief_bar(one)]) for one in shown]


def _belief_bar(one: Learnt) -> Bar:
    row = one.row
    begin, end = row["benefit_begin"], row["benefit_end"]
    by = f", by {'+'.join(map(str, one.sets))}" if one.sets else ""
    in_effect = None if row["status"] == "cancelled" else (begin, end)
    told = None if row["status"] == "cancelled" else end
    return Bar(begin, told, in_effect, f"{row['status']}{by}")
