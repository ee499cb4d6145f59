"""Transaction sets that a carrier writes by hand, and what the exchange says of each."""

from simulator.standing import current, standing
from simulator.state import ACCEPTED, GOOD

TEXAS = "cedar-valley-tx"


class World:
    """An exchange whose first night was acknowledged, and a carrier that writes sets by hand."""

    def __init__(self, box, carrier):
        self.box, self.carrier = box, carrier
        self.told = dict.fromkeys(range(200), 0)

    def policy(self, *, line="HLT", least=1, aptc=None):
        """An initial policy of one delivered set."""
        for history in self.box.state.histories(TEXAS, f"{ACCEPTED} AND {GOOD}"):
            (first,) = self.box.state.load_transactions(history.transaction_ids[:1])
            policy = first.policy
            alone = len(history.transaction_ids) == history.arrived == 1
            fits = policy.insurance_line == line and len(first.members) >= least
            fits = fits and aptc in (None, policy.aptc > 0)
            if alone and first.kind == "initial" and fits:
                return policy
        raise AssertionError("no such policy")

    def effectuated(self, **wanted):
        """Such a policy after its effectuation."""
        policy = self.policy(**wanted)
        sent = self.carrier.sets_of(1, policy.policy_id)[-1][1]
        assert self.say(policy, self.carrier.confirmation(sent)[1:-1]) == ""
        return self.now(policy)

    def now(self, policy):
        return current(self.box.state, policy.policy_id)

    def say(self, policy, body, night=1):
        """The reasons why the set was rejected; empty when it was accepted."""
        number = f"{self.carrier._next():04d}"
        segments = [
            f"ST*834*{number}*005010X220A1",
            *body,
            f"SE*{len(body) + 2}*{number}",
        ]
        self.carrier.effectuate(TEXAS, [segments], policy.plan_id)
        rejected = self.box.read_answers(night).rejected
        new = rejected[self.told[night] :]
        self.told[night] = len(rejected)
        return "; ".join(reasons for _, _, reasons in new)

    def header(self, policy, members):
        person = policy.subscriber.person
        partner = self.box.scenario.partners[TEXAS]
        reference, *_ = sorted(self.box.state.references_of(policy.policy_id))
        dependents = [f"QTY*DT*{members - 1}"] if members > 1 else []
        return [
            f"BGN*00*{reference}*20261201*190000****2",
            f"QTY*TO*{members}",
            *dependents,
            f"N1*P5*{person.first_name} {person.last_name}*94*{person.member_id}",
            f"N1*IN*{partner.issuer_name}*FI*{partner.issuer_tax_id}",
        ]

    def ending(self, policy, reason, code, end):
        """A cancellation or termination (CMS guide 7.2, tables 19 and 20)."""
        return [
            *self.header(policy, 1),
            f"INS*Y*18*024*{code}*A***TE",
            f"REF*0F*{policy.subscriber.person.member_id}",
            f"REF*1L*{policy.policy_id}",
            f"REF*17*{policy.subscriber.person.member_id}",
            f"DTP*357*D8*{end:%Y%m%d}",
            *identity(policy.subscriber.person),
            *categories(reason),
        ]

    def reinstatement(self, policy):
        """CMS guide 7.2, table 21."""
        begin = f"{policy.begin:%Y%m%d}"
        return [
            *self.header(policy, 1),
            "INS*Y*18*025**A***AC",
            f"REF*0F*{policy.subscriber.person.member_id}",
            f"REF*17*{policy.subscriber.person.member_id}",
            f"DTP*356*D8*{begin}",
            *identity(policy.subscriber.person),
            f"HD*025**{policy.insurance_line}",
            f"DTP*348*D8*{begin}",
            f"REF*CE*{policy.plan_id}",
            f"REF*1L*{policy.policy_id}",
            *categories("ISSUER - REINSTATEMENT"),
        ]

    def maintenance(self, policy, changed="M-NEW"):
        """The subscriber's issuer member id changes (CMS guide 7.2, table 22)."""
        made = self.header(policy, len(policy.covered))
        for enrollee in policy.covered:
            person, begin = enrollee.person, f"{enrollee.begin:%Y%m%d}"
            first = enrollee is policy.subscriber
            made += [
                f"INS*{'Y' if first else 'N'}*{person.relationship}*001*{'25' if first else ''}*A"
                + ("***AC" if first else ""),
                f"REF*0F*{policy.subscriber.person.member_id}",
                f"REF*17*{person.member_id}",
            ]
            if first:
                made += [f"REF*23*{changed}", f"REF*ABB*{enrollee.issuer_member_id}"]
                made += ["DTP*303*D8*20261201"]
            made += [
                f"DTP*356*D8*{begin}",
                *identity(person),
                f"HD*001**{policy.insurance_line}",
                f"DTP*348*D8*{begin}",
                f"REF*CE*{policy.plan_id}",
                f"REF*1L*{policy.policy_id}",
                *categories("ISSUER MAINT" if first else "NO CHANGE"),
            ]
        return made

    def confirmation(self, policy):
        """An effectuation of all whom the policy covers, by the last set that carried them."""
        reference = standing(self.box.state, TEXAS, policy.policy_id, policy.begin).reference
        header = self.header(policy, len(policy.covered))
        made = [with_text(header[:1], header[0].split("*")[2], reference)[0], *header[1:]]
        for enrollee in policy.covered:
            person, begin = enrollee.person, f"{enrollee.begin:%Y%m%d}"
            first = enrollee is policy.subscriber
            made += [
                f"INS*{'Y' if first else 'N'}*{person.relationship}*021*28*A{'***AC' * first}",
                f"REF*0F*{policy.subscriber.person.member_id}",
                f"REF*17*{person.member_id}",
                f"DTP*356*D8*{begin}",
                *identity(person),
                f"HD*021**{policy.insurance_line}",
                f"DTP*348*D8*{begin}",
                *(["DTP*543*D8*20270131"] if first else []),
                f"REF*CE*{policy.plan_id}",
                f"REF*1L*{policy.policy_id}",
                *categories("CONFIRM"),
            ]
        return made


def identity(person):
    name = f"NM1*IL*1*{person.last_name}*{person.first_name}*{person.middle_name}**{person.suffix}"
    return [name.rstrip("*"), f"DMG*D8*{person.birth_date:%Y%m%d}*{person.gender}"]


def categories(reason):
    return [
        *("LS*2700", "LX*1", "N1*75*REQUEST SUBMIT TIMESTAMP", "REF*17*2026120119000000"),
        *("LX*2", "N1*75*ADDL MAINT REASON", f"REF*17*{reason}", "DTP*007*D8*20261201"),
        "LE*2700",
    ]


def without(segments, start):
    return [segment for segment in segments if not segment.startswith(start)]


def with_text(segments, old, new):
    return "~".join(segments).replace(old, new).split("~")


def book_row(world, policy):
    rows = world.box.book().to_pylist()
    key = policy.policy_id, True
    return next(r for r in rows if (r["exchange_policy_id"], r["is_subscriber"]) == key)
