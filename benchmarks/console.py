"""`make bench-console`: how long the console's pages take where there is a year of nights.

A real night is copied to a year of nights by SQL (`benchmarks/console_rows.py`), the real console
is served over it, and every page of `tests/console/places.py` is asked for several times. What is
measured is the server's time, from the request to the last byte of the answer.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import sqlalchemy as sa
from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks import report
from benchmarks.console_rows import Size, fill
from ledger.server import embedded_url, open_engine
from tests.cases.world import World
from tests.console.places import PLACES, place_of
from tests.console.seeded import seeded_night, served
from tests.console.visitor import ALL, Opened

BUDGET_MS = 300
_SECTION = "# The console's pages"
_HOW = (
    "The server's time of each page, from the request to the last byte, on the embedded PostgreSQL "
    "as it comes, after ANALYZE: {rows}. One person asks, who has all roles and sees all partners. "
    f"The first time is left out; the budget is {BUDGET_MS} ms at the median."
)
_COUNTED = {
    "members": "book.member",
    "policies": "book.policy",
    "transaction sets": "ledger.transaction_set",
    "files": "ledger.file",
    "nights": "ledger.run",
    "issues": "ledger.issue",
    "cases": "ledger.case",
    "breaks": "reconciliation.break",
    "differences of nights": "reconciliation.difference",
    "rows of payments": "reconciliation.premium_month",
}


class Timed:
    """Measures each answer of an application: `taken` has the milliseconds of the last one."""

    taken = 0.0

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        begun = time.perf_counter()
        await self.app(scope, receive, send)
        Timed.taken = (time.perf_counter() - begun) * 1000


def main() -> None:
    """Measures, prints the table, and writes it to `benchmarks/RESULTS.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", required=True, help="printed in the results")
    parser.add_argument("--members", type=int, default=Size.members)
    parser.add_argument("--times", type=int, default=7, help="how often each page is asked for")
    options = parser.parse_args()
    size = Size(options.members)
    with _filled(size) as world, served(world, around=Timed) as opened:
        counts = _counts(world)
        taken = [(path, _taken(opened, path, options.times)) for path in sorted(PLACES)]
    rows = [
        (path, f"{median(times):.0f}", f"{max(times):.0f}", "" if _is_within(times) else "over")
        for path, times in taken
    ]
    section = "\n\n".join(
        (
            _SECTION,
            f"Measured on {options.date} by `make bench-console`, medians of {options.times}.",
            report.machine(),
            _HOW.format(rows=counts),
            report.table(("page", "median ms", "slowest ms", "budget"), rows),
        )
    )
    report.put_section(_SECTION, section)
    print(section)


def _is_within(times: list[float]) -> bool:
    return median(times) <= BUDGET_MS


@contextmanager
def _filled(size: Size) -> Iterator[World]:
    """A world whose one night has become a year of nights."""
    with tempfile.TemporaryDirectory(prefix="bench-console.") as folder:
        data = Path(folder) / "data"
        url = embedded_url(data, "console")
        with seeded_night(Path(folder), url) as world:
            owner = open_engine(url)
            with owner.begin() as conn:
                fill(conn, size)
            with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
                conn.exec_driver_sql("VACUUM ANALYZE")
                conn.exec_driver_sql("CHECKPOINT")
            owner.dispose()
            yield world


def _counts(world: World) -> str:
    with world.house.engine.connect() as conn:
        counted = [
            f"{conn.execute(sa.text(f'SELECT count(*) FROM {table}')).scalar_one():,} {name}"
            for name, table in _COUNTED.items()
        ]
    return ", ".join(counted)


def _taken(opened: Opened, path: str, times: int) -> list[float]:
    """The milliseconds of each time but the first that the page is asked for."""
    place = place_of(path, opened)  # type: ignore[no-untyped-call]
    token = None if path == "/sign-in" else opened.token(ALL)
    taken = []
    for _ in range(times + 1):
        answer = opened.get(place, token)
        if answer.status_code != 200:
            raise SystemExit(f"{place} answers {answer.status_code}: nothing was measured.")
        taken.append(Timed.taken)
    return taken[1:]


if __name__ == "__main__":
    main()
