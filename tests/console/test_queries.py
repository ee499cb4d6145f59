"""Every query of every page finds its rows by an index, in a year of nights."""

import json

import psycopg2.extensions
import pytest
import sqlalchemy as sa

from benchmarks.console_rows import Size, fill
from tests.console.places import PLACES, place_of
from tests.console.visitor import ALL

# Tables that stay small, whatever is received: to read them whole is the quickest.
SMALL = {
    "account": "people of the console",
    "session": "who was signed in; ended ones are few a day",
    "partner_owner": "a row for each partner",
    "run_owner": "a row for each night and whoever takes it up",
    "step_failure": "a row for each step that failed, which a person looks at",
    "run": "a row for each night",
    "premium_file": "a row for each 820, one a month of a partner",
    "signed_period": "a row for each month of a partner",
    "saved_view": "a few of each person",
    "rule_version": "a row for each change of the rules",
    "what_if": "a few that people keep",
    "audit_walk": "a row for each time that somebody verified the trail",
    "alert": "what was beyond its bound: a few a week",
}
# Indexes of what waits: they have what is open, and nothing else.
WAITING = ("ix_file_undelivered", "ix_gate_batch_open", "ix_hold_open")
# What a page is asked for besides its place.
ASKED = (
    "/files?state=quarantined",
    "/files?search=OPR.0",
    "/files?run=1",
    "/files?before=20",
    "/policies?id=20200000060",
    "/policies?id=10200000060",
    "/policies?id=nobody",
    "/reconciliation?partner=harbor-light-nc&line=HLT&year=2027",
    "/reconciliation?from=2027-05-01&to=2027-05-31",
    "/reconciliation/breaks?state=new&age=0-2",
    "/reconciliation/work/ta1_to_exchange",
    "/reconciliation/work/999_from_exchange",
    "/triage?work=case&owner=-",
    "/triage?work=break&due=today",
    "/triage/break/1",
    "/metrics",
)
_YEAR = Size(members=8_000, cases=4_000, breaks=4_000)
_READS = ("SELECT", "WITH", "UPDATE")
_COPY = "COPY ("


class Recording(psycopg2.extensions.cursor):
    """A cursor that remembers each statement as it was sent, with its values."""

    sent: list[str]

    def execute(self, query, parameters=None):
        super().execute(query, parameters)
        self._remember()

    def copy_expert(self, sql, file, size=8192):
        super().copy_expert(sql, file, size)
        self._remember()

    def _remember(self):
        text = self.query.decode().strip()
        if text.startswith(_COPY):
            text = text[len(_COPY) :].rpartition(") TO ")[0].strip()
        if text.startswith(_READS):
            self.sent.append(text)


@pytest.fixture(scope="module")
def queries(opened):
    """What the pages send, each statement once, with the page that sends it."""
    sent = {}
    engine = opened.app.state.console.house.engine
    recording = type("Recording", (Recording,), {"sent": []})

    def with_recorder(_dialect, _record, _arguments, parameters):
        parameters["cursor_factory"] = recording

    sa.event.listen(engine, "do_connect", with_recorder)
    engine.dispose()
    token = opened.token(ALL)
    for place in [place_of(path, opened) for path in sorted(PLACES)] + list(ASKED):
        recording.sent.clear()
        assert opened.get(place, token).status_code == 200, place
        sent |= {text: place for text in recording.sent if text not in sent}
    sa.event.remove(engine, "do_connect", with_recorder)
    engine.dispose()
    return sent


@pytest.fixture(scope="module")
def filled(opened):
    """A connection that sees a year of nights, which is rolled back afterwards."""
    with opened.world.house.engine.connect() as conn, conn.begin() as transaction:
        fill(conn, _YEAR)
        conn.exec_driver_sql("ANALYZE")
        yield conn
        transaction.rollback()


def _whole(plan, *, limited=False):
    """The tables that a plan reads whole: without an index, or all along one to the end."""
    limited = limited or plan["Node Type"] == "Limit"
    table = plan.get("Relation Name")
    if plan["Node Type"] == "Seq Scan":
        yield table
    is_walk = plan["Node Type"] in ("Index Scan", "Index Only Scan") and "Index Cond" not in plan
    if is_walk and not limited and plan["Index Name"] not in WAITING:
        yield f"{table} (all of {plan['Index Name']})"
    for part in plan.get("Plans", ()):
        yield from _whole(part, limited=limited)


def _read_whole(conn, text):
    """The growing tables that a statement has to read whole."""
    for instead in ("seqscan", "hashjoin", "mergejoin"):
        conn.exec_driver_sql(f"SET LOCAL enable_{instead} = off")
    (told,) = conn.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {text.replace('%', '%%')}").scalars()
    plan = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
    return sorted({table for table in _whole(plan) if table.split()[0] not in SMALL})


def test_no_page_reads_a_whole_table(queries, filled):
    """Neither what grows from night to night, nor an index of it from one end to the other."""
    found = [
        (place, tables, text)
        for text, place in queries.items()
        if (tables := _read_whole(filled, text))
    ]
    assert len(queries) > len(PLACES)
    assert not found, "\n\n".join(f"{place}: {tables}\n{text}" for place, tables, text in found)


def test_an_index_that_is_missing_is_noticed(queries, filled):
    """Without its index, a policy is looked for in all that was ever told, and it shows."""
    asked = [text for text in queries if "'10200000060'" in text and "SELECT DISTINCT" in text]
    assert asked
    assert [_read_whole(filled, text) for text in asked] == [[]] * len(asked)
    with filled.begin_nested() as before:
        filled.exec_driver_sql("DROP INDEX book.ix_event_set_policy")
        missing = [table.split()[0] for text in asked for table in _read_whole(filled, text)]
        before.rollback()
    assert set(missing) == {"event_set"}
