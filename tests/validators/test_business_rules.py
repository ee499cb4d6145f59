"""Business rules over whole files: alike wherever a file is cut, at the right bytes, and quiet."""

import re
from dataclasses import replace
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

import validators.crews
from schemas.catalog import load_rules
from schemas.code_sets import load_code_sets, load_codes
from schemas.errors import Terminal
from schemas.limits import load_limits
from schemas.partners import load_partner, load_partners
from schemas.rule_sets import Rulebook, RuleSet
from simulator.generate import write_enrollment_file
from tests.cases.enrollment import HEADER, MEMBER, Group, Interchange, Set
from tests.cases.ffe import FFE
from tests.cases.reading import Reader
from validators.business.checks import KINDS, load_checks
from validators.business.judge import HOUSEHOLD_MEMBERS
from validators.business.money import NO_AMOUNT, cents_of
from validators.check import ALONE, Terms, check_file
from validators.crews import Processes

HARBOR = load_partner("harbor-light-nc")
BASES = ("ffe-initial", "ffe-change", "ffe-cancellation", "ffe-renewal", "ffe-termination")
SLIPS = (
    ("REF*0F*0000011111", "REF*0F*0000099999"),
    ("REF*9X*200.00", "REF*9X*201.00"),
    ("REF*CE*91002NC001000101", "REF*CE*91002NC001000204"),
    ("REF*17*0000033333", "REF*17*0000011111"),
    ("QTY*TO*2", "QTY*TO*3"),
    ("INS*Y*18", "INS*N*01"),
    ("DTP*357", "DTP*356"),
    ("N1*P5*JANE DOE*94*0000011111", "N1*P5*JANE DOE*94*0000022222"),
    ("REF*17*NC0", "REF*17*VA0"),
)


@pytest.fixture
def reader(tmp_path):
    """Checks contents as files."""
    return Reader(tmp_path)


def households(seed):
    """Sixteen transaction sets of all kinds, with slips in some of their segments."""
    random = Random(seed)
    sets = []
    for number in range(16):
        (content,) = FFE[random.choice(BASES)]
        body = list(content.groups[0].sets[0].body)
        for old, new in random.sample(SLIPS, 2):
            places = [place for place, segment in enumerate(body) if segment.startswith(old)]
            for place in places[: random.randint(0, 2)]:
                body[place] = body[place].replace(old, new)
        sets.append(Set(tuple(body), number=f"{number:04d}"))
    return Interchange((Group(tuple(sets[:9])), Group(tuple(sets[9:]), number="2")))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("stretch_bytes", [1, 400, 2000, 5000])
def test_no_cut_changes_what_is_told_of_a_household(reader, seed, stretch_bytes):
    """The same issues in the same order, with their bytes, for stretches of any size."""
    content = households(seed)
    small = Terms(HARBOR, limits=replace(load_limits(), stretch_bytes=stretch_bytes))
    whole = reader.verdict(content, Terms(HARBOR))
    assert len(whole.issues) > 10
    assert reader.verdict(content, small).issues.equals(whole.issues)


def test_two_processes_tell_the_same(tmp_path, monkeypatch):
    """The rules travel with the work."""
    path = tmp_path / "spoilt.834"
    write_enrollment_file(path, 4_000, 7, HARBOR)
    path.write_bytes(
        path.read_bytes().replace(b"QTY*TO*3", b"QTY*TO*4").replace(b"HLH*T", b"HLH*S")
    )
    monkeypatch.setattr(validators.crews, "WORTH_A_PROCESS_BYTES", 0)
    alone, together = (
        check_file(path, Terms(HARBOR), crew=crew).verdict for crew in (ALONE, Processes(2))
    )
    assert len(alone.issues) > 100
    assert together.issues.equals(alone.issues)


@pytest.mark.parametrize("partner", [p for p in load_partners().values() if p.exchange == "ffe"])
def test_nothing_is_told_of_what_the_exchange_sends(tmp_path, partner):
    """The simulated exchange is written from the same guide, by other hands."""
    path = tmp_path / "good.834"
    write_enrollment_file(path, 3_000, 11, partner)
    assert check_file(path, Terms(partner)).verdict.issues.to_pylist() == []


def test_of_a_set_that_is_no_household_members_are_counted_only(reader):
    """A set with very many members is told to have too many subscribers, not member by member."""
    (content,) = FFE["ffe-initial"]
    body = content.groups[0].sets[0].body
    first = next(place for place, segment in enumerate(body) if segment.startswith("INS"))
    many = (*body[:first], *(body[first:] * HOUSEHOLD_MEMBERS))
    small = Terms(HARBOR, limits=replace(load_limits(), stretch_bytes=20_000))
    for terms in (Terms(HARBOR), small):
        rules = set(reader.rules(Interchange((Group((Set(many),)),)), terms))
        assert rules == {"not-one-subscriber", "member-total-differs", "dependent-total-differs"}


