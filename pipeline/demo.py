"""The demo: nights against an exchange in a box, until both sides' books can be compared.

Everything is real but the people: SFTP on loopback, the embedded PostgreSQL, the carrier's records
in a table and in extracts. A demo that was killed is taken up where it stopped.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from rich.text import Text

from pipeline import terminal
from pipeline.airflow_run import run_night_by_airflow
from pipeline.books import BookComparison, compare_books
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
from simulator.server import serve

FIRST_NIGHT = date(2026, 12, 1)
_EXCHANGE = "ffe"
_NIGHT_HOUR = time(19)  # after the exchange's drop of 18:00, in its own time zone
_WATCH_AFTER = timedelta(hours=2)  # the exchange answers at 20:00


@dataclass(frozen=True)
class Finding:
    """One thing that must hold at the end of a demo, and whether it does."""

    sentence: str
    holds: bool


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
        with open_house(settings) as house:
            findings = _Play(house, plan).run()
    holds = all(finding.holds for finding in findings)
    if holds:
        mark(settings, plan, finished=True)
    return holds


class _Play:
    """The exchange, the carrier and we, night by night."""

    def __init__(self, house: House, plan: DemoPlan) -> None:
        self.house = house
        self.plan = plan
        exchange = load_exchange(_EXCHANGE)
        self.zone = ZoneInfo(exchange.time_zone)
        self.box = ExchangeInABox(
            exchange_home(house.settings),
            seed=plan.seed,
            members=plan.members,
            first_night=FIRST_NIGHT,
            faults=plan.faults,
            partners=partners_of(_EXCHANGE),
            exchange=exchange,
        )
        self.carrier = CarrierCore(self.box, plan.seed)
        self.findings: list[Finding] = []

    def run(self) -> list[Finding]:
        for night in range(1, self.plan.nights + 1):
            self._night(night)
        nights = range(self.plan.nights, 0, -1)  # what waits still is of the last one
        summaries = [self.box.read_answers(night) for night in nights]
        self._watch_for_answers()
        comparison = compare_books(self.house, self.box.book(), self._clock(self.plan.nights + 1))
        self._judge_answers(summaries, comparison)
        show_files(self.house)
        show_findings([(finding.sentence, finding.holds) for finding in self.findings])
        return self.findings

    def _clock(self, night: int) -> datetime:
        day = FIRST_NIGHT + timedelta(days=night - 1)
        return datetime.combine(day, _NIGHT_HOUR, self.zone)

    def _night(self, night: int) -> None:
        """Sends, lets us work, and reads what we answered.

        Once the exchange has sent a later night, this one is over, answers and all.
        """
        as_of = self._clock(night)
        terminal.out.print(
            Text.assemble((f"Night {night}", "bold"), f", {as_of:%Y-%m-%d %H:%M %Z}")
        )
        is_over = self.box.state.nights_sent() > night
        if not is_over:
            with terminal.doing("The exchange sends, the carrier enrolls and takes payments"):
                self.box.send(night)
                self._write_carrier_records(night)
        result = self._work(as_of)
        show_night(result, open_items_by_kind(self.house))
        self._judge_night(night, result)
        if not is_over:
            with terminal.doing("The exchange reads what came and answers"):
                self.box.read_answers(night)

    def _work(self, as_of: datetime) -> NightResult:
        """The night's result; a night that an interrupted demo has closed is not run again."""
        closed = closed_night(self.house, as_of, self.house.partner_ids)
        if closed is not None:
            return closed
        if self.plan.airflow:
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

    def _watch_for_answers(self) -> None:
        """Fetches the exchange's TA1 and 999 for what we sent in the last night."""
        with terminal.doing("The exchange's acknowledgements are fetched"):
            result = run_night(self.house, self._clock(self.plan.nights) + _WATCH_AFTER)
        self._find("The exchange's acknowledgements were read", result.state != "failed")
        with self.house.engine.connect() as conn:
            refused = conn.execute(
                sa.text("SELECT count(*) FROM ledger.file WHERE state = 'refused'")
            ).scalar_one()
        self._find("The exchange refused none of our files", refused == 0)

    def _find(self, sentence: str, holds: bool) -> None:
        self.findings.append(Finding(sentence, holds))

    def _judge_night(self, night: int, result: NightResult) -> None:
        self._find(f"Night {night} balances", result.state != "failed")
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
            self._find(f"All that {partner_id} was sent came in", same)

    def _judge_answers(self, summaries: list[AnswerSummary], comparison: BookComparison) -> None:
        """What the exchange says of all nights, the last one first."""
        unanswered = summaries[0].interchanges_unanswered
        accepted = sum(sum(one.accepted.values()) for one in summaries)
        rejected = [found for one in summaries for found in one.rejected]
        faultless = [number for one in summaries for number in one.sets_rejected_without_fault]
        self._find("Every interchange sent to us has its TA1", unanswered == 0)
        self._find("No faultless set was rejected", not faultless)
        self._find(
            "The exchange understood every file", not any(one.not_understood for one in summaries)
        )
        self._find(f"The exchange accepted all {accepted:,} transactions of ours", not rejected)
        for policy_id, transaction, reasons in rejected[:10]:
            terminal.out.print(f"Rejected: {transaction} of policy {policy_id}: {reasons}")
        self._find(
            f"Both books agree on {comparison.policies:,} policies and {comparison.rows:,} members",
            comparison.agree,
        )
        for sentence in comparison.differences[:10]:
            terminal.out.print(f"The books differ: {sentence}", soft_wrap=True)
