"""What of a month needs no person: each partner's RCNI is written, proved and kept.

A person releases it (`edi834 month send`), a night sends it, and nights take the answer in.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from pipeline.month import remember_rcni
from pipeline.wiring import House
from reconciliation.months import month_files
from schemas.monthly_exchanges import knows_month, load_month

# The year of a segment is the one in which it begins (CMS guide 7.2, section 6.9).
_YEARS = """
SELECT DISTINCT CAST(extract(year FROM benefit_begin) AS int) AS year
FROM book.effective_coverage
WHERE partner_id = :partner_id AND known_to = 'infinity'
  AND extract(year FROM benefit_begin) = ANY(:years)
ORDER BY year
"""


@dataclass(frozen=True)
class ToTell:
    """A coverage year of which a partner tells the exchange."""

    partner_id: str
    coverage_year: int


def to_tell(house: House, as_of: datetime) -> list[ToTell]:
    """The coverage years of the month: this year and the next one, where the book has coverage.

    Only of partners whose exchange's layout is known.
    """
    years = [as_of.year, as_of.year + 1]
    found = []
    with house.engine.connect() as conn:
        for partner_id in house.partner_ids:
            exchange = house.partner(partner_id).exchange
            if not knows_month(exchange) or load_month(exchange).rcni is None:
                continue
            asked = {"partner_id": partner_id, "years": years}
            found += [
                ToTell(partner_id, year) for year in conn.execute(sa.text(_YEARS), asked).scalars()
            ]
    return found


def tell(house: House, what: ToTell, as_of: datetime) -> int:
    """The id of the monthly file of that year and month, which is written once.

    It waits for a person. Raises Terminal when its proof fails.
    """
    known = _known(house, what, as_of)
    if known is None:
        remember_rcni(house, what.partner_id, what.coverage_year, as_of)
        known = _known(house, what, as_of)
    assert known is not None
    return known


def _known(house: House, what: ToTell, as_of: datetime) -> int | None:
    with house.engine.connect() as conn:
        mine = [
            row["month_file_id"]
            for row in month_files(conn, what.partner_id)
            if (row["kind"], row["coverage_year"], row["month"])
            == ("rcni", what.coverage_year, f"{as_of:%Y%m}")
        ]
    return min(mine, default=None)
