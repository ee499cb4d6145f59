"""However much is wrong in a file: what is rejected stays rejected, and every set is answered."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from replies import ack999
from replies.x12_writer import ControlNumbers, Envelope
from schemas.agreements import Tolerance
from schemas.limits import load_limits
from schemas.partners import load_exchange, load_partner
from tests.cases.enrollment import DEPENDENT, HEADER, MEMBER, Group, Interchange, Set, changed
from validators.check import Terms, check_file

VERDICTS = ("interchange_verdicts", "group_verdicts", "set_verdicts", "dispositions")
FAULTS = (
    ("INS*Y", "INS*Y*18*021*EC*Q***AC"),
    ("INS*N", "INS*N*18*021*EC*A"),
    ("HLH", "HLH*Q"),
    ("DMG", "DMG*D8*19800229*Q"),
    ("DMG", "DMG*D8*19800231*Q"),
    ("N4", "N4*CHARLOTTE*NC*2"),
    ("REF*17", "REF*17"),
    ("HD", "HD*QQQ**HLT**IND"),
)
LACKING = (  # what the plain households have not and the companion guide asks for
    *("premium-missing", "tax-credit-missing", "responsibility-missing", "plan-missing"),
    *("eligibility-begin-missing", "policy-id-missing"),
)


def spoilt(seed, sets):
    """A file of households in which most members have some faults, and some sets none."""
    chance = random.Random(seed)

    def body():
        yield from HEADER if chance.random() < 0.9 else changed(HEADER, "QTY", "QTY*QQ*1")
        for member in (MEMBER, DEPENDENT, DEPENDENT):
            segments = member
            for begin, bad in chance.sample(FAULTS, chance.choice((0, 0, 0, 1, 4))):
                if any(one.startswith(begin) for one in segments):
                    segments = changed(segments, begin, bad)
            yield from segments

    every = (Set(tuple(body()), number=f"{number:04d}") for number in range(1, sets + 1))
    return Interchange((Group(tuple(every)),))


def tolerated(rule):
    """The agreement by which a broken rule is a warning."""
    return Tolerance(
        rule=rule,
        effect="warning",
        effective_from=date(2026, 1, 1),
        effective_to=date(2026, 12, 31),
        agreed_with="the exchange",
        agreed_on=date(2026, 1, 1),
        reason="Households of a test.",
    )


def checked(reader, content, most, *rules, off=(), **limits):
    """The file checked with so many issues told in full, by a partner that rejects members.

    It tolerates what the plain households lack, and these rules; those of `off` do not hold.
    """
    agreed = tuple(tolerated(rule) for rule in (*LACKING, *rules))
    agreed += tuple(tolerated(rule).model_copy(update={"effect": "off"}) for rule in off)
    partner = load_partner("harbor-light-nc").model_copy(
        update={"on_member_error": "member_reject", "tolerances": agreed}
    )
    chosen = replace(load_limits(), issues_of_a_file=most, **limits)
    return check_file(reader.path(content), Terms(partner, day=date(2026, 3, 1), limits=chosen))


@pytest.mark.parametrize("rules", [(), ("element-code-invalid",)])
@pytest.mark.parametrize("seed", range(2))
def test_the_verdict_does_not_depend_on_how_much_is_told(reader, seed, rules):
    """Each group, set and member is judged as if all was told; what is left out is counted."""
    content = spoilt(seed, 25)
    whole = checked(reader, content, 1_000_000, *rules)
    assert set(whole.verdict.set_verdicts["ack"].to_pylist()) == {"A", "E", "R"}
    for most in (0, 40):
        some = checked(reader, content, most, *rules)
        for name in VERDICTS:
            assert getattr(some.verdict, name).equals(getattr(whole.verdict, name)), name
        assert some.counts["issues"] == whole.counts["issues"] + 1  # the row that says so
        assert len(some.verdict.issues) < len(whole.verdict.issues)
        assert some.verdict.issues["rule"].to_pylist().count("issues-beyond-limit") == 1


def test_what_a_rule_that_is_off_would_find_takes_no_room(reader):
    """All that is told fits, however much the rules that do not hold would have said."""
    body = (*changed(HEADER, "QTY", "QTY*QQ*1"), *changed(MEMBER, "DMG", "DMG*D8*19800229*Q*Q"))
    body = changed(changed(body, "HLH", "HLH*Q"), "INS*Y", "INS*Y*18*021*EC*Q***AC")
    content = Interchange((Group(tuple(Set(body, f"{at:04d}") for at in range(1, 21))),))
    off = ("element-code-invalid",)
    whole = checked(reader, content, 1_000_000, off=off).verdict.issues
    assert len(whole) + 100 == len(checked(reader, content, 1_000_000).verdict.issues)
    some = checked(reader, content, len(whole), off=off, stretch_bytes=500)
    assert some.verdict.issues.equals(whole)


def test_no_piece_of_a_file_decides_its_verdict(reader):
    """In whatever pieces it is read, the verdict and the number of issues are the same."""
    content = spoilt(4, 25)
    whole = checked(reader, content, 40)
    for size in (500, 3000):
        cut = checked(reader, content, 40, stretch_bytes=size)
        assert cut.counts == whole.counts
        for name in VERDICTS:
            assert getattr(cut.verdict, name).equals(getattr(whole.verdict, name)), name


def test_every_set_in_error_is_answered_with_what_is_wrong(reader):
    """IK5 stands for each set, and in each that is not accepted some IK3."""
    few = replace(load_limits(), issues_of_a_file=10)
    verdict = reader.verdict(spoilt(5, 25), Terms(limits=few))
    partner = load_partner("harbor-light-nc")
    sent = Envelope(partner, load_exchange(partner.exchange), 1, datetime(2026, 1, 2, tzinfo=UTC))
    report = ack999.write_999(verdict, sent, ControlNumbers([1], [1])).decode()
    answers = report.split("~AK2*")[1:]
    assert len(answers) == 25
    acks = verdict.set_verdicts["ack"].to_pylist()
    assert ["~IK3*" in one for one in answers] == [ack != "A" for ack in acks]
    assert {"A", "R"} <= set(acks)
