"""Where each page of the console is found in the seeded night, by the path of its route."""

import sqlalchemy as sa

from ledger.sign_offs import Signer
from pipeline.signing import prepare_period
from reconciliation.reports import Asked
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
    "/reconciliation": lambda _: "/reconciliation",
    "/reconciliation/breaks": lambda _: "/reconciliation/breaks",
    "/reconciliation/breaks/{break_id}": lambda opened: f"/reconciliation/breaks/{_break(opened)}",
    "/reconciliation/looks/{run_id}": lambda _: "/reconciliation/looks/1",
    "/reconciliation/work/{measure}": lambda _: "/reconciliation/work/first_time_right",
    "/reconciliation/sample": lambda _: "/reconciliation/sample",
    "/reconciliation/periods": lambda _: "/reconciliation/periods",
    "/reconciliation/periods/{period_id}": (
        lambda opened: f"/reconciliation/periods/{_period(opened)}"
    ),
    "/policies": lambda _: "/policies",
    "/policies/{partner_id}/{policy}": lambda opened: f"{_policy(opened)}?month=1&belief=1",
    "/rules": lambda _: "/rules",
    "/rules/{rule_id}": lambda _: "/rules/element-date-invalid",
    "/triage": lambda _: "/triage",
    "/triage/{work}/{number}": lambda opened: f"/triage/case/{_case(opened)}",
    "/reveal": lambda opened: f"/reveal?field=segment&of={_file(opened)}-0-105",
}


def place_of(path, opened):
    """The address of a page that shows something."""
    return PLACES[path](opened)


def _break(opened):
    """A break of the first night, of a file with bytes where there is one."""
    (row,) = opened.rows(
        "SELECT break_id FROM reconciliation.break ORDER BY file_id IS NULL, break_id LIMIT 1"
    )
    return row.break_id


def _period(opened):
    """A prepared period of one partner, made where there is none."""
    found = opened.rows(
        "SELECT min(signed_period_id) AS number FROM ledger.signed_period"
        " WHERE partner_id = 'cedar-valley-tx'"
    )
    if found[0].number:
        return found[0].number
    (night,) = opened.rows("SELECT max(as_of) AS at FROM ledger.run")
    day = night.at.date()
    asked = Asked(day, day, ("cedar-valley-tx",))
    return prepare_period(opened.world.house, asked, Signer("Ada Price", "ada"), "All.")


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


def _policy(opened):
    (row,) = opened.rows(
        "SELECT partner_id, min(exchange_policy_id) AS policy FROM book.policy"
        " WHERE known_to = 'infinity' GROUP BY 1 ORDER BY 1 LIMIT 1"
    )
    return f"/policies/{row.partner_id}/{row.policy}"


def _case(opened):
    (row,) = opened.rows("SELECT min(case_id) AS case_id FROM ledger.case WHERE kind = 'rejected'")
    return row.case_id
