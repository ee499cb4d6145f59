"""The exchange's month: it reads the carrier's RCNI, compares it with its own book, writes an RCNO.

Positions and rules are those of Maine's exchange in public code (ideacrew/edi_gateway 337b39e6):
names match when one holds the other, a blank end is 12/31, a missing mailing address is the
residence, of a cancelled policy nothing is compared. What that code does not compare is not
compared here. The rating area is compared only where both sides have one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from simulator.people import Policy

_DETAIL, _TOTAL = "01", "02"
_WIDTH = 179

# name: (position in the RCNI, position of the first of the three fields in the RCNO)
_PLACES = {
    "first_name": (8, 7), "middle_name": (9, 10), "last_name": (10, 13), "birth_date": (11, 16),
    "gender": (12, 19), "ssn": (13, 22), "subscriber": (14, 25), "relationship": (15, 28),
    "exchange_subscriber_id": (16, 31), "exchange_member_id": (17, 34),
    "issuer_subscriber_id": (18, 37), "issuer_member_id": (19, 40),
    "exchange_policy_id": (20, 43), "issuer_policy_id": (21, 46),
    "street": (22, 49), "street_2": (23, 52), "city": (24, 55), "state": (25, 58), "zip": (26, 61),
    "mail_street": (27, 64), "mail_street_2": (28, 67), "mail_city": (29, 70),
    "mail_state": (30, 73), "mail_zip": (31, 76),
    "county": (32, 79), "rating_area": (33, 82), "phone": (34, 85), "tobacco": (35, 88),
    "plan": (36, 91), "begin": (37, 94), "end": (38, 97),
    "aptc": (39, 100), "aptc_begin": (40, 103), "aptc_end": (41, 106),
    "csr": (42, 109), "csr_begin": (43, 112), "csr_end": (44, 115),
    "premium": (45, 118), "premium_begin": (46, 121), "premium_end": (47, 124),
    "individual": (48, 127), "individual_begin": (49, 130), "individual_end": (50, 133),
    "paid": (51, 136), "coverage_year": (53, 145),
}  # fmt: skip
_KEYS = ("exchange_subscriber_id", "exchange_policy_id", "exchange_member_id", "begin")
_NEVER = {"middle_name", "gender", "ssn", "street", "street_2", "mail_street", "mail_street_2",
          "phone"}  # fmt: skip
_NAMES = {"first_name", "last_name"}
_ISSUERS = {"issuer_subscriber_id", "issuer_member_id", "issuer_policy_id"}
_OF_SUBSCRIBER = {"aptc", "aptc_begin", "aptc_end", "csr", "csr_begin", "csr_end", "premium",
                  "premium_begin", "premium_end"}  # fmt: skip
_MAILED = {"mail_city": "city", "mail_state": "state", "mail_zip": "zip"}
_ENDS = {"end", "aptc_end", "csr_end", "premium_end", "individual_end"}


@dataclass(frozen=True)
class Segment:
    """A member in a span of a policy as the exchange has it: texts as an RCNO holds them."""

    values: Mapping[str, str]
    cancelled: bool = False
    ended_for_nonpayment: bool = False

    @property
    def is_paid(self) -> bool:
        """Whether it is a subscriber's, with a tax credit."""
        return Decimal(self.values.get("aptc") or 0) > 0

    @property
    def key(self) -> tuple[str, ...]:
        """Subscriber, policy, member and first day."""
        return tuple(self.values.get(name, "") for name in _KEYS)


