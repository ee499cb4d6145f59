"""What happens to a policy, as transactions: enrolled, renewed, changed, cancelled, terminated.

Every function returns a `Transaction` whose policy is the policy after the event. Combinations of
INS03, INS04 and ADDL MAINT REASON are those of CMS guide 7.2, table 30.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random

from schemas.partners import Partner
from simulator.people import Address, Enrollee, Policy
from simulator.population import household, monthly_premium, newcomer
from simulator.transactions import MemberChange, Transaction

NO_CHANGE = MemberChange("001", "", "NO CHANGE")

# Weighted: a plain passive renewal of an effectuated policy is the ordinary case.
_RENEWALS = (
    *[MemberChange("021", "41", "PASSIVE")] * 6,
    MemberChange("021", "41", "PASSIVE - B2S"),
    MemberChange("021", "41", "PASSIVE - INITIAL"),
    MemberChange("021", "41", "PASSIVE - NEW SUBSCRIBER"),
    MemberChange("021", "EC", "PASSIVE REENROLL - NEW TO ISSUER"),
)
_CANCELLATIONS = (
    MemberChange("024", "14", "CANCEL"),
    MemberChange("024", "07", "CANCEL-NLE"),
    MemberChange("024", "14", "CANCEL-OTH-COVERAGE"),
)
_TERMINATIONS = (
    MemberChange("024", "14", "TERM"),
    MemberChange("024", "07", "TERM-NLE"),
    MemberChange("024", "14", "TERM-OTH-COVERAGE"),
)


@dataclass(frozen=True)
class Occasion:
    """When an event is submitted, when it takes effect, and the random stream that shapes it."""

    submitted: datetime
    effective: date
    seed: int
    partner: Partner
    random: Random


def initial(policy: Policy, submitted: datetime) -> Transaction:
    """The initial enrollment (table 17)."""
    return for_all("initial", policy, MemberChange("021", "EC", ""), submitted)


def renewal(
    policy: Policy, submitted: datetime, random: Random, not_effectuated: tuple[str, ...]
) -> Transaction:
    """A batch auto re-enrollment (table 23).

    Those whose reason is in `not_effectuated` need no effectuation: they count as effectuated.
    """
    change = random.choice(_RENEWALS)
    effectuated = change.additional in not_effectuated
    return for_all("renewal", replace(policy, effectuated=effectuated), change, submitted)


def financial_change(policy: Policy, occasion: Occasion) -> Transaction:
    """Another tax credit, on the subscriber."""
    aptc = round(policy.premium * occasion.random.uniform(0.1, 0.95))
    if aptc == policy.aptc:
        aptc -= 1
    changed = replace(policy, aptc=aptc)
    return _maintenance(
        changed, occasion, {_subscriber_id(policy): _maintained("FINANCIAL CHANGE")}
    )


def variant_change(policy: Policy, occasion: Occasion) -> Transaction:
    """Another cost-sharing variant of the same plan: the last two characters of its id."""
    variants = [v for v in ("01", "04", "05", "06") if v != policy.plan_id[-2:]]
    plan_id = policy.plan_id[:-2] + occasion.random.choice(variants)
    changes = {_subscriber_id(policy): _maintained("CSR VARIANT CHANGE")}
    return _maintenance(replace(policy, plan_id=plan_id), occasion, changes)


def move(policy: Policy, occasion: Occasion) -> Transaction:
    """Another residence for all, within the rating area's state (INS04 = 43)."""
    address = _another_address(policy.application.address, occasion)
    changed = replace(policy, application=replace(policy.application, address=address))
    change = MemberChange("001", "43", "DEMOGRAPHIC CHANGE")
    return _maintenance(changed, occasion, {e.person.member_id: change for e in policy.covered})


def correction(policy: Policy, occasion: Occasion) -> Transaction:
    """A member's identifying data corrected: birth date or last name (INS04 = 25)."""
    enrollee = occasion.random.choice(policy.covered)
    former = enrollee.person
    if occasion.random.random() < 0.5:
        person = replace(former, birth_date=former.birth_date - timedelta(days=30))
    else:
        person = replace(former, last_name=f"{former.last_name}-{former.first_name[0]}")
    changed = _with_enrollee(policy, replace(enrollee, person=person))
    change = MemberChange("001", "25", "DEMOGRAPHIC CHANGE")
    transaction = _maintenance(changed, occasion, {person.member_id: change})
    return replace(transaction, former={person.member_id: former})


def addition(policy: Policy, occasion: Occasion) -> Transaction:
    """A child joins."""
    persons = tuple(e.person for e in policy.enrollees)
    person = newcomer(occasion.seed, occasion.partner, persons)
    premium = monthly_premium(person, policy.insurance_line, 1.0)
    enrollee = Enrollee(person, premium, max(policy.begin, occasion.effective))
    changed = replace(policy, enrollees=(*policy.enrollees, enrollee))
    return _maintenance(changed, occasion, {person.member_id: MemberChange("021", "EC", "")})


def removal(policy: Policy, occasion: Occasion) -> Transaction:
    """The last dependent is taken off from the first day: CANCEL, with 349 = begin."""
    leaver = policy.covered[-1]
    home = policy.application.address
    gone = replace(leaver, removed=True, end=leaver.begin, last_home=home)
    changed = _with_enrollee(policy, gone)
    changed = replace(changed, aptc=min(changed.aptc, changed.premium))
    reason = MemberChange("024", "14", "CANCEL")
    return _maintenance(changed, occasion, {leaver.person.member_id: reason})


