"""Interchanges and their file names, as the FFE builds them.

CMS guide 7.2, section 3.4 and tables 12 and 13.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from schemas.partners import Exchange, Partner


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sends what to whom in one interchange, and when."""

    sender_id: str
    receiver_id: str
    control_number: int  # ISA13
    created: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """One functional group: the sets of one plan."""

    plan_id: str  # 14 characters
    control_number: int  # GS06
    sets: Iterable[list[str]]


def write_interchange(
    envelope: Envelope, partner: Partner, exchange: Exchange, groups: Iterable[Group]
) -> Iterator[str]:
    """The interchange's segments with their terminators, set by set, so that nothing piles up."""
    end = exchange.interchange.segment_terminator
    yield isa(envelope, exchange) + end
    group_count = 0
    for group in groups:
        group_count += 1
        yield (
            f"GS*{exchange.group.functional_identifier}*{partner.tenant_id}*{group.plan_id}"
            f"*{envelope.created:%Y%m%d*%H%M}*{group.control_number}"
            f"*X*{exchange.group.version}{end}"
        )
        set_count = 0
        for segments in group.sets:
            set_count += 1
            yield end.join(segments) + end
        yield f"GE*{set_count}*{group.control_number}{end}"
    yield f"IEA*{group_count}*{envelope.control_number:09d}{end}"


def isa(envelope: Envelope, exchange: Exchange) -> str:
    """The ISA segment of 105 characters, without its terminator."""
    facts = exchange.interchange
    return (
        f"ISA*00*{'':10}*00*{'':10}*{facts.qualifier}*{envelope.sender_id:15}"
        f"*{facts.qualifier}*{envelope.receiver_id:15}*{envelope.created:%y%m%d*%H%M}"
        f"*{facts.repetition_separator}*{facts.version}*{envelope.control_number:09d}*1"
        f"*{facts.usage_indicator}*{facts.component_separator}"
    )


def file_name(partner: Partner, function_code: str, created: datetime) -> str:
    """The name of a file from the exchange: `OPR.<trading partner>.I834.DYYMMDD.THHMMSSsss.P`."""
    return (
        f"OPR.{partner.trading_partner_id}.{function_code}.D{created:%y%m%d}"
        f".T{created:%H%M%S}{created.microsecond // 1000:03d}.{partner.usage_indicator}"
    )