def test_an_issue_shows_the_element_that_is_wrong(reader):
    """Segment, element, loop and member are those of the value."""
    (content,) = FFE["ffe-initial"]
    text = content.text().replace("REF*9X*200.00", "REF*9X*2OO")
    (issue,) = (
        issue
        for issue in reader.verdict(text, Terms(HARBOR)).issues.to_pylist()
        if issue["rule"] == "amount-not-readable"
    )
    place = ("segment_id", "element", "loop", "member_ordinal")
    assert [issue[name] for name in place] == ["REF", 2, "2750", 2]
    assert text[issue["byte_start"] : issue["byte_end"]] == "2OO"
    assert text[: issue["byte_start"]].count("~") - 2 == issue["segment_ordinal"] - 1


def test_each_member_shows_what_it_lacks(reader):
    """A category without a value shows the category, one that is missing shows the member."""
    (content,) = FFE["ffe-initial"]
    text = content.text()
    text = text.replace("N1*75*PRE AMT 1~REF*9X*412.50~", "N1*75*PRE AMT 1~", 1)
    text = text.replace("N1*75*PRE AMT 1~REF*9X*200.00~", "N1*75*ANY AMT~REF*9X*200.00~", 1)
    shown = [
        text[issue["byte_start"] : issue["byte_end"]]
        for issue in reader.verdict(text, Terms(HARBOR)).issues.to_pylist()
        if issue["rule"] == "premium-missing"
    ]
    assert shown == ["N1*75*PRE AMT 1", "INS*N*19*021*EC*A"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"column": "hair_color"},
        {"column": "birth_date", "when": {"set.hair_color": "present"}},
        {"column": "birth_date", "when": {"state": "partner.hair_color"}},
    ],
)
def test_a_row_that_names_what_nobody_has_is_refused(arguments):
    """A slip in a changed rule is told when the rules are read, not in the middle of a file."""
    row = load_rules()["member-id-missing"].model_copy(update={"arguments": arguments})
    with pytest.raises(Terminal, match="hair_color"):
        load_checks(RuleSet(Rulebook({row.id: row}), HARBOR))


def test_a_file_without_any_reporting_category_is_judged(reader):
    """That they are missing is what is told of it."""
    member = MEMBER[: MEMBER.index("LS*2700")]
    content = Interchange((Group((Set((*HEADER, *member)),)),))
    told = reader.verdict(content, Terms(HARBOR)).issues["rule"].to_pylist()
    assert {"timestamp-missing", "source-exchange-missing", "application-id-missing"} <= set(told)


def test_amounts_are_read_as_whole_cents():
    """Also those without a point; what is no amount is none, and no number is rounded."""
    texts = ["12", "12.", "12.3", ".5", "0.29", "-1.00", "1.005", "1e2", "", None, "1,000.00"]
    cents = cents_of(pa.array(texts, pa.large_string())).tolist()
    assert cents[:6] == [1200, 1200, 1230, 50, 29, -100]
    assert set(cents[6:]) == {NO_AMOUNT}


@pytest.mark.parametrize("place", range(8))
def test_an_amount_of_up_to_eight_characters_is_read_at_once_or_not_at_all(place):
    """Whatever stands in place of one of its characters, what comes out is right."""
    usual = "12345.67"
    texts = [usual[:place] + chr(code) + usual[place + 1 :] for code in range(1, 0x180)]
    known = re.compile(r"-?([0-9]{1,10}(\.[0-9]{0,2})?|\.[0-9]{1,2})")
    expected = [round(float(text) * 100) if known.fullmatch(text) else NO_AMOUNT for text in texts]
    assert cents_of(pa.array(texts, pa.large_string())).tolist() == expected


def test_code_sets_are_whole():
    """Each is listed, says where it comes from, and has codes."""
    sets = load_code_sets()
    assert all(one.source and one.licence and one.title for one in sets.values())
    assert {name: len(load_codes(name)) for name in sets} == {
        "states": 56,
        "counties": 3247,
        "languages_639_2": 537,
        "languages_639": 689,
        "races": 20,
    }
    assert {"37119", "48453", "09110", "02063"} <= load_codes("counties")
    assert {"ENG", "SPA", "CHI", "ZHO"} <= load_codes("languages_639_2")


def test_the_page_of_business_rules_names_rules_that_exist():
    """What a reader looks up by the page is there: every V has its line, every name its row."""
    page = (Path(__file__).parents[2] / "docs" / "business-rules.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z]+(?:-[a-z0-9]+)+)`", page))
    assert named <= load_rules().keys() | KINDS.keys()
    assert re.findall(r"^\| V(\d\d) ", page, re.MULTILINE) == [f"{n:02d}" for n in range(1, 37)]
