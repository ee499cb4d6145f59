"""Where nothing but its file tells when a set was said, its correction stands in its place."""

from datetime import date, time, timedelta

import pytest
import sqlalchemy as sa

from enrollment.believed import PolicyKey
from enrollment.told import told_sets
from ledger.corrections import Word
from pipeline.apply import apply_to_book
from pipeline.corrections import draft_correction
from pipeline.replay import replay
from pipeline.report import report_errors
from pipeline.runs import open_for_scheduler
from pipeline.steps import Steps
from tests.cases.bad_input import Content, Expected, Received
from tests.cases.enrollment import Group, Interchange, Set
from tests.cases.ffe import FFE, told_in_the_district
from tests.cases.house import Nights, opened_house
from tests.pipeline.desk import let_go

POTOMAC = "potomac-dc"
DAY = date(2026, 1, 2)
NAME = "OPR.009876543.I834.D{day:%y%m%d}.T{hour}0000000.P"


class District:
    """A carrier whose exchange sends no clock in its sets, and its stewards."""

    def __init__(self, house):
        self.house = house
        self.nights = Nights(house)
        self.receives(DAY, 12, _without_clock())

    def receives(self, day, hour, *sets, name=None):
        """A night with one file of those sets; without a name it is one that tells no time."""
        number = len(self.nights.file_ids) + 1
        self.nights.hour = time(hour)
        written = tuple(Set(one, f"{place:04d}") for place, one in enumerate(sets, 1))
        interchange = Interchange((Group(written, number=f"{number}"),))
        text = told_in_the_district(interchange.with_isa(13, f"{number:09}")).text()
        received = Received(
            content=Content(text=text),
            name=name or f"dc-{number}.834",
            partner=POTOMAC,
            day=day,
            expected=Expected(state="applied"),
        )
        self.nights.spend([received], to_book=True)

    def resubmits(self, *edits):
        """Persons correct what the one case is about."""
        draft_correction(self.house, 1, edits, Word("Ada", "ada", "Told by phone."))
        let_go(self)

    def takes_in(self):
        """The next day's night, in which nothing comes but the correction."""
        moment = self.nights.moment = self.nights.moment.replace(day=self.nights.moment.day + 1)
        run = open_for_scheduler(self.house, moment, [POTOMAC]).run
        Steps(self.house, run, POTOMAC).gate()
        apply_to_book(self.house, run, POTOMAC)
        report_errors(self.house, run, POTOMAC)

    def rows(self, statement):
        with self.house.engine.connect() as conn:
            return [tuple(row) for row in conn.execute(sa.text(statement))]

    def told(self):
        """The streets that were told, in the order of the fold."""
        with self.house.engine.connect() as conn:
            sets = told_sets(conn, PolicyKey("9100000001", POTOMAC), None)
        return [one.events[0]["address_line_1"] for one in sets if one.state != "refused"]

    def street(self):
        """Where the subscriber lives, as the book has it."""
        ((street,),) = self.rows(
            "SELECT address_line_1 FROM book.address WHERE known_to = 'infinity'"
        )
        return street


@pytest.fixture
def district(tmp_path, engine):
    return District(opened_house(tmp_path, engine))


def _without_clock():
    """The enrollment of a subscriber alone."""
    body = list(FFE["ffe-initial"][0].groups[0].sets[0].body)
    body = body[: body.index("INS*N*19*021*EC*A")]
    at = body.index("N1*75*REQUEST SUBMIT TIMESTAMP")
    del body[at - 1 : at + 2]
    return tuple(segment for segment in body if not segment.startswith("QTY"))


def moved(street, has_relation):
    """Nothing changes but the subscriber's address. Without a relation the set is rejected."""
    told = [
        segment.replace("INS*Y*18*021", "INS*Y*18*001" if has_relation else "INS*Y**001")
        .replace("HD*021", "HD*001")
        .replace("1 MAIN ST", street)
        for segment in _without_clock()
    ]
    return (*told[:-1], "LX*9", "N1*75*ADDL MAINT REASON", "REF*17*CHANGE", told[-1])


# The files of a day, each with its sets; the one in capitals is rejected and corrected.
STORIES = (
    [["old"], ["NEW"]],
    [["OLD"], ["new"]],
    [["old", "NEW"]],
)


@pytest.mark.parametrize("has_name", [False, True])
def test_a_correction_stands_where_the_set_that_it_corrects_does(district, has_name):
    """What was said last of a day holds, whichever of it was corrected; a replay has the same."""
    for number, files in enumerate(STORIES, 1):
        day = DAY + timedelta(days=2 * number)
        for hour, words in enumerate(files, 14):
            sets = [moved(f"{number} {word.upper()} ST", word.islower()) for word in words]
            name = NAME.format(day=day, hour=hour) if has_name else None
            district.receives(day, hour, *sets, name=name)
            if any(word.isupper() for word in words):
                district.resubmits("INS*02=18")
                district.takes_in()
                day += timedelta(days=1)
        assert district.street() == f"{number} NEW ST"
        assert district.told()[-2:] == [f"{number} OLD ST", f"{number} NEW ST"]
    found = replay(district.house)
    assert (found.differences, found.stopped) == ([], None)
