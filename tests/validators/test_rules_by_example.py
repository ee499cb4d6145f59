"""Every rule of envelope, segments and partner is shown broken, and where it is broken."""

import tomllib
from dataclasses import dataclass, replace
from importlib.resources import files

import pytest

from schemas.limits import Limits
from schemas.partners import load_partner
from tests.cases.enrollment import (
    DEPENDENT,
    EVERYTHING_HEADER,
    EVERYTHING_MEMBER,
    HEADER,
    MEMBER,
    Group,
    Interchange,
    Set,
    changed,
    enrollment,
    everything,
)
from validators.check import Terms

PARTNER = Terms(partner=load_partner("harbor-light-nc"))
SMALL = Terms(limits=Limits(200, longest_loop_bytes=300, interchanges=1, issues_of_a_rule=9))
GOOD = enrollment()


@dataclass(frozen=True)
class Example:
    """A content that breaks a rule, and the bytes at which it does (None: any)."""

    content: object
    shown: str | None = None
    terms: Terms | None = None
    alone: bool = True  # the rule is the only one broken


def _in_set(set_change, group_change=None, isa_change=None):
    """The good interchange with another set, group or interchange around the same body."""
    body = (*HEADER, *MEMBER)
    one = replace(Set(body), **set_change)
    group = replace(Group((one,)), **(group_change or {}))
    return replace(Interchange((group,)), **(isa_change or {}))


def _member(old, *new):
    return enrollment(changed(MEMBER, old, *new))


def _anything(old, *new):
    if old in {segment[: len(old)] for segment in EVERYTHING_MEMBER}:
        return enrollment(changed(EVERYTHING_MEMBER, old, *new), header=EVERYTHING_HEADER)
    return enrollment(EVERYTHING_MEMBER, header=changed(EVERYTHING_HEADER, old, *new))


def _isa(position, value):
    return Example(GOOD.with_isa(position, value), "ISA")


def _twice(second):
    return GOOD.text() + second.text()


GS = "GS*BE*NC0*91002NC0010001*20260101*1200*{number}*X*005010X220A1"
TEXT = GOOD.text()

