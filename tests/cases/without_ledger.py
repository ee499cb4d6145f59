"""What the files of a case are answered, by a rulebook and without a ledger.

The nights of `house.py` take seconds a case. Here only what follows from the bytes of its files is
made again: TA1, 999, and the rules of the error report. What a case expects beyond that (states of
the ledger, answers of the book) is not compared, nor what comes out otherwise without a ledger.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time

from replies.ack999 import count_groups, write_999
from replies.ta1 import count_ta1, write_ta1
from replies.x12_writer import ControlNumbers, Envelope
from schemas.limits import load_limits
from schemas.partners import load_exchange, load_partner, load_partners
from schemas.rule_sets import load_rulebook
from validators.check import Terms

_TOLD = ("AK2", "IK3", "CTX", "IK4", "IK5", "AK9")


@dataclass(frozen=True)
class Answer:
    """The part of what is expected of a file that a rulebook decides."""

    ta1: tuple[str, ...]
    report_999: tuple[str, ...]
    reported: tuple[str, ...]
    warned: tuple[str, ...]

    def differs_from(self, other):
        """The names of the parts in which two answers differ."""
        return {name for name, value in vars(self).items() if value != getattr(other, name)}


def answers(reader, case, rulebook=None):
    """The answer to each file of a case, and all rules that its files break."""
    given, broken, earlier = [], set(), _Earlier()
    for received in case.files:
        content = received.content.bytes()
        terms = _terms(received, case, rulebook or load_rulebook(), earlier.told(content))
        verdict = reader.verdict(content, terms)
        given.append(_answer(verdict, terms))
        broken |= set(verdict.issues["rule"].to_pylist())
        earlier.add(content, verdict)
    return given, broken


class _Earlier:
    """What the ledger would know of the files that came before."""

    def __init__(self):
        self.contents = set()
        self.interchanges = set()
        self.groups = set()

    def told(self, content):
        return {
            "is_copy": content in self.contents,
            "seen_interchanges": frozenset(self.interchanges),
            "seen_groups": lambda numbers: frozenset(numbers & self.groups),
        }

    def add(self, content, verdict):
        self.contents.add(content)
        self.interchanges |= _accepted(
            verdict.interchanges, "sender_id", verdict.interchange_verdicts["ta1_code"]
        )
        self.groups |= _accepted(
            verdict.functional_groups, "sender_code", verdict.group_verdicts["ack"]
        )


def _accepted(table, sender, codes):
    """Sender and control number of those rows that were not rejected."""
    numbers = zip(table[sender].to_pylist(), table["control_number"].to_pylist(), strict=True)
    return {pair for pair, code in zip(numbers, codes.to_pylist(), strict=True) if code != "R"}


def _terms(received, case, rulebook, earlier):
    partner = load_partner(received.partner)
    others = {each.trading_partner_id for each in load_partners().values()}
    limits = load_limits()
    return Terms(
        partner=partner,
        day=received.day,
        other_receivers=frozenset(others - {partner.trading_partner_id}),
        limits=replace(limits, file_bytes=case.max_file_bytes or limits.file_bytes),
        rulebook=rulebook,
        **earlier,
    )


def _answer(verdict, terms):
    issues = verdict.issues.to_pylist()
    ta1, report = _written(verdict, terms)
    return Answer(
        ta1=tuple(" ".join(s.split("*")[4:6]) for s in ta1 if s.startswith("TA1")),
        report_999=tuple(segment for segment in report if segment.startswith(_TOLD)),
        reported=_rules(issues, "reject", "error"),
        warned=_rules(issues, "warning", "info"),
    )


def _written(verdict, terms):
    """The segments of our TA1 and of our 999; none where none is written."""
    at = datetime.combine(terms.day, time(4), UTC)
    exchange = load_exchange(terms.partner.exchange)
    envelopes = [
        Envelope(terms.partner, exchange, number, at) for number in range(1, count_ta1(verdict) + 2)
    ]
    ta1 = write_ta1(verdict, envelopes[1:]) if envelopes[1:] else b""
    numbers = range(1, count_groups(verdict) + 1)
    report = write_999(verdict, envelopes[0], ControlNumbers(numbers, numbers)) if ta1 else None
    return (content.decode("ascii").split("~") for content in (ta1, report or b""))


def _rules(issues, *severities):
    return tuple(sorted({issue["rule"] for issue in issues if issue["severity"] in severities}))


def expected(case):
    """What a case expects of each of its files, as an answer."""
    return [
        Answer(e.ta1, e.report_999, e.reported, e.warned)
        for e in (received.expected for received in case.files)
    ]
