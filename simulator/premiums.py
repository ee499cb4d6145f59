"""The exchange pays: a HIX 820 of one month from its own book, written by hand from X12's examples.

It knows nothing of how the carrier reads or matches it. What is seeded to be wrong is told, so that
a test can ask for these disagreements and no others.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from schemas.partners import Exchange, Partner
from simulator.files import Envelope, isa
from simulator.people import Policy

SHORT_CENTS = 1_000  # what a seeded short payment lacks
UNKNOWN_CENTS = 12_345


@dataclass(frozen=True, slots=True)
class Seeds:
    """How many policies of a file are paid wrongly, of each kind, and by which seed."""

    seed: int
    short: int = 0
    left_out: int = 0
    unknown: int = 0
    adjusted: int = 0  # paid too much, and taken back in the same file: no disagreement


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What a carrier should find: the kind, the policy, and the cents beside what is due."""

    kind: str  # short | left_out | unknown
    policy_id: str
    cents: int


@dataclass(frozen=True, slots=True)
class Paid:
    """A file of payments, and what is seeded in it."""

    content: bytes
    disagreements: tuple[Disagreement, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    """One RMR."""

    kind: str
    cents: int


def pay_month(  # noqa: PLR0913 - who pays whom, for what, and what is wrong with it
    policies: Iterable[Policy],
    partner: Partner,
    exchange: Exchange,
    month: date,
    *,
    fee_rate: Decimal,
    control_number: int,
    created: datetime,
    seeds: Seeds,
    costs: Mapping[str, tuple[int, int]] | None = None,
) -> Paid:
    """The 820 of a month: APTC and user fee of all policies that are effectuated there.

    `costs` are premium and APTC in that month, in cents, of policies that cost otherwise since.
    """
    random = Random(seeds.seed)
    owed = sorted(
        ((one, _due(one, month, fee_rate, costs)) for one in policies if _is_paid(one, month)),
        key=lambda pair: pair[0].policy_id,
    )
    with_credit = [place for place, (_, lines) in enumerate(owed) if lines[0].cents > SHORT_CENTS]
    wrong = random.sample(with_credit, seeds.short + seeds.left_out + seeds.adjusted)
    short = set(wrong[: seeds.short])
    left_out = set(wrong[seeds.short : seeds.short + seeds.left_out])
    adjusted = set(wrong[seeds.short + seeds.left_out :])
    found: list[Disagreement] = []
    entities: list[tuple[Policy | str, list[_Line]]] = []
    for place, (policy, lines) in enumerate(owed):
        paid = list(lines)
        if place in short:
            paid[0] = _Line("APTC", lines[0].cents - SHORT_CENTS)
            found.append(Disagreement("short", policy.policy_id, -SHORT_CENTS))
        if place in left_out:
            found.append(Disagreement("left_out", policy.policy_id, -lines[0].cents))
            continue
        if place in adjusted:
            paid += [_Line("APTCADJ", -lines[0].cents), _Line("APTCADJ", lines[0].cents)]
        entities.append((policy, paid))
    for number in range(seeds.unknown):
        policy_id = f"99{seeds.seed:04d}{number:04d}"
        entities.append((policy_id, [_Line("APTC", UNKNOWN_CENTS)]))
        found.append(Disagreement("unknown", policy_id, UNKNOWN_CENTS))
    return Paid(_content(partner, exchange, month, control_number, created, entities), tuple(found))


def pay_what_was_wrong(  # noqa: PLR0913 - who pays whom, for what
    policies: Iterable[Policy],
    partner: Partner,
    exchange: Exchange,
    month: date,
    *,
    fee_rate: Decimal,
    control_number: int,
    created: datetime,
    wrong: Iterable[Disagreement],
    costs: Mapping[str, tuple[int, int]] | None = None,
) -> bytes:
    """A later 820 that pays what was short or left out, and takes back what was of nobody."""
    known = {one.policy_id: one for one in policies}
    entities: list[tuple[Policy | str, list[_Line]]] = []
    for one in wrong:
        policy = known.get(one.policy_id)
        if policy is None:
            entities.append((one.policy_id, [_Line("APTCADJ", -one.cents)]))
        elif one.kind == "left_out":
            entities.append((policy, _due(policy, month, fee_rate, costs)))
        else:
            entities.append((policy, [_Line("APTCADJ", -one.cents)]))
    return _content(partner, exchange, month, control_number, created, entities)


def _content(  # noqa: PLR0913 - what an interchange is made of
    partner: Partner,
    exchange: Exchange,
    month: date,
    control_number: int,
    created: datetime,
    entities: list[tuple[Policy | str, list[_Line]]],
) -> bytes:
    envelope = Envelope(
        exchange.interchange.exchange_id, partner.trading_partner_id, control_number, created
    )
    segments = list(_interchange(envelope, partner, exchange, month, entities))
    end = exchange.interchange.segment_terminator
    return "".join(f"{one}{end}" for one in segments).encode("ascii")


def _is_paid(policy: Policy, month: date) -> bool:
    return policy.effectuated and policy.state != "cancelled" and _days(policy, month) > 0


def _last(month: date) -> date:
    return month.replace(day=monthrange(month.year, month.month)[1])


def _days(policy: Policy, month: date) -> int:
    """How many days of the month the policy covers."""
    begin, end = max(policy.begin, month), min(policy.end or _last(month), _last(month))
    return (end - begin).days + 1


def _due(
    policy: Policy,
    month: date,
    fee_rate: Decimal,
    costs: Mapping[str, tuple[int, int]] | None,
) -> list[_Line]:
    premium, aptc = (costs or {}).get(policy.policy_id, (policy.premium, policy.aptc))
    share = Decimal(_days(policy, month)) / _last(month).day
    return [
        _Line("APTC", _whole(aptc * share)),
        _Line("UF", -_whole(premium * share * fee_rate)),
    ]


def _whole(cents: Decimal) -> int:
    return int(cents.quantize(Decimal(1), ROUND_HALF_UP))


def _interchange(
    envelope: Envelope,
    partner: Partner,
    exchange: Exchange,
    month: date,
    entities: list[tuple[Policy | str, list[_Line]]],
) -> Iterator[str]:
    created = envelope.created
    yield isa(envelope, exchange)
    yield (
        f"GS*RA*{exchange.interchange.exchange_id}*{partner.issuer_tax_id}"
        f"*{created:%Y%m%d*%H%M}*{envelope.control_number}*X*005010X306"
    )
    body = list(_set(created, partner, month, entities))
    yield "ST*820*0001*005010X306"
    yield from body
    yield f"SE*{len(body) + 2}*0001"
    yield f"GE*1*{envelope.control_number}"
    yield f"IEA*1*{envelope.control_number:09d}"


def _set(
    created: datetime,
    partner: Partner,
    month: date,
    entities: list[tuple[Policy | str, list[_Line]]],
) -> Iterator[str]:
    total = sum(line.cents for _, lines in entities for line in lines)
    yield f"BPR*I*{_dollars(total)}*C*ACH*CCP*******01*000000001*DA*123456*{created:%Y%m%d}"
    yield f"TRN*3*{created:%Y%m%d%H%M}"
    yield f"N1*PE*{partner.issuer_name}*FI*{partner.issuer_tax_id}"
    yield "N1*RM*CMS*58*CMS"
    period = f"DTM*582****RD8*{month:%Y%m%d}-{_last(month):%Y%m%d}"
    for number, (policy, lines) in enumerate(entities, 1):
        yield f"ENT*{number}"
        yield from _named(policy, partner)
        for line in lines:
            yield f"RMR*ZZ*{line.kind}**{_dollars(line.cents)}"
            yield period


def _named(policy: Policy | str, partner: Partner) -> Iterator[str]:
    if isinstance(policy, str):
        yield f"NM1*IL*1*NOBODY*KNOWN****C1*{policy}"
        yield f"REF*38*{partner.plans[0].plan_id}"
        yield f"REF*POL*{policy}"
        return
    person = policy.subscriber.person
    yield f"NM1*IL*1*{person.last_name}*{person.first_name}****C1*{person.member_id}"
    yield f"REF*38*{policy.plan_id}"
    yield f"REF*POL*{policy.policy_id}"
    if policy.issuer_policy_id:
        yield f"REF*AZ*{policy.issuer_policy_id}"
    if policy.issuer_subscriber_id:
        yield f"REF*0F*{policy.issuer_subscriber_id}"


def _dollars(cents: int) -> str:
    """An amount as X12 writes it: no point and no zeros that it does not need."""
    text = f"{Decimal(cents).scaleb(-2):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
