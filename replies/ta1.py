"""TA1: the answer to each received interchange (CMS guide 7.2, section 5.1, table 4)."""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from replies.x12_writer import Envelope, close_interchange, open_interchange
from schemas.errors import Terminal
from schemas.verdict import Verdict


def count_ta1(verdict: Verdict) -> int:
    """How many interchanges `write_ta1` will write, each with its own control number."""
    return int(answered_interchanges(verdict).num_rows)


def write_ta1(verdict: Verdict, envelopes: Sequence[Envelope]) -> bytes:
    """One interchange for each received one: ISA, TA1, IEA without a functional group.

    A TA1 answers one interchange, so each stands in an interchange of its own: one bad reader on
    the other side can then lose one answer, not all. ISA14 is 0, for an answer asks for none.
    Without anything to answer (an unreadable file, an unknown sender) the result is empty.
    """
    answers = answered_interchanges(verdict).to_pylist()
    if len(envelopes) != len(answers):
        raise Terminal(f"{len(answers)} envelopes are needed for TA1, {len(envelopes)} were given.")
    received = {row["interchange_ordinal"]: row for row in verdict.interchanges.to_pylist()}
    return b"".join(
        _interchange(answer, received[answer["interchange_ordinal"]], envelope)
        for answer, envelope in zip(answers, envelopes, strict=True)
    )


def answered_interchanges(verdict: Verdict) -> pa.Table:
    """The verdicts of the interchanges that have a TA1.

    One that only brings TA1s and is as it should be has none, or two systems would never end.
    """
    judged = verdict.interchange_verdicts
    if not verdict.is_answered:
        return judged.slice(0, 0)
    of_groups = verdict.functional_groups["interchange_ordinal"].combine_chunks()
    has_groups = pc.is_in(judged["interchange_ordinal"], value_set=of_groups)
    return judged.filter(pc.or_(has_groups, pc.equal(judged["ta1_code"], "R")))


def _interchange(
    answer: dict[str, str], received: dict[str, str | None], envelope: Envelope
) -> bytes:
    facts, now = envelope.exchange.interchange, envelope.local_time
    elements = (
        "TA1",
        _number(received["control_number"]),
        _moment(received["date"], "%y%m%d", now),
        _moment(received["time"], "%H%M", now),
        answer["ta1_code"],
        answer["ta1_note"],
    )
    segment = facts.element_separator.join(elements) + facts.segment_terminator
    return (
        open_interchange(envelope, acknowledgment_requested=False)
        + segment.encode("ascii")
        + close_interchange(envelope, group_count=0)
    )


def _number(value: str | None) -> str:
    """The received number where TA1 can hold it; a damaged one would damage our answer too."""
    return value if value is not None and re.fullmatch("[0-9]{9}", value) else "0" * 9


def _moment(value: str | None, form: str, otherwise: datetime) -> str:
    """The received date or time where there is such a one, else ours."""
    with suppress(ValueError):
        if value is not None and datetime.strptime(value, form).strftime(form) == value:
            return value
    return otherwise.strftime(form)
