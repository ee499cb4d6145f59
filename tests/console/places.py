"""Where each page of the console is found in the seeded night, by the path of its route."""

import sqlalchemy as sa

from ledger.corrections import Word
from ledger.sign_offs import Signer
from ledger.what_ifs import keep_answer
from pipeline.signing import prepare_period
from pipeline.whatif import Question, what_if
from pipeline.whatif_report import as_object
from reconciliation.report_figures import add_up_payments
from reconciliation.reports import Asked
from schemas.rule_sets import changes_in, read_changes
from tests.cases.world import HARBOR

PLACES = {
    "/": lambda _: "/",
    "/sign-in": lambda _: "/sign-in",
    "/files": lambda _: "/files",
    "/files/{file_id}": lambda opened: f"/files/{_file(opened)}",
    "/files/{file_id}/again": lambda opened: f"/files/{_apart(opened)}/again?rules=released",
    "/partners": lambda _: "/partners",
    "/held": lambda _: "/held",
    "/held/outgoing/{hold_id}": lambda opened: f"/held/outgoing/{_hold(opened)}",
    "/account": lambda _: "/account",
    "/accounts": lambda _: "/accounts",
    "/reconciliation": lambda _: "/reconciliation",
    "/reconciliation/breaks": lambda _: "/reconciliation/breaks",
    "/reconciliation/breaks/{break_id}": lambda opened: f"/reconciliation/breaks/{_break(opened)}",
    "/reconciliation/files/{file_id}": (
        lambda opened: f"/reconciliation/files/{payments_of(opened)}"
    ),
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
    "/what-ifs": lambda opened: f"/what-ifs?before={what_if_of(opened) + 1}",
    "/what-ifs/{what_if_id}": lambda opened: f"/what-ifs/{what_if_of(opened)}",
    "/triage": lambda _: "/triage",
    "/triage/disputes": lambda _: "/triage/disputes",
    "/triage/pairs": lambda _: "/triage/pairs",
    "/triage/pairs/{match_id}": lambda opened: f"/triage/pairs/{_pair(opened)}",
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


def what_if_of(opened):
    """A kept answer: what would be if wrong dates were only warned of."""
    known = opened.rows("SELECT min(what_if_id) AS number FROM ledger.what_if")
    if known[0].number:
        return known[0].number
    house = opened.world.house
    folder = opened.world.house.settings.home / "changed" / "rules"
    folder.mkdir(parents=True)
    changed = '[[rules]]\nid = "element-date-invalid"\nseverity = "warning"\n'
    (folder / "dates.toml").write_text(changed, "utf-8")
    partners = house.settings.partners
    (night,) = opened.rows("SELECT min(as_of) AS at FROM ledger.run")
    day = night.at.date()
    question = Question(read_changes(folder.parent, partners), day, day, HARBOR)
    answer = what_if(house, question, lambda _: None)
    found = as_object(question, answer, changes_in(question.rulebook, partners))
    with house.engine.begin() as conn:
        return keep_answer(conn, HARBOR, found, Word("Ada Price", "ada", "Before we ask CMS."))


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


_PAID = """
INSERT INTO reconciliation.premium_month (file_id, row_ordinal, category, exchange_policy_id, month,
  amount_type, expected, paid_before, payments, charges, adjusted, difference, payment_count,
  byte_start, byte_end)
SELECT :file_id, row_number() OVER (ORDER BY exchange_policy_id),
  CASE WHEN amount > 100 THEN 'short' ELSE 'agreed' END, exchange_policy_id, valid_from, 'aptc',
  amount, 0, least(amount, 100), 0, 0, least(amount, 100) - amount, 1, 0, 105
FROM book.amount WHERE name = 'APTC AMT' AND partner_id = :partner AND known_to = 'infinity'
"""


def payments_of(opened):
    """A posted file of payments for the policies of one partner, made where there is none."""
    known = opened.rows("SELECT min(file_id) AS file_id FROM reconciliation.premium_file")
    if known[0].file_id:
        return known[0].file_id
    with opened.world.house.engine.begin() as conn:
        file_id = conn.execute(
            sa.text(
                "INSERT INTO ledger.file (direction, partner_id, name, kind, sha256, size_bytes,"
                " storage_key, run_id, recorded_at, state) SELECT direction, partner_id,"
                " 'OPR.I820.D261201.T180000000.P', 'payment', sha256, size_bytes, storage_key,"
                " run_id, recorded_at, 'applied' FROM ledger.file WHERE partner_id = :partner"
                " AND size_bytes > 1000 ORDER BY file_id LIMIT 1 RETURNING file_id"
            ),
            {"partner": HARBOR},
        ).scalar_one()
        told = {"file_id": file_id, "partner": HARBOR}
        conn.execute(
            sa.text(
                "INSERT INTO reconciliation.premium_file (file_id, partner_id, run_id, stated,"
                " expected, payments, book_sha256) SELECT :file_id, :partner, 1,"
                " sum(least(amount, 100)), sum(amount), count(*), repeat('0', 64) FROM book.amount"
                " WHERE name = 'APTC AMT' AND partner_id = :partner AND known_to = 'infinity'"
            ),
            told,
        )
        conn.execute(sa.text(_PAID), told)
        add_up_payments(conn, file_id)
    return file_id


def _file(opened):
    (row,) = opened.rows(
        "SELECT min(file_id) AS file_id FROM ledger.file WHERE size_bytes > 1000"
        " AND direction = 'exchange_to_issuer'"
    )
    return row.file_id


def _apart(opened):
    """A file that is set apart, of which something could be taken in."""
    (row,) = opened.rows(
        "SELECT min(file_id) AS file_id FROM ledger.file WHERE state = 'quarantined'"
        " AND verdict = 'rejected'"
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


def _pair(opened):
    """A pair of a member with a record of the carrier, proposed where there is none."""
    made = """
INSERT INTO reconciliation.match (partner_id, book_policy_id, book_member_id, carrier_policy_id,
  carrier_member_id, state, how, weight, reasons, first_seen, last_seen, last_run_id, version)
SELECT b.partner_id, b.exchange_policy_id, b.exchange_member_id, b.exchange_policy_id,
  b.exchange_member_id, 'proposed', 'likeness', 3.5, ARRAY['last_name: the same, +3.5'], now(),
  now(), r.run_id, 0
FROM (SELECT max(run_id) AS run_id FROM reconciliation.result) r, book.member b
WHERE b.partner_id = :partner AND b.known_to = 'infinity'
ORDER BY b.exchange_policy_id LIMIT 1 RETURNING match_id
"""
    (known,) = opened.rows("SELECT min(match_id) AS match_id FROM reconciliation.match")
    if known.match_id:
        return known.match_id
    with opened.world.house.engine.begin() as conn:
        return conn.execute(sa.text(made), {"partner": HARBOR}).scalar_one()


def _case(opened):
    (row,) = opened.rows("SELECT min(case_id) AS case_id FROM ledger.case WHERE kind = 'rejected'")
    return row.case_id