def cancellation(policy: Policy, occasion: Occasion) -> Transaction:
    """The policy is ended with no coverage at all: 357 = begin (table 19)."""
    return _end("cancellation", policy.ended("cancelled", policy.begin), occasion)


def termination(policy: Policy, occasion: Occasion) -> Transaction:
    """The policy ends at the end of a month after it began (table 20)."""
    first = policy.begin.year * 12 + policy.begin.month - 1 + occasion.random.randint(1, 6)
    end = date(first // 12, first % 12 + 1, 1) - timedelta(days=1)
    end = min(end, date(policy.begin.year, 12, 31))
    return _end("termination", policy.ended("terminated", end), occasion)


def carry_forward(policy: Policy, occasion: Occasion) -> Transaction:
    """The cancellation of a renewal whose policy of the year before has ended (section 7.2.9)."""
    reason = MemberChange("024", "", "CANCEL-CARRYFORWARD")
    return _end("cancellation", policy.ended("cancelled", policy.begin), occasion, reason)


def change_in_circumstance(
    policy: Policy, policy_id: str, plan_id: str, occasion: Occasion
) -> tuple[Transaction, Transaction]:
    """The end of a policy and the enrollment in another plan in its place (section 6.6)."""
    begin = max(policy.begin, occasion.effective)
    if begin > policy.begin:
        ended = policy.ended("terminated", begin - timedelta(days=1))
        left = _end("termination", ended, occasion, MemberChange("024", "14", "TERMCIC"))
    else:
        ended = policy.ended("cancelled", policy.begin)
        left = _end("cancellation", ended, occasion, MemberChange("024", "14", "CANCELCIC"))
    entered = anew(policy, policy_id, begin, plan_id)
    change = MemberChange("021", "EC", "CIC")
    return left, for_all("initial", entered, change, occasion.submitted)


def anew(policy: Policy, policy_id: str, begin: date, plan_id: str) -> Policy:
    """The same persons under another policy id; the issuer's ids are not known for it."""
    enrollees = tuple(
        replace(enrollee, begin=begin, end=None, issuer_member_id=None)
        for enrollee in policy.covered
    )
    return replace(
        policy,
        policy_id=policy_id,
        plan_id=plan_id,
        enrollees=enrollees,
        begin=begin,
        effectuated=False,
        issuer_policy_id=None,
        issuer_subscriber_id=None,
    )


def _always(policy: Policy) -> bool:
    return policy.state == "active"


def _has_variants(policy: Policy) -> bool:
    return policy.insurance_line == "HLT"


def _can_add(policy: Policy) -> bool:
    return policy.state == "active" and len(policy.enrollees) < 9


def _can_remove(policy: Policy) -> bool:
    return policy.status == "effectuated" and len(policy.covered) > 1


# The changes of an evening, in turn. Members leave effectuated policies only, so that an
# effectuation never has to echo a QTY that counts a member who is no longer covered. They come at
# any time: an effectuation confirms those who came before it, with the QTY that brought them.
CHANGES: tuple[tuple[Callable[[Policy], bool], Callable[[Policy, Occasion], Transaction]], ...] = (
    (_always, financial_change),
    (_always, cancellation),
    (_always, termination),
    (_always, correction),
    (_can_add, addition),
    (_always, move),
    (_has_variants, variant_change),
    (_can_remove, removal),
)


def for_all(kind: str, policy: Policy, change: MemberChange, submitted: datetime) -> Transaction:
    """An initial enrollment or a renewal of all whom the policy covers, for one reason."""
    members = {enrollee.person.member_id: change for enrollee in policy.enrollees}
    if kind == "renewal":
        return Transaction("renewal", policy, members, policy.begin, submitted)
    return Transaction("initial", policy, members, policy.begin, submitted)


def _maintained(additional: str) -> MemberChange:
    return MemberChange("001", "", additional)


def _subscriber_id(policy: Policy) -> str:
    return policy.subscriber.person.member_id


def _maintenance(
    policy: Policy, occasion: Occasion, changes: dict[str, MemberChange]
) -> Transaction:
    """A maintenance set: all covered members, NO CHANGE for those not named (table 22)."""
    members = {enrollee.person.member_id: NO_CHANGE for enrollee in policy.covered} | changes
    effective = max(policy.begin, occasion.effective)
    return Transaction("change", policy, members, effective, occasion.submitted)


def _end(
    kind: str, policy: Policy, occasion: Occasion, reason: MemberChange | None = None
) -> Transaction:
    reasons = _CANCELLATIONS if kind == "cancellation" else _TERMINATIONS
    reason = reason or occasion.random.choice(reasons)
    members = {_subscriber_id(policy): reason}
    policy = replace(
        policy,
        ended_by="exchange",
        end_reason=reason.additional,
        end_told_on=occasion.submitted.date(),
    )
    effective = policy.end or policy.begin
    if kind == "cancellation":
        return Transaction("cancellation", policy, members, effective, occasion.submitted)
    return Transaction("termination", policy, members, effective, occasion.submitted)


def _with_enrollee(policy: Policy, changed: Enrollee) -> Policy:
    enrollees = tuple(
        changed if enrollee.person.member_id == changed.person.member_id else enrollee
        for enrollee in policy.enrollees
    )
    return replace(policy, enrollees=enrollees)


def _another_address(address: Address, occasion: Occasion) -> Address:
    """The address of a household that nobody else has drawn, in the same state."""
    index = occasion.random.randint(8_000_000, 8_999_999)
    other = household(occasion.seed, occasion.partner, index).application.address
    return replace(other, line_1=f"{int(address.line_1.split()[0]) + 1} {other.line_1}"[:55])
