"""The answer about a policy for people: head, picture, what is believed, what was told."""

import textwrap
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from enrollment.believed import Row
from enrollment.told import ToldSet
from pipeline.book_answer import Answer
from pipeline.book_decisions import decision_lines
from pipeline.book_picture import Signs, picture
from pipeline.book_words import clock_of, effect_of, moment, name_of, place_of, span, state_of
from schemas.columns import RESIDENCE

_INDENT = "  "
_BELIEVED = "What is believed, told by which set [n], known since when (UTC)"
_TOLD = "What was told, in the order in which it counts"
_DECIDED = "What was decided by us"
_NAME = ("first_name", "middle_name", "last_name", "name_suffix")
_SHOWN = {
    "birth_date": "born",
    "gender_code": "gender",
    "ssn": "SSN",
    "phone": "phone",
    "email": "e-mail",
}


class Report:
    """One answer as lines of at most `width` characters, where no word is longer."""

    def __init__(self, answer: Answer, landing: Path, width: int, signs: Signs) -> None:
        self.answer = answer
        self.belief = answer.belief
        self.landing = landing
        self.width = width
        self.signs = signs

    def lines(self) -> Iterator[str]:
        """The whole report."""
        yield from self._head()
        if self.belief.policy is not None:
            yield from ("", *picture(self.answer, self.width, self.signs))
            yield from ("", *self._wrapped(_BELIEVED, "", 0), *self._believed())
        if self.answer.told:
            yield from ("", *self._wrapped(_TOLD, "", 0), *self._told())
            yield from ("", *self._decided(), *self._next_step())

    def _head(self) -> Iterator[str]:
        question = self.answer.question
        yield f"Policy {question.key.exchange_policy_id} of {question.key.partner_id}"
        when = f"at {question.known_at:%Y-%m-%d %H:%M:%S %Z}" if question.known_at else "now"
        on = f", for {question.valid_on}" if question.valid_on else ", for all days"
        yield from self._wrapped(f"As believed {when}{on}", "", 0)
        policy = self.belief.policy
        if policy is None:
            return
        facts = {
            "status": policy["status"],
            "coverage": _window(policy),
            "plan": f"{self.belief.plan_of()}, {policy['insurance_line'] or 'line unknown'}",
            "subscriber": policy["exchange_subscriber_id"] or "unknown",
            "our policy id": policy["issuer_policy_id"],
            "effectuation": self._effectuation(policy),
            "waits": self._waits(),
            "known since": moment(policy["known_from"]) + self._source(policy, ", told by "),
        }
        yield ""
        for name, value in facts.items():
            if value:
                yield from self._wrapped(f"{name:<14}{value}", _INDENT, 16)

    def _effectuation(self, policy: Row) -> str:
        """Whether the policy is effectuated, on what evidence, and what follows."""
        mine = [d for d in self.answer.decisions if d["kind"] == "effectuation"]
        decided = [d for d in mine if d["state"] == "sent"]
        said = "; ".join(
            f"sent {moment(each['decided_at'])} in {each['file_name']}, "
            f"paid {each['paid_amount']} of {each['responsible_amount']}"
            + (f" on {each['paid_on']}" if each["paid_on"] else "")
            for each in decided
        )
        if mine and mine[-1]["obstacle"]:
            return f"decided in run {mine[-1]['run_id']}, and cannot be sent: see below"
        if mine and mine[-1]["state"] == "open":
            return f"decided in run {mine[-1]['run_id']}, not sent yet: the next night sends it"
        if mine and mine[-1]["state"] == "rejected":
            return f"rejected by the exchange ({mine[-1]['rejected_by']}): {mine[-1]['file_name']}"
        if not policy["needs_effectuation"]:
            return said or ("" if policy["status"] == "cancelled" else "not required")
        follows = (
            f"not yet: the first payment{self._owed(policy)} is waited for"
            if policy["status"] == "initial"
            else "none: it ended before the first payment came"
        )
        return f"{follows}. Before: {said}" if said else follows

    def _owed(self, policy: Row) -> str:
        first = policy["benefit_begin"]
        owed = [
            row["amount"]
            for row in self.belief.amounts
            if row["name"] == "TOT RES AMT"
            and row["valid_from"] <= first
            and (row["valid_to"] is None or row["valid_to"] >= first)
        ]
        return f" of {owed[0]}" if owed else ""

    def _waits(self) -> str:
        numbers = ", ".join(str(one.number) for one in self.answer.waiting)
        return f"{numbers}: told, and not in the book" if numbers else ""

    def _believed(self) -> Iterator[str]:
        day = self.answer.question.valid_on
        for row in self.belief.members:
            yield from self._line(self._member(row), row)
        covered = [row for row in self.belief.coverages if self._holds(row)]
        owed = [row for row in self.belief.amounts if self._holds(row)]
        for row in covered:
            days = _in_effect(row, row["benefit_begin"], row["benefit_end"])
            yield from self._line(
                f"{row['exchange_member_id']} covered {days}, {row['plan_id']}", row
            )
        if day and not covered:
            yield f"{_INDENT}nobody is covered on {day}"
        for row in owed:
            days = _in_effect(row, row["valid_from"], row["valid_to"])
            what = f"{row['exchange_member_id']} {row['name']} {row['amount']}"
            yield from self._line(f"{what} {days}", row)
        yield from self._particulars()
        if any(map(_is_cut, (*covered, *owed))):
            cut = "* told for more days; cut to those on which the policy is in force"
            yield from self._wrapped(cut, _INDENT, 4)

    def _particulars(self) -> Iterator[str]:
        texts = [(row, self._address(row)) for row in self.belief.addresses]
        texts += [
            (row, f"{row['exchange_member_id']} {row['kind'].replace('_', ' ')} {row['value']}")
            for row in self.belief.identifiers
        ]
        texts += [
            (row, f"broker {row['broker_id'] or ''} {self._value(row['broker_name'])}".rstrip())
            for row in self.belief.brokers
        ]
        for row, text in texts:
            if self.answer.holds(row["valid_from"], row["valid_to"]):
                former = " (former)" if row["valid_to"] else ""
                days = span(row["valid_from"], row["valid_to"])
                yield from self._line(f"{text} {days}{former}", row)

    def _holds(self, row: Row) -> bool:
        """Whether a coverage or amount is shown: all without a day, else what is in effect."""
        if self.answer.question.valid_on is None:
            return True
        return self.answer.holds(row["effective_begin"], row["effective_end"])

    def _member(self, row: Row) -> str:
        """Who a member is; masked, it tells which values are known."""
        role = "subscriber" if row["is_subscriber"] else "dependent"
        told = [self._together(row, _NAME), *(self._said(row, name) for name in _SHOWN)]
        missing = "" if row["ssn"] else "no SSN"
        return ", ".join([f"{row['exchange_member_id']} {role}", *filter(None, [*told, missing])])

    def _said(self, row: Row, name: str) -> str:
        return f"{_SHOWN[name]} {self._value(row[name])}" if row[name] is not None else ""

    def _address(self, row: Row) -> str:
        return f"{row['exchange_member_id']} {row['kind']} {self._together(row, RESIDENCE)}"

    def _together(self, row: Row, names: tuple[str, ...]) -> str:
        """Several values as one: masked, it does not tell how many there are."""
        return self._value(" ".join(row[name] for name in names if row[name]) or None)

    def _value(self, value: object) -> str:
        """A value of a person: masked in one length, so that it does not even tell its own."""
        if value is None:
            return ""
        return str(value) if self.answer.question.reveal else self.signs.mask * 4

    def _line(self, text: str, row: Row) -> Iterator[str]:
        source = f"[{self.answer.number_of(row) or '?'}] {moment(row['known_from'])}"
        lines = textwrap.wrap(text, self.width - 2, subsequent_indent=_INDENT) or [""]
        room = self.width - 2 - len(lines[-1])
        yield from (f"{_INDENT}{line}" for line in lines[:-1])
        if room > len(source):
            yield f"{_INDENT}{lines[-1]}{source:>{room}}"
        else:
            yield f"{_INDENT}{lines[-1]}"
            yield f"{source:>{self.width}}"

    def _source(self, row: Row, word: str) -> str:
        number = self.answer.number_of(row)
        return f"{word}{number}" if number else ""

    def _told(self) -> Iterator[str]:
        for one in self.answer.told:
            number = f"{one.number:>3}  "
            head = f"{number}{name_of(one)}, said {clock_of(one)}, {state_of(self.answer, one)}"
            yield from self._wrapped(head, "", 5)
            yield from self._wrapped(place_of(one), " " * 5, 5)
            yield from self._wrapped(effect_of(self.answer, one, self.signs.arrow), " " * 5, 5)
            yield from self._also(one)

    def _decided(self) -> Iterator[str]:
        if not self.answer.decisions:
            return
        yield _DECIDED
        for row in self.answer.decisions:
            first, *more = decision_lines(row)
            yield from self._wrapped(first, _INDENT, 4)
            for line in more:
                yield from self._wrapped(line, " " * 4, 4)
        yield ""

    def _also(self, one: ToldSet) -> Iterator[str]:
        if one.row["file_again"]:
            names = ", ".join(one.row["file_again"])
            yield from self._wrapped(f"the same file came again as {names}", " " * 5, 5)
        if one.row["rejected_members"]:
            count, reasons = one.row["rejected_members"], ", ".join(one.row["rejected_for"])
            said = f"{count} more of the set rejected by the verdict: {reasons}"
            yield from self._wrapped(said, " " * 5, 5)

    def _next_step(self) -> Iterator[str]:
        """How to see the bytes of the last set that was told."""
        last = next((one for one in reversed(self.answer.told) if one.events), None)
        if last is None:
            return
        member = last.events[0]["exchange_member_id"]
        yield f"To see the bytes of {last.number}:"
        yield f"{_INDENT}edi834 show {self.landing / last.row['storage_key']} --member {member}"

    def _wrapped(self, text: str, indent: str, hanging: int) -> Iterator[str]:
        yield from textwrap.wrap(
            text,
            self.width,
            initial_indent=indent,
            subsequent_indent=" " * hanging,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _window(policy: Row) -> str:
    if policy["status"] == "cancelled":
        return f"none: cancelled from its first day, {policy['benefit_begin']}"
    return span(policy["benefit_begin"], policy["benefit_end"])


def _in_effect(row: Row, begin: date, end: date | None) -> str:
    """The days on which a span is in effect, with a mark where it was told for others too."""
    if row["effective_begin"] is None:
        return f"not in effect (told {span(begin, end)})"
    return span(row["effective_begin"], row["effective_end"]) + "*" * _is_cut(row)


def _is_cut(row: Row) -> bool:
    told = (
        row.get("benefit_begin", row.get("valid_from")),
        row.get("benefit_end", row.get("valid_to")),
    )
    effective = row["effective_begin"], row["effective_end"]
    return effective[0] is not None and effective != told
