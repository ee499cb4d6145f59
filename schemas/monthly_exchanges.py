"""How the month goes at each exchange, as data: `monthly/<exchange>.toml`, read once."""

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


class MonthlyExchange(LayoutRow):
    """What an exchange reads and answers each month. `rcni`: none where its layout is not known."""

    id: str
    rcni: str | None = None
    answer: Literal["rcno", "georgia-discrepancy"]
    file_name: str
    time_zone: str
    confirmed: bool
    dispute: DisputeWindow

    @property
    def zone(self) -> tzinfo:
        """The exchange's clock."""
        return ZoneInfo(self.time_zone)

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


@cache
def load_month(exchange_id: str) -> MonthlyExchange:
    """The month at that exchange. Raises Terminal when nothing is known of it."""
    known = files("schemas") / "monthly" / f"{exchange_id}.toml"
    if not known.is_file():
        raise Terminal(
            f"Nothing is known of a monthly reconciliation with {exchange_id}. "
            f"Write schemas/monthly/{exchange_id}.toml from its guide."
        )
    return read_layout(exchange_id, MonthlyExchange)
