"""The demo: nights against an exchange in a box, until both sides' books can be compared.

Everything is real but the people: SFTP on loopback, the embedded PostgreSQL, the carrier's records
in a table and in extracts. A demo that was killed is taken up where it stopped.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from rich.text import Text

from pipeline import terminal
from pipeline.airflow_run import run_night_by_airflow
from pipeline.demo_findings import (
    Finding,
    holds_unless,
    of_answers,
    of_books,
    of_breaks,
    of_confirmation,
    of_faults,
    of_trail,
)
from pipeline.demo_home import (
    BY_TABLE,
    DemoPlan,
    alone,
    exchange_home,
    extract_folder,
    mark,
    prepare_home,
    require_own_configuration,
    write_configuration,
)
from pipeline.demo_month import Month
from pipeline.demo_people import People
from pipeline.demo_report import show_files, show_findings
from pipeline.night import NightResult, closed_night, run_night
from pipeline.night_report import show_night
from pipeline.open_items_command import open_items_by_kind
from pipeline.settings import Settings, load_settings
from pipeline.wiring import House, open_house
from schemas.partners import load_exchange, partners_of
from simulator.answers import AnswerSummary
from simulator.carrier import CarrierCore
from simulator.exchange import ExchangeInABox
from simulator.reckoning import Reckoner
from simulator.server import serve

FIRST_NIGHT = date(2026, 12, 1)
_EXCHANGE = "ffe"
_MORNING_HOUR = time(7)  # after its drop of 06:00
_NIGHT_HOUR = time(19)  # after the exchange's drop of 18:00, in its own time zone
_TURNS = 9  # of the evening after the last night, at most
_BETWEEN_TURNS = timedelta(minutes=30)


def run_demo(plan: DemoPlan) -> bool:
    """Plays the nights and prints what came of them. True only if everything holds."""
    settings = load_settings()
    require_own_configuration(settings)
    with alone(settings):
        return _run_in_home(settings, plan)


def _run_in_home(settings: Settings, plan: DemoPlan) -> bool:
    prepare_home(settings, plan)
    with serve(exchange_home(settings), partners_of(_EXCHANGE)) as endpoint:
        write_configuration(settings, endpoint)
        settings = load_settings()
        exchange = load_exchange(_EXCHANGE)
        box = ExchangeInABox(
            exchange_home(settings),
            seed=plan.seed,
            members=plan.members,
            first_night=FIRST_NIGHT,
            faults=plan.faults,
            partners=partners_of(_EXCHANGE),
            exchange=exchange,
            life=True,
        )
        with open_house(settings) as house:
            findings = Play(house, box, plan.nights, airflow=plan.airflow).run()
    holds = all(finding.holds for finding in findings)
    if holds:
        mark(settings, plan, finished=True)
    return holds


class Play:
    """The exchange, the carrier, its people and we, for so many nights and their end."""

    def __init__(
        self, house: House, box: ExchangeInABox, nights: int, *, airflow: bool = False
    ) -> None:
        self.house = house
        self.box = box
        self.nights = nights
        self.airflow = airflow
        self.zone = ZoneInfo(box.scenario.exchange.time_zone)
        self.carrier = CarrierCore(box, box.scenario.seed)
        self.people = People(house, self.box)
        self.failed_nights: list[str] = []
        self.findings: list[Finding] = []

    def run(self) -> list[Finding]:
        """What must hold at the end, and whether it does; all of it printed, too."""
        for night in range(1, self.nights + 1):
            self._night(night)
        closing = self.nights + 1
        quiet_at = self._close(closing)
        if self._has_month():
            self._play_month(closing, quiet_at)
        self._judge([self.box.read_answers(night) for night in range(closing, 0, -1)])
        show_files(self.house)
        show_findings(self.findings)
        return self.findings

    def _clock(self, night: int, hour: time = _NIGHT_HOUR) -> datetime:
        return datetime.combine(self.box.scenario.day(night), hour, self.zone)

    def _night(self, night: int) -> None:
        """Sends, lets us work, and reads what we answered.

        Once the exchange has sent a later night, this one is over, answers and all.
        """
        is_over = self.box.state.nights_sent() > night
        if self.box.scenario.has_two_runs(night) and not (is_over or self.box.is_whole(night)):
            self._morning(night)
        as_of = self._clock(night)
        _announce(night, as_of)
        if not is_over:
            with terminal.doing("The exchange sends, the carrier enrolls and takes payments"):
                self.box.send(night)
                self._write_carrier_records(night)
        result = self._work(as_of)
        if not is_over:
            if self.people.open_gate(result.at_gate):
                result = self._work(as_of)
            self.people.work(as_of)
        show_night(result, open_items_by_kind(self.house))
        self._judge_night(night, result)
        if not is_over:
            with terminal.doing("The exchange reads what came and answers"):
                self.box.read_answers(night)

    def _morning(self, night: int) -> None:
        """Works between the night's two drops, by the carrier's records of the evening before."""
        as_of = self._clock(night, _MORNING_HOUR)
        _announce(night, as_of)
        with terminal.doing("The exchange sends its first drop"):
            self.box.send(night, evening=False)
        result = self._work(as_of)
        if self.people.open_gate(result.at_gate):
            result = self._work(as_of)
        show_night(result, open_items_by_kind(self.house))
        if result.state == "failed":
            self.failed_nights.append(f"the morning of night {night}")
        with terminal.doing("The exchange reads what came and answers"):
            self.box.read_answers(night, evening=False)

    def _work(self, as_of: datetime) -> NightResult:
        """The night's result; a night that an interrupted demo has closed is not run again."""
        closed = closed_night(self.house, as_of, self.house.partner_ids)
        if closed is not None:
            return closed
        if self.airflow:
            return run_night_by_airflow(self.house, as_of)
        with terminal.doing("The night runs") as say:
            return run_night(self.house, as_of, tell=say)

    def _write_carrier_records(self, night: int) -> None:
        url = self.house.engine.url.set(drivername="postgresql")
        for partner_id in self.house.partner_ids:
            if partner_id == BY_TABLE:
                self.carrier.write_tables(
                    url.render_as_string(hide_password=False), partner_id, night
                )
            else:
                folder = extract_folder(self.house.settings, partner_id)
                self.carrier.write_extract(folder, partner_id, night)

    def _has_month(self) -> bool:
        """Whether a month has ended within the nights."""
        days = [self.box.scenario.day(night) for night in (1, self.nights + 1)]
        return days[0].replace(day=1) != days[1].replace(day=1)

    def _play_month(self, night: int, quiet_at: datetime) -> None:
        """The month that has begun is told, answered and paid, until both sides agree."""
        month = Month(self.house, self.box, self.box.scenario.day(night))
        month.play(quiet_at + _BETWEEN_TURNS, lambda: self.box.read_answers(night))
        self.findings += month.findings()

    def _close(self, night: int) -> datetime:
        """The evening after: everything on its way arrives, until nobody has to say anything.

        The moment of its last turn.
        """
        for turn in range(_TURNS):
            with terminal.doing("What is still on its way arrives"):
                is_quiet = self._turn(night, self._clock(night) + turn * _BETWEEN_TURNS)
            if is_quiet:
                break
        self.findings += [
            holds_unless(f"Every night balances, and the {turn + 1} after", self.failed_nights),
            Finding("Nobody has to say anything more", is_quiet),
        ]
        return self._clock(night) + turn * _BETWEEN_TURNS

    def _turn(self, night: int, as_of: datetime) -> bool:
        """One short night; whether it left nothing to be said."""
        self.box.close(night)
        self._write_carrier_records(night)
        found = sum(len(self.box.find_lost(partner)) for partner in self.house.partner_ids)
        result = run_night(self.house, as_of)
        if self.people.open_gate(result.at_gate):
            result = run_night(self.house, as_of)
        done = self.people.work(as_of, at_once=True)
        if result.state == "failed":
            self.failed_nights.append(f"{as_of:%Y-%m-%d %H:%M}")
        self.box.read_answers(night)
        return not (found or done or self._has_more_to_say(result.run.run_id))

    def _has_more_to_say(self, run_id: int) -> bool:
        """Whether something was said in the run, or waits to be said."""
        asked = sa.text(
            "SELECT EXISTS (SELECT FROM ledger.file WHERE run_id = :run_id"
            " AND direction = 'issuer_to_exchange' AND kind IN ('enrollment', 'ta1'))"
            " OR EXISTS (SELECT FROM book.decision WHERE state IN ('open', 'held', 'released'))"
        )
        with self.house.engine.connect() as conn:
            return bool(conn.execute(asked, {"run_id": run_id}).scalar_one())

    def _judge_night(self, night: int, result: NightResult) -> None:
        if result.state == "failed":
            self.failed_nights.append(f"night {night}")
        levels = {"files": "files", "sets": "transaction sets", "members": "members"}
        received = {
            (row["partner_id"], row["level"]): row["received"] for row in result.balance.to_pylist()
        }
        if night > 1:
            return  # files of the exchange's own answers come in between
        for partner_id, totals in self.box.sent_totals(night).items():
            same = all(
                received.get((partner_id, level), 0) == totals[name]
                for name, level in levels.items()
            )
            self.findings.append(Finding(f"All that {partner_id} was sent came in", same))

    def _judge(self, summaries: list[AnswerSummary]) -> None:
        """What the exchange says of all nights, the last one first, and what both sides hold."""
        reckoning = Reckoner(self.box, self.carrier, self.nights + 1).reckon()
        self.findings += [
            *of_answers(summaries, reckoning),
            *of_confirmation(reckoning),
            *of_faults(self.house, reckoning),
            *of_books(self.house, self.box, self._clock(self.nights + 2)),
            *of_breaks(self.house, self.carrier, self.nights + 1),
            *of_trail(self.house),
        ]


def _announce(night: int, as_of: datetime) -> None:
    clock = f", {as_of:%Y-%m-%d %H:%M %Z}"
    terminal.out.print(Text.assemble((f"Night {night}", "bold"), clock))