@dataclass
class MonthlyExchange:
    """The exchange's book of one coverage year for one carrier, and what it hears of it."""

    head: tuple[str, str, str]  # trading partner, tenant and HIOS id of the carrier
    segments: list[Segment] = field(default_factory=list)
    lost: list[Segment] = field(default_factory=list)  # what it should have, and does not find

    def lose(self, policy_id: str) -> None:
        """Does not find the policy any more."""
        gone = [one for one in self.segments if one.values["exchange_policy_id"] == policy_id]
        self.lost += gone
        self.segments = [one for one in self.segments if one not in gone]

    def answer(self, content: bytes, on_day: date) -> bytes:
        """The RCNO to an RCNI: a record for each of its own, those that it lacks, and a total.

        What the exchange takes over from the carrier is in its book afterwards.
        """
        received = [
            line.split("|") for line in content.decode("ascii").split("\n") if line.startswith("01")
        ]
        known = {segment.key: segment for segment in self.segments}
        answered: set[tuple[str, ...]] = set()
        records = []
        for cells in received:
            ours = {name: cells[place].strip() for name, (place, _) in _PLACES.items()}
            key = tuple(ours[name] for name in _KEYS)
            flags, flag = self._judged(ours, known.get(key))
            answered.add(key)
            theirs = known[key].values if key in known else {}
            records.append(self._record(theirs, ours, flags, flag, cells[52], on_day))
        for segment in self.segments:
            if segment.key not in answered:
                flags = dict.fromkeys(_PLACES, "D")
                records.append(self._record(segment.values, {}, flags, "G", "", on_day))
        self._take_over(received)
        return self._joined(records, on_day)

    def take_disputes(self, content: bytes) -> int:
        """How many of the carrier's disputes changed the exchange's book."""
        names, *rows = (line.split("|") for line in content.decode("ascii").splitlines())
        disputes = [dict(zip(names, row, strict=True)) for row in rows]
        changed = 0
        for dispute in disputes:
            if not dispute["field"]:
                changed += self._find_again(dispute["exchange_policy_id"])
        for number, segment in enumerate(self.segments):
            for dispute in disputes:
                name = _THEIR_NAMES.get(dispute["field"], dispute["field"])
                about = (dispute["exchange_policy_id"], dispute["exchange_member_id"])
                mine = segment.values["exchange_policy_id"], segment.values["exchange_member_id"]
                disputed = dispute["exchange_value"]
                if about == mine and name in segment.values and segment.values[name] == disputed:
                    segment = replace(  # noqa: PLW2901 - one dispute after the other
                        segment, values={**segment.values, name: dispute["issuer_value"]}
                    )
                    changed += 1
            self.segments[number] = segment
        return changed

    def _find_again(self, policy_id: str) -> int:
        found = [one for one in self.lost if one.values["exchange_policy_id"] == policy_id]
        self.lost = [one for one in self.lost if one not in found]
        self.segments += found
        return len(found)

    def _judged(
        self, ours: Mapping[str, str], theirs: Segment | None
    ) -> tuple[dict[str, str], str]:
        """The flag of each field, and of the record."""
        if not all(ours[name] for name in _KEYS):
            return {name: "D" if ours[name] or name not in _KEYS else "U" for name in _PLACES}, "U"
        nothing = dict.fromkeys(_PLACES, "D")
        if theirs is None:
            own = {segment.key[:3] for segment in self.segments}
            return nothing, "N" if tuple(ours[name] for name in _KEYS[:3]) in own else "R"
        if theirs.cancelled:
            return nothing, "M"
        flags = {name: _flag(name, ours, theirs) for name in _PLACES}
        return flags, "M" if set(flags.values()) <= {"M", "D"} else "N"

    def _take_over(self, received: Iterable[list[str]]) -> None:
        """The issuer's ids, and that the first premium was paid, are the carrier's to say."""
        told = {}
        for cells in received:
            ours = {name: cells[place].strip() for name, (place, _) in _PLACES.items()}
            told[tuple(ours[name] for name in _KEYS)] = ours
        for number, segment in enumerate(self.segments):
            ours = told.get(segment.key, {})
            taken = {name: ours[name] for name in (*_ISSUERS, "paid") if ours.get(name)}
            if taken and not segment.cancelled:
                self.segments[number] = replace(segment, values={**segment.values, **taken})

    def _record(  # noqa: PLR0913 - a line's parts
        self,
        theirs: Mapping[str, str],
        ours: Mapping[str, str],
        flags: Mapping[str, str],
        flag: str,
        trace: str,
        on_day: date,
    ) -> list[str]:
        plan = theirs.get("plan") or ours.get("plan", "")
        cells = [""] * _WIDTH
        partner, tenant, issuer = self.head
        cells[:7] = [_DETAIL, partner, " " * 10, tenant, issuer, plan[:10], f"{on_day:%Y%m%d}"]
        for name, (_, place) in _PLACES.items():
            cells[place : place + 3] = [theirs.get(name, ""), ours.get(name, ""), flags[name]]
        cells[139] = flag
        cells[142] = f"{on_day:%Y%m}"
        cells[144] = trace
        if theirs:
            ids = ("exchange_subscriber_id", "exchange_policy_id", "begin")
            cells[178] = "-".join(theirs[name] for name in ids)
        return cells

    def _joined(self, records: list[list[str]], on_day: date) -> bytes:
        subscribers = sum("Y" in record[25:27] for record in records)
        sums = [
            sum((Decimal(record[_PLACES[name][1]] or 0) for record in records), Decimal("0.00"))
            for name in ("premium", "aptc")
        ]
        partner, tenant, issuer = self.head
        total = [_TOTAL, partner, " " * 10, tenant, issuer, "", f"{on_day:%Y%m%d}"]
        total += [str(len(records)), str(subscribers), str(len(records) - subscribers)]
        total += [str(amount) for amount in sums] + ["A"]
        return "".join("|".join(cells) + "\n" for cells in (*records, total)).encode("ascii")


