"""Corrections: a rejected set, mended by a person, takes effect once and is answered to nobody."""

import pytest

from ledger.corrections import corrections_of
from parsers.correction import Edit, SetPlace, corrected
from pipeline.replay import replay
from schemas.errors import Terminal
from tests.cases.house import opened_house
from tests.pipeline.desk import NO_RELATION, Desk, draft, let_go, next_night, rows


@pytest.fixture
def desk(tmp_path, engine):
    return Desk(opened_house(tmp_path, engine))


def test_a_corrected_set_takes_effect_once_and_the_case_names_it(desk):
    """It is in the book, the case is gone by it, and nobody was answered."""
    desk.night(NO_RELATION)
    number, tried = draft(desk, "INS*02=18")
    assert (tried.verdict.file_verdict, tried.needs_second) == ("accepted", True)
    assert let_go(desk) == number
    (file_id,) = next_night(desk)
    assert next_night(desk) == []
    assert desk.all("state", "resolved_file_id") == [("resolved", file_id)]
    assert rows(desk, "SELECT state, file_id FROM book.event_set") == [("applied", file_id)]
    answered = "SELECT count(*) FROM ledger.file WHERE answers_file_id = :id"
    assert rows(desk, answered, id=file_id) == [(0,)]
    told = (
        "SELECT f.name FROM book.policy p JOIN book.event e USING (event_id)"
        " JOIN ledger.file f USING (file_id)"
    )
    assert rows(desk, told)[0][0].endswith(".case-1")


def test_the_original_stays_and_the_draft_says_whence_it_is(desk):
    """Parent, bytes of the set, person and reason; of the edits the places only."""
    desk.night(NO_RELATION)
    before = rows(desk, "SELECT sha256 FROM ledger.file WHERE kind = 'enrollment'")
    draft(desk, "INS*02=18")
    with desk.house.engine.connect() as conn:
        (found,) = corrections_of(conn, 1)
    assert (found["parent_file_id"], found["drafted_by"]) == (desk.nights.file_ids[0], "Ada")
    assert found["edits"] == [{"segment": "INS", "ordinal": 7, "element": 2}]
    path = desk.house.landing.verified_path(f"{before[0][0][:2]}/{before[0][0]}")
    content = path.read_bytes()[found["byte_start"] : found["byte_end"]]
    assert content.startswith(b"ST*834")
    assert content.rpartition(b"~")[2].startswith(b"SE*")
    assert b"INS*Y**021" in content


@pytest.mark.control("separation")
def test_who_moves_coverage_ids_or_dollars_does_not_resubmit_alone(desk):
    """Another person must; a draft that would be rejected nobody may."""
    desk.night(NO_RELATION)
    draft(desk, "INS*02=18")
    with pytest.raises(Terminal, match="who resubmits is not who has drafted it"):
        let_go(desk, person="ada", account="ada")
    draft(desk, "INS*02=18", person="ada@old", account="console:7")
    with pytest.raises(Terminal, match="who resubmits is not who has drafted it"):
        let_go(desk, person="ada@new", account="console:7")
    draft(desk, "INS*02=QQ")
    with pytest.raises(Terminal, match="would be rejected"):
        let_go(desk)


@pytest.mark.fault("F36")
def test_what_is_resubmitted_twice_is_taken_in_once(desk):
    """Whoever clicks again is told that no draft is left, and there is one file of it."""
    desk.night(NO_RELATION)
    draft(desk, "INS*02=18")
    let_go(desk)
    with pytest.raises(Terminal, match="has no draft"):
        let_go(desk)
    assert len(next_night(desk)) == 1
    assert rows(desk, "SELECT state FROM book.event_set") == [("applied",)]


def test_what_a_person_is_like_one_person_may_correct(desk):
    """Neither coverage nor ids nor dollars move."""
    desk.night({"DMG*": ["DMG*D8*19800230*F*M*:RET:2106-3"]})
    _, tried = draft(desk, "DMG*02=19800229")
    assert not tried.needs_second
    let_go(desk, person="Ada", account="ada")
    assert len(next_night(desk)) == 1
    assert desk.all() == ["resolved"]


