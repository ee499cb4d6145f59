"""TA1: the answer to each received interchange (CMS guide 7.2, section 5.1, table 4)."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from replies.x12_writer import Envelope, close_interchange, open_interchange
from schemas.errors import Terminal
from schemas.verdict import Verdict


def count_ta1(verdict: Verdict) -> int:
    """How many interchanges `write_ta1` will write, each with its own control number."""
    return int(_answered(verdict).num_rows)


def write_ta1(verdict: Verdict, envelopes: Sequence[Envelope]) -> bytes:
    """One interchange for each received one: ISA, TA1, IEA without a functional group.

    A TA1 answers one interchange, so each stands in an interchange of its own: one bad reader on
    the other side can then lose one answer, not all. ISA14 is 0, for an answer asks for none.
    Without anything to answer (an unreadable file, an unknown sender) the result is empty.
    """
    answers = _answered(verdict).to_pylist()
    if len(envelopes) != len(answers):
        raise Terminal(f"{len(answers)} envelopes are needed for TA1, {len(envelopes)} were given.")
    received = {row["interchange_ordinal"]: row for row in verdict.interchanges.to_pylist()}
    return b"".join(
        _interchange(answer, received[answer["interchange_ordinal"]], envelope)
        for answer, envelope in zip(answers, envelopes, strict=True)
    )


def _answered(verdict: Verdict) -> pa.Table:
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
        _digits(received["control_number"], 9, "0" * 9),
        _digits(received["date"], 6, f"{now:%y%m%d}"),
        _digits(received["time"], 4, f"{now:%H%M}"),
        answer["ta1_code"],
        answer["ta1_note"],
    )
    segment = facts.element_separator.join(elements) + facts.segment_terminator
    return (
        open_interchange(envelope, acknowledgment_requested=False)
        + segment.encode("ascii")
        + close_interchange(envelope, group_count=0)
    )


def _digits(value: str | None, length: int, otherwise: str) -> str:
    """The received value where TA1 can hold it; a damaged one would damage our answer too."""
    if value is not None and len(value) == length and value.isascii() and value.isdigit():
        return value
    return otherwise