# What the carrier calls a field in its disputes.
_THEIR_NAMES = {
    "premium_total": "premium", "individual_premium": "individual", "plan_id": "plan",
    "benefit_begin": "begin", "benefit_end": "end", "paid_status": "paid",
}  # fmt: skip


def _flag(name: str, ours: Mapping[str, str], theirs: Segment) -> str:
    """The flag of one field of a record that was found."""
    mine, yours = theirs.values.get(name, ""), ours[name]
    if name in _ENDS:
        mine, yours = mine or _year_end(theirs), yours or _year_end(theirs)
    if name in _MAILED:
        mine = mine or theirs.values.get(_MAILED[name], "")
        yours = yours or ours[_MAILED[name]]
    is_subscriber = theirs.values.get("subscriber") == "Y"
    if name in _NEVER or not (mine or yours) or (name in _OF_SUBSCRIBER and not is_subscriber):
        return "D"
    if name == "rating_area" and not (mine and yours):
        return "D"
    if name in _ISSUERS and mine != yours:
        return "F" if not mine else "K" if not yours else "G"
    if _same(name, mine, yours):
        return "M"
    if name == "paid" or (name == "end" and theirs.ended_for_nonpayment):
        return "G"
    return "I"


def _same(name: str, mine: str, yours: str) -> bool:
    if name in _NAMES:
        mine, yours = mine.lower(), yours.lower()
        return bool(mine and yours) and (mine in yours or yours in mine)
    return mine == yours


def _year_end(theirs: Segment) -> str:
    return theirs.values["begin"][:4] + "1231"


def segments_of(
    policy: Policy, coverage_year: int, premium: int | None = None
) -> Iterator[Segment]:
    """The segments of a policy of which no amount has changed since it began.

    `premium` (cents) is what was told as its total; by default it is what its members cost.
    """
    days = [enrollee.begin for enrollee in policy.enrollees]
    if set(days) != {policy.begin}:
        raise ValueError(f"Policy {policy.policy_id} has changed; its segments are not one each.")
    cancelled = policy.state == "cancelled"
    end = policy.end if policy.state != "active" else None
    span = {"begin": _day(policy.begin), "end": _day(end)}
    for enrollee in policy.enrollees:
        person, application = enrollee.person, policy.application
        home, mail = policy.home_of(enrollee), application.mailing
        subscriber = enrollee is policy.subscriber
        values = {
            "first_name": person.first_name, "last_name": person.last_name,
            "middle_name": person.middle_name, "gender": person.gender, "ssn": person.ssn or "",
            "phone": person.phone, "email": person.email, "line": policy.insurance_line,
            "birth_date": _day(person.birth_date), "subscriber": "Y" if subscriber else "N",
            "relationship": person.relationship, "exchange_member_id": person.member_id,
            "exchange_subscriber_id": policy.subscriber.person.member_id,
            "exchange_policy_id": policy.policy_id, "plan": policy.plan_id,
            "issuer_policy_id": policy.issuer_policy_id or "",
            "issuer_subscriber_id": policy.issuer_subscriber_id or "",
            "issuer_member_id": enrollee.issuer_member_id or "",
            "street": home.line_1, "street_2": home.line_2,
            "city": home.city, "state": home.state, "zip": home.postal_code,
            "county": home.county_code, "coverage_year": str(coverage_year), **span,
            "individual": _dollars(enrollee.premium), "individual_begin": span["begin"],
            "individual_end": span["end"],
            "paid": "C" if cancelled else "Y" if policy.effectuated else "N",
        }  # fmt: skip
        if person.phone:  # only adults are asked (CMS guide 7.2, section 6.4)
            values["tobacco"] = "1" if person.tobacco else "2"
        if mail is not None:
            values |= {"mail_street": mail.line_1, "mail_street_2": mail.line_2}
            values |= {"mail_city": mail.city, "mail_state": mail.state}
            values["mail_zip"] = mail.postal_code
        if subscriber:
            total = policy.premium if premium is None else premium
            values["responsible"] = _dollars(total - policy.aptc)
            for name, cents in (("premium", total), ("aptc", policy.aptc)):
                values[name] = _dollars(cents)
                values |= {f"{name}_begin": span["begin"], f"{name}_end": span["end"]}
        unpaid = (policy.end_reason, policy.ended_by) == ("TERM", "issuer")
        yield Segment(values, cancelled, unpaid)


def _day(day: date | None) -> str:
    return f"{day:%Y%m%d}" if day else ""


def _dollars(cents: int) -> str:
    return str(Decimal(cents).scaleb(-2).quantize(Decimal("0.01")))