def test_a_segment_that_stands_several_times_is_named_by_its_number(desk):
    """And what is no element, no segment or holds a delimiter is refused in a sentence."""
    desk.night(NO_RELATION)
    for text, said in (
        ("REF*02=1", "write #8, #9"),
        ("nonsense", "names no element"),
        ("ZZZ*01=1", "no ZZZ to correct"),
        ("#999*01=1", "no segment 999"),
        ("INS*02=1*8", "holds a delimiter"),
    ):
        with pytest.raises(Terminal, match=said):
            draft(desk, text)
    draft(desk, "#7*02=18")


def test_a_replay_takes_the_correction_in_again(desk):
    """To the same rows: the draft is not made again, its bytes are read."""
    desk.night(NO_RELATION)
    draft(desk, "INS*02=18")
    let_go(desk)
    next_night(desk)
    found = replay(desk.house)
    assert (found.differences, found.stopped) == ([], None)


def _one_set(*body):
    """A file with one set of those segments, and their places."""
    isa = "*".join(["ISA*00", " " * 10, "00", " " * 10, "ZZ", "A".ljust(15), "ZZ", "B".ljust(15)])
    isa += "*260101*1200*^*00501*000000007*0*P*:~GS*BE*A*B*20260101*1200*9*X*V~"
    places, at = {}, len(isa)
    for ordinal, segment in enumerate(body, 1):
        places[ordinal] = (at, at + len(segment))
        at += len(segment) + 1
    text = isa + "".join(f"{segment}~" for segment in body) + "GE*1*9~IEA*1*000000007~"
    return text, SetPlace(0, text.index("GS*"), places)


@pytest.mark.parametrize(
    ("edit", "races"),
    [
        (Edit(2, 5, "2054-5", 3), ":RET:2054-5^:RET:9999-9^Z"),
        (Edit(2, 5, "2054-5", 3, 2), ":RET:2106-3^:RET:2054-5^Z"),
        (Edit(2, 5, "", None, 2), ":RET:2106-3^Z"),
        (Edit(2, 5, "A", None, 3), ":RET:2106-3^:RET:9999-9^A"),
        (Edit(2, 5, "A"), "A"),
    ],
)
def test_one_repetition_is_corrected_and_the_others_stay(edit, races):
    """A component is one of a repetition: of the first, unless another one is named."""
    old = ":RET:2106-3^:RET:9999-9^Z"
    text, place = _one_set("ST*834*1", f"DMG*D8*19800101*F**{old}", "SE*3*1")
    found = corrected(text.encode(), place, [edit])
    assert found.decode() == text.replace(old, races)


@pytest.mark.parametrize(
    ("old", "edits", "races"),
    [
        ("A^B^C^D", (Edit(2, 5, "", None, 2), Edit(2, 5, "X", None, 3)), "A^X^D"),
        ("A^B^C", (Edit(2, 5, "", None, 2), Edit(2, 5, "X", None, 3)), "A^X"),
        (":RET:1^::B^C", (Edit(2, 5, "", 3, 2), Edit(2, 5, "Z", 1, 2)), ":RET:1^Z^C"),
        ("A^^C", (Edit(2, 5, "X", None, 3),), "A^^X"),
    ],
)
def test_repetitions_keep_their_numbers_while_several_are_corrected(old, edits, races):
    """What one edit has emptied is left out behind the last of them."""
    text, place = _one_set("ST*834*1", f"DMG*D8*19800101*F**{old}", "SE*3*1")
    assert corrected(text.encode(), place, edits).decode() == text.replace(old, races)


@pytest.mark.parametrize(
    ("edit", "told"),
    [(Edit(2, 5, "A^B"), "delimiter"), (Edit(2, 5, "A", 3, 4), "no repetition 4")],
)
def test_a_correction_that_names_no_place_is_refused(edit, told):
    """A separator in a value would make other elements of it."""
    text, place = _one_set("ST*834*1", "DMG*D8*19800101*F**:RET:2106-3", "SE*3*1")
    with pytest.raises(Terminal, match=told):
        corrected(text.encode(), place, [edit])


def test_an_element_beyond_the_last_and_one_taken_out():
    """Separators between are written, those at the end are not; the envelope counts one set."""
    text, place = _one_set("ST*834*1", "N3*A", "PER*IP**TE*1", "SE*4*1")
    found = corrected(text.encode(), place, [Edit(2, 3, "C"), Edit(3, 4, ""), Edit(3, 3, "")])
    assert found.decode() == text.replace("N3*A~", "N3*A**C~").replace("PER*IP**TE*1~", "PER*IP~")
    assert corrected(text.encode(), place, []).decode() == text
