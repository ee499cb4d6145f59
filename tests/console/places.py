"""Where each page of the console is found in the seeded night, by the path of its route."""

import sqlalchemy as sa

from tests.cases.world import HARBOR

PLACES = {
    "/": lambda _: "/",
    "/sign-in": lambda _: "/sign-in",
    "/files": lambda _: "/files",
    "/files/{file_id}": lambda opened: f"/files/{_file(opened)}",
    "/held": lambda _: "/held",
    "/held/outgoing/{hold_id}": lambda opened: f"/held/outgoing/{_hold(opened)}",
    "/account": lambda _: "/account",
    "/accounts": lambda _: "/accounts",
    "/reveal": lambda opened: f"/reveal?field=segment&of={_file(opened)}-0-105",
}


def place_of(path, opened):
    """The address of a page that shows something."""
    return PLACES[path](opened)


def _file(opened):
    (row,) = opened.rows(
        "SELECT min(file_id) AS file_id FROM ledger.file WHERE size_bytes > 1000"
        " AND direction = 'exchange_to_issuer'"
    )
    return row.file_id


def _hold(opened):
    """A hold; where the night held nothing, one is made of what it has decided."""
    known = opened.rows("SELECT hold_id FROM book.hold ORDER BY hold_id LIMIT 1")
    if known:
        return known[0].hold_id
    with opened.world.house.engine.begin() as conn:
        made = sa.text(
            "INSERT INTO book.hold (partner_id, run_id, reasons, persons, state)"
            " SELECT :partner, max(run_id), ARRAY['12 policies would end; 5 are the bound.'], 2,"
            " 'held' FROM ledger.run RETURNING hold_id"
        )
        return conn.execute(made, {"partner": HARBOR}).scalar_one()