EXAMPLES = {
    # ---- file and interchange
    "file-empty": Example(" \r\n" * 500_000),
    "file-not-x12": Example("%PDF-1.7 and more"),
    "file-wide-characters": Example(TEXT.encode("utf-16")),
    "interchange-header-malformed": Example(TEXT.replace("*CMSFFM  ", "*CMSFFM"), "ISA"),
    "interchanges-too-many": Example(TEXT * 2, terms=SMALL),
    "leading-bytes": Example(b"\xef\xbb\xbf" + TEXT.encode(), "\xef\xbb\xbf"),
    "blanks-between-segments": Example(TEXT.replace("~N3", "~   N3"), "N3*1 MAIN ST*APT 2"),
    "separators-at-segment-end": Example(_member("HLH", "HLH*N**"), "HLH*N**"),
    "empty-segments": Example(
        TEXT.replace("~N3", "~~N3"), "PER*IP**TE*3195550101*EM*JANE@EXAMPLE.COM"
    ),
    "terminator-missing-at-end": Example(TEXT[:-1], "IEA*1*000000001"),
    "element-separator-invalid": Example(TEXT.replace("*", "x"), alone=False),
    "segment-terminator-invalid": Example(TEXT.replace("~", "x"), alone=False),
    "component-separator-invalid": Example(TEXT.replace(":~", "*~"), alone=False),
    "repetition-separator-invalid": Example(TEXT.replace("*^*", "*:*"), "ISA"),
    "interchange-control-number-differs": Example(
        replace(GOOD, trailer_number="000000002"), "IEA*1*000000002"
    ),
    "interchange-authorization-qualifier-unknown": _isa(1, "99"),
    "interchange-security-qualifier-unknown": _isa(3, "99"),
    "interchange-qualifier-unknown": _isa(5, "99"),
    "interchange-receiver-qualifier-unknown": _isa(7, "99"),
    "interchange-date-invalid": _isa(9, "260230"),
    "interchange-time-invalid": _isa(10, "2460"),
    "interchange-version-unsupported": _isa(12, "00401"),
    "interchange-control-number-invalid": Example(GOOD.with_isa(13, "00000000A"), "ISA"),
    "interchange-acknowledgment-invalid": _isa(14, "2"),
    "interchange-usage-invalid": _isa(15, "X"),
    "interchange-group-count-differs": Example(replace(GOOD, group_count="2"), "IEA*2*000000001"),
    "interchange-trailer-missing": Example(replace(GOOD, has_trailer=False), "GE*1*1"),
    "interchange-not-closed": Example(
        replace(GOOD, has_trailer=False).text() + GOOD.with_isa(13, "000000002").text(), "GE*1*1"
    ),
    "interchange-without-group": Example(Interchange(()), "IEA*0*000000001"),
    "envelope-elements-too-many": Example(TEXT.replace("GE*1*1~", "GE*1*1*1~"), "GE*1*1*1"),
    "group-header-invalid": Example(_in_set({}, {"header": GS.replace("1200", "2560")}), "GS"),
    "segment-outside-transaction-set": Example(
        replace(GOOD, before_trailer=("NTE*ADD*TEXT",)), "NTE*ADD*TEXT"
    ),
    "interchange-duplicate": Example(_twice(GOOD), "ISA"),
    "bytes-after-interchange": Example(TEXT + "END OF FILE~", "END OF FILE"),
    # ---- functional group
    "group-type-unsupported": Example(_in_set({}, {"header": GS.replace("BE", "HP")}), "GS"),
    "group-version-unsupported": Example(
        _in_set({}, {"header": GS.replace("X220A1", "X220")}), "GS"
    ),
    "group-trailer-missing": Example(_in_set({}, {"has_trailer": False}), "SE*31*0001"),
    "group-control-number-differs": Example(_in_set({}, {"trailer_number": "2"}), "GE*1*2"),
    "group-set-count-differs": Example(_in_set({}, {"set_count": "2"}), "GE*2*1"),
    "group-control-number-invalid": Example(_in_set({}, {"number": "A1"}), "GS"),
    "group-control-number-repeated": Example(replace(GOOD, groups=GOOD.groups * 2), "GS"),
    # ---- transaction set
    "set-type-unsupported": Example(_in_set({"header": "ST*820*{number}*005010X306"}), "ST"),
    "set-convention-unsupported": Example(_in_set({"header": "ST*834*{number}"}), "ST"),
    "set-trailer-missing": Example(_in_set({"has_trailer": False}), "ST"),
    "set-control-number-differs": Example(_in_set({"trailer_number": "0002"}), "SE*31*0002"),
    "set-segment-count-differs": Example(_in_set({"count": "30"}), "SE*30*0001"),
    "set-control-number-invalid": Example(_in_set({"number": "1"}), "ST"),
    "set-control-number-repeated": Example(
        replace(GOOD, groups=(Group(GOOD.groups[0].sets * 2),)), "ST"
    ),
    "set-without-members": Example(Interchange((Group((Set(HEADER),)),)), "ST"),
    # ---- segments
    "segment-unknown": Example(_member("HLH", "HLH*N", "QQ*1"), "QQ*1"),
    "segment-not-in-set": Example(_member("HLH", "HLH*N", "CLM*1*2"), "CLM*1*2"),
    "segment-unexpected": Example(_member("REF*0F", "REF*0F*1", "LX*1"), "LX*1", alone=False),
    "segment-out-of-sequence": Example(
        _member("HLH", "HLH*N", "N3*1 MAIN ST"), "N3*1 MAIN ST", alone=False
    ),
    "segment-repeated-too-often": Example(_member("HLH", "HLH*N", "HLH*T"), "HLH*T"),
    "loop-repeated-too-often": Example(
        _anything("NM1*31", "NM1*31*1", "N3*A", "N4*RALEIGH", "NM1*31*1"), "NM1*31*1"
    ),
    "segment-missing": Example(_member("REF*0F"), "INS*Y*18*021*EC*A***AC"),
    "segment-without-elements": Example(_anything("LUI", "LUI"), "LUI", alone=False),
    "loop-too-long": Example(
        enrollment((*MEMBER[:2], *("REF*17*1",) * 100, *MEMBER[4:])),
        "INS*Y*18*021*EC*A***AC",
        terms=SMALL,
        alone=False,
    ),
    "issues-left-out": Example(
        enrollment((*MEMBER[:10], *(MEMBER[10],) * 102, *MEMBER[11:])),
        "INS*Y*18*021*EC*A***AC",
        alone=False,
    ),
    # ---- elements
    "element-missing": Example(_member("INS", "INS*Y**021*EC*A"), ""),
    "element-condition-broken": Example(
        _member("PER", "PER*IP**TE*3195550101*EM"), "PER*IP**TE*3195550101*EM"
    ),
    "element-exclusion-broken": Example(_member("N4", "N4*CHARLOTTE*NC*28202*US***MX"), "MX"),
    "element-not-used": Example(_member("PER", "PER*IP*JANE*TE*3195550101"), "JANE"),
    "elements-too-many": Example(_member("N3", "N3*1 MAIN ST*APT 2*B"), "B"),
    "element-too-short": Example(_member("N4", "N4*CHARLOTTE*NC*28"), "28"),
    "element-too-long": Example(_member("N3", f"N3*{'A' * 56}"), "A" * 56),
    "element-character-invalid": Example(_member("N3", "N3*1 MAIN\tST"), "1 MAIN\tST"),
    "element-letters-beyond-ascii": Example(_member("N3", "N3*1 CAÑON"), "1 CAÑON"),
    "element-code-invalid": Example(_member("INS", "INS*Y*18*021*EC*Z"), "Z"),
    "element-date-invalid": Example(_member("DMG", "DMG*D8*20260230*F"), "20260230"),
    "element-time-invalid": Example(
        enrollment(header=changed(HEADER, "BGN", "BGN*00*1*20260101*2400****2")), "2400"
    ),
    "repetitions-too-many": Example(_member("N3", "N3*1^2"), "1^2"),
    "components-too-many": Example(_member("N3", "N3*1:2"), "1:2"),
    # ---- partner
    "sender-unknown": Example(GOOD.with_isa(6, f"{'STRANGER':15}"), "ISA", PARTNER),
    "receiver-unknown": Example(GOOD.with_isa(8, f"{'STRANGER':15}"), "ISA", PARTNER),
    "usage-not-agreed": Example(GOOD.with_isa(15, "T"), "ISA", PARTNER),
    "group-sender-unknown": Example(
        _in_set({}, {"header": GS.replace("NC0*", "TX0*")}), "GS", PARTNER
    ),
    "group-plan-unknown": Example(
        _in_set({}, {"header": GS.replace("NC0010001", "NC0999999")}), "GS", PARTNER
    ),
}


