"""What is wrong in a carrier's records on purpose, and when the carrier mends it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from schemas.partners import Partner
from simulator.people import Policy

Row = dict[str, str]

_HEALED_FROM, _HEALED_TO = 3, 24  # nights
_FIELDS = ("birth_date", "last_name", "premium_total", "plan_id")


@dataclass(frozen=True)
class Disagreement:
    """One seeded disagreement. `field` is None when a whole record is missing on one side."""

    kind: str  # differs | missing_at_carrier | missing_in_book
    exchange_policy_id: str
    exchange_member_id: str
    field: str | None = None
    healed_on: int | None = None  # the first night on which the carrier's records are right

    def is_healed(self, night: int) -> bool:
        """Whether the carrier has mended it by then."""
        return self.healed_on is not None and night >= self.healed_on


def choose(seed: str, policies: Iterable[Policy], *, heals: bool) -> list[Disagreement]:
    """One member missing on either side, and four wrong fields, among the policies.

    With `heals` each is mended on a night of its own.
    """
    known = list(policies)
    random = Random(f"{seed}/disagreements")
    random.shuffle(known)

    def night() -> int | None:
        return random.randint(_HEALED_FROM, _HEALED_TO) if heals else None

    chosen: list[Disagreement] = []
    family = next((policy for policy in known if len(policy.covered) > 1), None)
    if family:
        known.remove(family)
        leaver = family.covered[-1].person.member_id
        chosen.append(
            Disagreement("missing_at_carrier", family.policy_id, leaver, healed_on=night())
        )
    for name, policy in zip(_FIELDS, known, strict=False):
        subscriber = policy.subscriber.person.member_id
        chosen.append(Disagreement("differs", policy.policy_id, subscriber, name, night()))
    if known:
        policy_id, member_id = _unknown_ids(known[-1])
        chosen.append(Disagreement("missing_in_book", policy_id, member_id, healed_on=night()))
    return chosen


def altered(field: str, value: str) -> str:
    """A value that is wrong in the way in which such values are wrong."""
    match field:
        case "birth_date":
            return (date.fromisoformat(value) + timedelta(days=1)).isoformat()
        case "last_name":
            return f"{value[:-1]}{'E' if value[-1] != 'E' else 'A'}"
        case "premium_total":
            return f"{float(value) + 10:.2f}"
        case _:
            return value[:-2] + ("04" if value[-2:] != "04" else "01")


def _unknown_ids(policy: Policy) -> tuple[str, str]:
    """A policy and member id that the exchange never gave: its first digit is another."""
    return f"9{policy.policy_id[1:]}", f"9{policy.subscriber.person.member_id[1:]}"


def unknown_row(partner: Partner, item: Disagreement) -> Row:
    """A record of somebody whom the exchange does not know."""
    return {
        "exchange_policy_id": item.exchange_policy_id,
        "exchange_member_id": item.exchange_member_id,
        "issuer_policy_id": f"P{item.exchange_policy_id}",
        "issuer_subscriber_id": f"S{item.exchange_member_id}",
        "issuer_member_id": f"M{item.exchange_member_id}",
        "last_name": "NEVERSENT",
        "first_name": "ALEX",
        "birth_date": "1980-02-29",
        "gender_code": "F",
        "plan_id": f"{partner.plans[0].plan_id}01",
        "benefit_begin": "2026-06-01",
        "benefit_end": "",
        "premium_total": "321.00",
        "aptc": "0.00",
    }
