"""How the month goes at each exchange, as data: `monthly/<exchange>.toml`, read once."""

import re
from datetime import datetime, tzinfo
from functools import cache
from importlib.resources import files
from typing import Literal
from zoneinfo import ZoneInfo

from schemas.errors import Terminal
from schemas.monthly_layouts import LayoutRow, read_layout
from schemas.partners import Partner


class DisputeWindow(LayoutRow):
    """How long a difference may be disputed, counted in calendar days from the answer."""

    days: int
    when_closed: Literal["before", "after"]
    confirmed: bool
    source: str


class PreAudit(LayoutRow):
    """The file in which an exchange tells all enrollments of a coverage year, unasked."""

    layout: str
    name: str  # a pattern; its group `year` is the last digit of the coverage year
    confirmed: bool  # the name


class MonthlyExchange(LayoutRow):
    """What an exchange reads and answers each month. `rcni`: none where its layout is not known."""

    id: str
    rcni: str | None = None
    answer: Literal["rcno", "georgia-discrepancy"]
    file_name: str
    answer_name: str  # a pattern; its group `year` is the coverage year, or the last digit of it
    time_zone: str
    confirmed: bool
    dispute: DisputeWindow
    pre_audit: PreAudit | None = None  # none is sent, or its layout is not known

    @property
    def zone(self) -> tzinfo:
        """The exchange's clock."""
        return ZoneInfo(self.time_zone)

    def is_answer(self, name: str) -> bool:
        """Whether a file of that name answers a monthly file."""
        return re.fullmatch(self.answer_name, name) is not None

    def is_pre_audit(self, name: str) -> bool:
        """Whether a file of that name is a pre-audit file."""
        return self.pre_audit is not None and re.fullmatch(self.pre_audit.name, name) is not None

    def year_of(self, name: str, now: datetime) -> int | None:
        """The coverage year of a file by its name; of a digit the year that is nearest.

        None where the name says nothing.
        """
        audited = self.pre_audit.name if self.pre_audit is not None else None
        named = (form for form in (self.answer_name, audited) if form is not None)
        found = next(filter(None, (re.fullmatch(form, name) for form in named)), None)
        if found is None:
            return None
        told = int(found["year"])
        near = (now.year, now.year + 1, now.year - 1, *range(now.year - 5, now.year + 5))
        return told if told > 9 else next(year for year in near if year % 10 == told)

    def name_for(self, partner: Partner, coverage_year: int, made_at: datetime) -> str:
        """The name of the partner's monthly file."""
        local = made_at.astimezone(self.zone)
        return self.file_name.format(
            trading_partner=partner.trading_partner_id,
            hios_issuer_id=partner.hios_issuer_id,
            coverage_year=coverage_year,
            year_digit=coverage_year % 10,
            date=local,
            milliseconds=local.microsecond // 1000,
            environment=partner.usage_indicator,
        )


def knows_month(exchange_id: str) -> bool:
    """Whether anything is known of a monthly reconciliation with that exchange."""
    return (files("schemas") / "monthly" / f"{exchange_id}.toml").is_file()


def kind_by_name(exchange_id: str, name: str) -> Literal["month_answer", "pre_audit"] | None:
    """What a file of that name is to the month at the exchange; None where it is none of it."""
    if not knows_month(exchange_id):
        return None
    month = load_month(exchange_id)
    if month.is_answer(name):
        return "month_answer"
    return "pre_audit" if month.is_pre_audit(name) else None


@cache
def load_month(exchange_id: str) -> MonthlyExchange:
    """The month at that exchange. Raises Terminal when nothing is known of it."""
    if not knows_month(exchange_id):
        raise Terminal(
            f"Nothing is known of a monthly reconciliation with {exchange_id}. "
            f"Write schemas/monthly/{exchange_id}.toml from its guide."
        )
    return read_layout(exchange_id, MonthlyExchange)
