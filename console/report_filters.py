"""The filters of an auditor's page: days, partner, insurance line and plan year, in its address."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.compute as pc
from fastapi import HTTPException

from console.visits import Visit
from reconciliation.reports import Asked

_DAYS = 31  # that a page tells of where its address names none
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)  # so that days can be counted from it
_LAST_NIGHT = "SELECT coalesce(max(as_of), now()) AS at FROM ledger.run"


@dataclass(frozen=True)
class Filters:
    """What a page is asked to tell of. `of_page` is what else its address names."""

    asked: Asked
    partner: str
    line: str
    year: str

    @property
    def as_given(self) -> dict[str, str]:
        """As the address has them."""
        return {
            "from": str(self.asked.since),
            "to": str(self.asked.until),
            "partner": self.partner,
            "line": self.line,
            "year": self.year,
        }

    def address(self, path: str, **more: object) -> str:
        """A path with these filters and more; empty ones are left out."""
        given = {**self.as_given, **{name: str(value) for name, value in more.items() if value}}
        return f"{path}?{urlencode({name: value for name, value in given.items() if value})}"

    def of(self, table: pa.Table) -> pa.Table:
        """The rows of the line and plan year; a table that has no such columns as it is."""
        for name, wanted in (("insurance_line", self.line), ("plan_year", self.year)):
            if wanted and name in table.column_names:
                table = table.filter(pc.equal(table[name], wanted))
        return table


def filters_of(visit: Visit, given: Mapping[str, str]) -> Filters:
    """The filters that an address or a form names.

    HTTPException 404 for a partner that the person does not see, or when there is none: a report
    without partners would be one of all.
    """
    partner = given.get("partner", "")
    partners = [one for one in visit.partners if partner in ("", one)]
    if not partners:
        raise HTTPException(404)
    last: datetime = visit.ask_house(_LAST_NIGHT)[0].at
    until = _day(given.get("to", "")) or last.astimezone(UTC).date()
    since = _day(given.get("from", "")) or until - timedelta(days=_DAYS - 1)
    asked = Asked(min(since, until), until, tuple(partners))
    return Filters(asked, partner, given.get("line", "")[:20], given.get("year", "")[:20])


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if _FIRST_DAY <= day <= _LAST_DAY else None
