"""A house without a mailbox: files begin their way in its landing zone."""

import csv
import re
from collections import Counter
from datetime import UTC, datetime, time
from importlib.resources import files
from itertools import groupby
from pathlib import Path

import sqlalchemy as sa

from pipeline.apply import apply_to_book
from pipeline.check import check_received
from pipeline.receive import take_in
from pipeline.report import report_errors
from pipeline.runs import open_for_scheduler
from pipeline.settings import Settings
from pipeline.steps import Steps
from pipeline.wiring import House
from schemas.database import disposition, file
from sftp_inbox.landing import LandingZone
from sftp_inbox.receive import Fetched
from tests.cases.bad_input import Expected

_NAME = "OPR.007654321T.I834.D{day:%y%m%d}.T18{number:02d}00000.P"
_TOLD = ("AK2", "IK3", "CTX", "IK4", "IK5", "AK9")


def opened_house(folder, engine, **settings):
    """A house whose state lies under a folder."""
    known = Settings(
        home=folder / "home",
        database_url=engine.url.render_as_string(hide_password=False),
        **{name: value for name, value in settings.items() if value is not None},
    )
    known.landing_folder.mkdir(parents=True)
    return House(known, engine, LandingZone(known.landing_folder))


def partners_with(folder, **switches):
    """A folder with the shipped partners, their switches set otherwise."""
    folder.mkdir()
    for path in Path(str(files("schemas"))).glob("partners/*.toml"):
        text = path.read_text("utf-8")
        for name, value in switches.items():
            text = re.sub(rf"(?m)^{name}\s*=.*$", f'{name} = "{value}"', text)
        (folder / path.name).write_text(text, "utf-8")
    return folder


class Nights:
    """Nights of a house, one for each day on which files come in."""

    def __init__(self, house):
        self.house = house
        self.file_ids = []
        self.hour = time(14)  # by UTC, at which nights begin
        self.moment = None  # the clock of the last night

    def spend(self, files, *, to_book):
        """Takes in, checks and reports the files of each day, and applies them if that is asked."""
        for day, of_day in groupby(files, key=lambda received: received.day):
            of_night = list(of_day)
            senders = {received.partner for received in of_night}
            self.moment = datetime.combine(day, self.hour, UTC)
            run = open_for_scheduler(self.house, self.moment, sorted(senders)).run
            partners = {self._receive(run, received) for received in of_night}
            for partner in sorted(partners):
                if to_book:
                    Steps(self.house, run, partner).gate()
                    apply_to_book(self.house, run, partner)
                report_errors(self.house, run, partner)

    def _receive(self, run, received):
        stored = self.house.landing.store([received.content.bytes()])
        number = len(self.file_ids) + 1
        name = received.name or _NAME.format(day=received.day, number=number)
        fetched = Fetched(
            received.partner, name, stored.sha256, stored.size_bytes, stored.storage_key, run.as_of
        )
        recorded = take_in(self.house, run, fetched)
        self.file_ids.append(recorded.file_id)
        check_received(self.house, run, recorded.file_id)
        return received.partner

    def became(self, file_id):
        """What became of a file, in the terms of a case."""
        with self.house.engine.connect() as conn:
            row = conn.execute(sa.select(file).where(file.c.file_id == file_id)).one()
            decided = sa.select(disposition).where(disposition.c.file_id == file_id)
            members = Counter(map(_state, conn.execute(decided)))
        findings = self.findings(row)
        return Expected(
            state=row.state,
            verdict=row.verdict,
            ta1=tuple(
                " ".join(segment.split("*")[4:6])
                for segment in self.segments(file_id, "ta1")
                if segment.startswith("TA1")
            ),
            report_999=tuple(s for s in self.segments(file_id, "999") if s.startswith(_TOLD)),
            reported=_rules(findings, "reject", "error", "pending"),
            warned=_rules(findings, "warning", "info"),
            members=dict(members),
        )

    def answer(self, file_id, kind):
        """The bytes of our TA1 or 999 to a file; empty when there is none."""
        query = sa.select(file.c.storage_key).where(
            file.c.answers_file_id == file_id, file.c.kind == kind
        )
        with self.house.engine.connect() as conn:
            key = conn.execute(query).scalar_one_or_none()
        return (self.house.landing.folder / key).read_bytes() if key else b""

    def segments(self, file_id, kind):
        """The segments of our TA1 or 999 to a file."""
        return self.answer(file_id, kind).decode("ascii").split("~")[:-1]

    def findings(self, row):
        """The rows of the error report for people that are about a file."""
        folder = self.house.settings.reports_folder / str(row.run_id) / row.partner_id
        path = folder / "errors.csv"
        if not path.exists():
            return []
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        return [r for r in rows if (r["file_sha256"], r["file_name"]) == (row.sha256, row.name)]

    def reports(self):
        """All files that people and the exchange get beside TA1 and 999."""
        query = sa.select(file.c.storage_key).where(file.c.kind == "error_report")
        with self.house.engine.connect() as conn:
            letters = [self.house.landing.folder / key for key in conn.execute(query).scalars()]
        return [*letters, *self.house.settings.reports_folder.glob("*/*/errors.*")]


def _state(row):
    """The state of a member, with what the book says of one that it accepts."""
    return f"{row.state}, {row.reason}" if row.state == "accepted" and row.reason else row.state


def _rules(findings, *severities):
    return tuple(sorted({f["rule"] for f in findings if f["severity"] in severities}))
