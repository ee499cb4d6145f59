"""A file as the guide's tree: loops in order, issues in place, nobody's values."""

import pytest

from tests.cases.commands import run_edi834
from tests.cases.enrollment import MEMBER, changed, enrollment, everything


@pytest.fixture
def show(tmp_path):
    """Shows a content by the real command: exit code, lines and standard error."""

    def run(content, *options):
        path = tmp_path / "file.834"
        path.write_text(content if isinstance(content, str) else content.text())
        ended = run_edi834(tmp_path, ("show", path, *options), {})
        return ended.code, ended.out.splitlines(), ended.err

    return run


def test_every_loop_of_the_guide_has_its_line(show):
    """A file that uses every loop shows every loop, each indented below its parent."""
    code, lines, _ = show(everything())
    loops = {line.split()[0]: len(line) - len(line.lstrip()) for line in lines}

    assert code == 0
    assert loops["2000"] < loops["2300"] < loops["2320"] < loops["2330"]
    assert {"1000C", "1100C", "2100H", "2200", "2310", "2700", "2750"} <= loops.keys()


@pytest.mark.control("minimum-necessary")
def test_values_of_persons_are_masked_unless_they_are_asked_for(show):
    """Names, numbers and birth dates are shown by --reveal only; codes always."""
    _, masked, _ = show(enrollment())
    _, revealed, _ = show(enrollment(), "--reveal")

    for value in ("DOE", "JANE", "900121234", "19800229", "1 MAIN ST", "3195550101"):
        assert not any(value in line for line in masked)
        assert any(value in line for line in revealed)
    assert any(line.strip().startswith("INS*Y*18*021*EC*A***AC") for line in masked)


def test_an_issue_stands_below_the_segment_that_has_it(show):
    """The line behind the wrong DMG says what is wrong with it."""
    member = changed(MEMBER, "DMG", "DMG*D8*20260230*F")
    _, lines, _ = show(enrollment(member))
    place = next(at for at, line in enumerate(lines) if line.strip().startswith("DMG*"))

    assert "^ reject: DMG02, Member Birth Date" in lines[place + 1]


def test_one_member_is_found_by_an_id(show):
    """Only the segments of the member who has the id are shown."""
    other = changed(MEMBER, "REF*17", "REF*17*0000099999")
    code, lines, _ = show(enrollment(MEMBER, other), "--member", "0000099999")

    assert code == 0
    assert sum("Member Level Detail (member" in line for line in lines) == 1
    assert any("(member 2)" in line for line in lines)


@pytest.mark.parametrize(
    ("content", "options", "code", "said"),
    [
        ("plain text", (), 2, "does not begin with an ISA segment"),
        (enrollment(), ("--member", "nobody"), 1, "no such member or segment"),
    ],
)
def test_nothing_to_show_is_said(show, content, options, code, said):
    """A file that is not X12 and a member who is not there have exit codes of their own."""
    returned, lines, error = show(content, *options)

    assert (returned, lines) == (code, [])
    assert said in error