@pytest.mark.parametrize("name", ["envelope", "segments", "partner"])
def test_every_rule_has_an_example(name):
    """A rule that no file can break is not a rule."""
    rules = tomllib.loads(files("schemas").joinpath("rules", f"{name}.toml").read_text())["rules"]
    assert [rule["id"] for rule in rules if rule["id"] not in EXAMPLES] == []


@pytest.mark.parametrize("rule_id", EXAMPLES)
def test_rule_is_broken_by_its_example(reader, rule_id):
    """The example breaks its rule, alone, at the bytes that it names."""
    example = EXAMPLES[rule_id]
    issues = reader.verdict(example.content, example.terms).issues.to_pylist()
    broken = [issue for issue in issues if issue["rule"] == rule_id]
    assert broken
    if example.alone:
        assert {issue["rule"] for issue in issues} == {rule_id}
        assert len(issues) == 1
    if example.shown is not None:
        content = (reader.folder / "received.834").read_bytes()
        shown = content[broken[0]["byte_start"] : broken[0]["byte_end"]].decode("latin-1")
        assert shown == example.shown or shown.startswith(f"{example.shown}*")


@pytest.mark.parametrize(
    "content",
    [GOOD, everything(), enrollment(MEMBER, DEPENDENT, DEPENDENT)],
    ids=["one member", "every loop", "a family"],
)
def test_no_rule_is_broken_by_a_good_file(reader, content):
    """What is right breaks nothing, with and without a partner."""
    assert reader.rules(content) == []
    assert reader.rules(content, PARTNER) == []
