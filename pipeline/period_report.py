"""A report on reconciliations of some days: its tables, what it is about, and its bytes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import sqlalchemy as sa

from pipeline.wiring import House
from reconciliation.measures import Clocks, measures_of
from reconciliation.report_breaks import breaks_of, causes_of, last_waivers_of, waivers_of
from reconciliation.reports import Asked, figures_of, rates_of, rules_of
from schemas.comparison import load_comparison
from schemas.errors import Terminal
from schemas.partners import load_exchange, load_partners
from schemas.report_tables import ABOUT, DEFINITIONS

WAIVERS_MOST = 50  # on a page


@dataclass(frozen=True)
class Report:
    """The tables of a report by name, in the order of reading, and by which rules nights worked."""

    asked: Asked
    tables: Mapping[str, pa.Table]
    rules: tuple[str, ...]

    @cached_property
    def run_ids(self) -> tuple[int, ...]:
        """The runs whose looks it tells of."""
        return tuple(sorted(set(self.tables["figures"]["run_id"].to_pylist())))

    @property
    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        return {name: table.num_rows for name, table in self.tables.items()}

    @property
    def filters(self) -> dict[str, object]:
        """What was asked for, as it is recorded."""
        return {
            "from": str(self.asked.since),
            "to": str(self.asked.until),
            "partners": list(self.asked.partner_ids) or ["all"],
        }

    @property
    def about(self) -> pa.Table:
        """Filters, runs, rows, rules and definitions, a line each (ABOUT)."""
        comparison = load_comparison()
        told = {
            "from": str(self.asked.since),
            "to": str(self.asked.until),
            "partners": ", ".join(self.asked.partner_ids) or "all",
            "runs": ", ".join(map(str, self.run_ids)),
            **{f"rows of {name}": str(count) for name, count in self.rows.items()},
            "rules of the comparison": f"{comparison.id} {comparison.version}",
            "rules of the nights": ", ".join(self.rules),
            "conservation": "The parts of each look are all of it, on both sides: checked.",
            **{f"what it means: {name}": text for name, text in DEFINITIONS.items()},
        }
        return pa.table([list(told), list(told.values())], schema=ABOUT)

    @property
    def as_bytes(self) -> bytes:
        """All of it as JSON in UTF-8: the same figures give the same bytes."""
        told = {"about": self.about, **self.tables}
        written = {
            name: {"columns": table.column_names, "rows": _rows(table)}
            for name, table in told.items()
        }
        return (json.dumps(written, ensure_ascii=False, indent=1) + "\n").encode()


def _rows(table: pa.Table) -> list[list[object]]:
    """Dollars as texts with their cents, so that nothing is rounded on the way."""
    columns = [
        table[name].cast(pa.string()).to_pylist()
        if pa.types.is_decimal(table.schema.field(name).type)
        else table[name].to_pylist()
        for name in table.column_names
    ]
    return [list(row) for row in zip(*columns, strict=True)]


@dataclass(frozen=True)
class Overview:
    """What a page shows of a report: no rows of single breaks but those that persons let stand."""

    rates: pa.Table  # RATES
    measures: pa.Table  # MEASURES
    causes: pa.Table  # report_breaks.CAUSES
    waivers: pa.Table  # WAIVERS, the newest of them
    run_ids: frozenset[int]


def overview_of(
    conn: sa.Connection, asked: Asked, clocks: Clocks, line: str = "", year: str = ""
) -> Overview:
    """The overview of those days; breaks of one insurance line or plan year where it is given."""
    figures = figures_of(conn, asked)
    return Overview(
        rates_of(figures),
        measures_of(conn, asked, clocks),
        causes_of(conn, asked, line, year),
        last_waivers_of(conn, asked, line, year, WAIVERS_MOST),
        frozenset(figures["run_id"].to_pylist()),
    )


def read_report(house: House, asked: Asked) -> Report:
    """The report of those days.

    Raises Terminal when a partner is not known, when there was no reconciliation in that time, or
    when the parts of one are not all of it.
    """
    for partner_id in asked.partner_ids:
        house.partner(partner_id)
    with house.engine.connect() as conn:
        report = report_of(conn, asked, clocks_of(house))
    if not report.tables["figures"].num_rows and not report.tables["breaks"].num_rows:
        raise Terminal(
            f"There is no reconciliation from {asked.since} to {asked.until}. Check --from, --to "
            "and --partner."
        )
    return report


def clocks_of(house: House) -> Clocks:
    """The clock of each partner's exchange."""
    partners = load_partners(house.settings.partners).values()
    return Clocks({partner.id: load_exchange(partner.exchange) for partner in partners})


def report_of(conn: sa.Connection, asked: Asked, clocks: Clocks) -> Report:
    """The report of those days, whatever is in it."""
    figures = figures_of(conn, asked)
    tables = {
        "rates": rates_of(figures),
        "measures": measures_of(conn, asked, clocks),
        "breaks": breaks_of(conn, asked),
        "waivers": waivers_of(conn, asked),
        "figures": figures,
    }
    return Report(asked, tables, tuple(rules_of(conn, asked)))
