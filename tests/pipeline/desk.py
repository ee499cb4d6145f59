"""A steward's desk: files with faults come in, cases come of them, people say what they do."""

from datetime import date, timedelta

import sqlalchemy as sa

from ledger.case_queries import WantedCases, list_cases, read_case
from ledger.corrections import Word, corrections_of
from ledger.words import Said, act
from pipeline.apply import apply_to_book
from pipeline.corrections import draft_correction, resubmit
from pipeline.report import report_errors
from pipeline.runs import open_for_scheduler
from pipeline.steps import Steps
from schemas.cases import CASES
from tests.cases.bad_input import Content, Expected, Received
from tests.cases.house import Nights

NO_RELATION = {"INS*Y": ["INS*Y**021*EC*A***AC"]}
NO_END = {"INS*Y": ["INS*Y**024*14*A***TE"]}  # a termination that falls by the same
LATER = {"REF*17*2026030112000000": ["REF*17*2026030512000000"]}  # by its own clock
SAID_AGAIN = {"BGN*": ["BGN*00*12457*20260301*120000*ET***2"]}
ANOTHER = {"9100000001": "9100000002", "0000011111": "0000011112", "0000033333": "0000033334"}
DAY = date(2026, 1, 2)
HARBOR = "harbor-light-nc"


class Desk:
    """A house of which the test says what comes in each night, and what people do."""

    def __init__(self, house, partner=HARBOR):
        self.house = house
        self.partner = partner
        self.nights = Nights(house)
        self.number = 0

    def night(self, *edits, base="ffe-initial"):
        """One file for each dict of edits (or text), with control numbers of its own."""
        self.number += 1
        day = DAY + timedelta(days=self.number - 1)
        files = [self._file(day, place, base, edit) for place, edit in enumerate(edits)]
        self.nights.spend(files, to_book=True)

    def _file(self, day, place, base, edit):
        number = self.number * 10 + place
        numbers = {
            "000000001*": f"{number:09d}*",
            "*1200*1*X*": f"*1200*{number}*X*",
            "GE*1*1~": f"GE*1*{number}~",
            "IEA*1*000000001": f"IEA*1*{number:09d}",
        }
        content = Content(text=edit) if isinstance(edit, str) else None
        content = content or Content(base=base, edits={**edit, **numbers})
        expected = Expected(state="applied")
        return Received(content=content, partner=self.partner, day=day, expected=expected)

    def all(self, *names, **wanted):
        names = names or ("state",)
        with self.house.engine.connect() as conn:
            rows = list_cases(conn, WantedCases(**wanted))
        return [row[names[0]] if len(names) == 1 else tuple(row[n] for n in names) for row in rows]

    def say(self, action, *ids, **more):
        said = Said(action, more.pop("person", "Ada"), more.pop("account", "ada"), **more)
        with self.house.engine.begin() as conn:
            return act(conn, CASES, ids or self.all("case_id"), said)

    def read(self, case_id=1):
        with self.house.engine.connect() as conn:
            return read_case(conn, case_id)

    def events(self, case_id=1):
        return [one["action"] for one in self.read(case_id).events]


def draft(desk, *edits, case_id=1, person="Ada", account="ada"):
    return draft_correction(desk.house, case_id, edits, Word(person, account, "Told by phone."))


def let_go(desk, case_id=1, person="Ben", account="ben", reason="It is right."):
    """A person resubmits what was drafted last."""
    with desk.house.engine.connect() as conn:
        seen = next((one["correction_id"] for one in corrections_of(conn, case_id)), None)
    return resubmit(desk.house, case_id, Word(person, account, reason), seen)


def next_night(desk):
    """A night in which nothing comes but what persons have resubmitted: the files of that."""
    moment = desk.nights.moment.replace(day=desk.nights.moment.day + 1)
    run = open_for_scheduler(desk.house, moment, [desk.partner]).run
    Steps(desk.house, run, desk.partner).gate()
    apply_to_book(desk.house, run, desk.partner)
    report_errors(desk.house, run, desk.partner)
    desk.nights.moment = moment
    desk.number += 1
    of_night = "SELECT file_id FROM ledger.file WHERE kind = 'correction' AND run_id = :run_id"
    return [file_id for (file_id,) in rows(desk, of_night, run_id=run.run_id)]


def rows(desk, statement, **told):
    with desk.house.engine.connect() as conn:
        return [tuple(row) for row in conn.execute(sa.text(statement), told)]
