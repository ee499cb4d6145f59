"""The demo as a command: killed at any time and run again, and what it leaves alone."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from ledger.server import embedded_url, open_engine
from pipeline.demo_home import DemoPlan, prepare_home
from pipeline.settings import Settings
from reconciliation.snapshots import freeze
from strongroom.files import parquet, read_clear
from strongroom.guards import guard
from strongroom.keyring import Keyring
from tests.cases.commands import run_edi834

PARTNERS = ("cedar-valley-tx", "harbor-light-nc")
SEED = 5
PLAN = ("demo", "--members", "60", "--seed", "3")


@dataclass(frozen=True)
class Demo:
    """A home and the command that plays in it."""

    home: Path

    @property
    def environment(self):
        """The settings of each command."""
        waits = {"EDI834_SETTLE_SECONDS": "0", "EDI834_WIRE_WAIT_SECONDS": "0"}
        return {"EDI834_HOME": str(self.home), **waits}

    def start(self):
        """The demo as a process of its own."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("EDI834_")}
        return subprocess.Popen(
            [Path(sys.executable).parent / "edi834", *PLAN],
            env=kept | self.environment,
            cwd=self.home.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments):
        """The exit code, standard output and standard error of a demo, or another command."""
        ended = run_edi834(self.home.parent, arguments or PLAN, self.environment)
        return ended.code, ended.out, ended.err

    def rows(self, statement):
        """What a query on the demo's database gives."""
        engine = open_engine(embedded_url(self.home / "postgresql"))
        try:
            with engine.connect() as conn:
                return [tuple(row) for row in conn.execute(sa.text(statement))]
        finally:
            engine.dispose()

    def stop_server(self):
        """Stops the demo's PostgreSQL: a killed process never signs off from it."""
        running = self.home / "postgresql" / "postmaster.pid"
        if running.exists():
            os.kill(int(running.read_text().split()[0]), signal.SIGINT)

    def processed(self, partner_id):
        """Names of our files that the exchange has read."""
        folder = self.home / "exchange" / "mailboxes" / partner_id / "processed"
        return sorted(path.name for path in folder.iterdir())


def balance(out):
    """The rows of the balance in what a demo printed."""
    found = [
        line for line in out.splitlines() if line.startswith(tuple(f"│ {p}" for p in PARTNERS))
    ]
    assert found
    return found


FILES = (
    "SELECT direction, partner_id, name, kind, state, verdict, sha256 FROM ledger.file"
    " ORDER BY direction, partner_id, name"
)
BOOK = (
    "SELECT partner_id, exchange_policy_id, status, plan_id, benefit_begin, benefit_end"
    " FROM book.policy WHERE known_to = 'infinity' ORDER BY 1, 2"
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A demo that nobody disturbed, what it printed, and how long it took in seconds."""
    demo = Demo(tmp_path_factory.mktemp("undisturbed") / "home")
    began = time.monotonic()
    code, out, err = demo.run()
    assert code == 0, err
    took = time.monotonic() - began
    keys = Keyring(demo.home.with_name("home.keys.toml"))
    for name in ("tables", "reports"):
        guard(demo.home / name, keys)
    yield demo, out, took
    for name in ("tables", "reports"):
        guard(demo.home / name, None)


@pytest.mark.parametrize(
    ("part", "replays"),
    [
        pytest.param(0, True, marks=pytest.mark.soak),
        (1, False),
        pytest.param(2, True, marks=pytest.mark.soak),
    ],
)
def test_a_killed_demo_ends_in_the_same_balance(undisturbed, tmp_path, part, replays, request):
    """Killed at a moment of each third of its time and run again: same files, bytes and book.

    The audit trail of both lives together is one whole chain. What it tells is worked again to the
    same bytes and rows; that takes as long as all of its nights, so soak does it.
    """
    reference, out, duration = undisturbed
    demo = Demo(tmp_path / "home")
    request.addfinalizer(demo.stop_server)
    process = demo.start()
    time.sleep(duration * (0.2 + 0.26 * (part + random.Random(f"{SEED}/{part}").random())))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    code, out_again, err = demo.run()
    ends = re.findall("The audit trail ends with (.*)", out_again)
    code_of_verify, told, _ = demo.run("audit", "verify", "--anchor", ends[-1])
    code_of_replay, replayed, _ = demo.run("replay") if replays else (0, "identical", "")

    assert code == 0, err
    assert "Traceback" not in err
    assert code_of_verify == 0, told
    assert code_of_replay == 0, replayed
    assert replayed.splitlines()[-1] == "identical"
    assert balance(out_again) == balance(out)
    assert demo.rows(FILES) == reference.rows(FILES)
    assert demo.rows(BOOK) == reference.rows(BOOK)
    for partner_id in PARTNERS:
        assert demo.processed(partner_id) == reference.processed(partner_id)


INSTALLATIONS = {
    "landing": lambda home: (home / "landing").mkdir(),
    "postgresql": lambda home: (home / "postgresql").mkdir(),
    "edi834.toml": lambda home: (home / "edi834.toml").write_text("settle_seconds = 1\n"),
}


@pytest.mark.parametrize("holds", INSTALLATIONS)
def test_a_demo_refuses_a_home_that_holds_an_installation(tmp_path, holds):
    """Landing zone, database or configuration of somebody's: nothing is touched."""
    demo = Demo(tmp_path / "home")
    demo.home.mkdir()
    INSTALLATIONS[holds](demo.home)
    code, out, err = demo.run()

    assert code == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "Set EDI834_HOME to another folder" in err
    assert {path.name for path in demo.home.iterdir()} <= {holds, "demo.lock"}


def test_a_demo_keeps_away_from_configured_mailboxes(tmp_path):
    """An `edi834.toml` in the current folder configures real mailboxes: the demo does not start."""
    demo = Demo(tmp_path / "home")
    (tmp_path / "edi834.toml").write_text(
        '[mailboxes.cedar-valley-tx]\nhost = "h"\nusername = "u"\nprivate_key = "k"\nhost_key = "k"'
    )
    code, _, err = demo.run()

    assert code == 2
    assert "a demo must not touch it" in err
    assert not demo.home.exists()


def test_the_book_names_the_files_that_told_it(undisturbed):
    """`book POLICY` after a demo; the next step that it suggests shows the bytes that it names."""
    demo, _, _ = undisturbed
    ((policy,),) = demo.rows(
        "SELECT exchange_policy_id FROM book.event_set WHERE state = 'applied'"
        " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    )
    code, report, _ = demo.run("book", policy)
    _, as_json, _ = demo.run("book", policy, "--json")
    told = json.loads(as_json)["told"]
    (suggested,) = re.findall(r"edi834 (show .*)", report)
    code_of_show, tree, _ = demo.run(*suggested.split())
    code_of_unknown, out, err = demo.run("book", "[/nobody]")

    assert code == code_of_show == 0
    assert "INS*Y*" in tree
    assert len(told) > 1
    for one in told:
        place = f"{one['file']}, set {one['set_ordinal']}, bytes {one['byte_start']}-"
        assert place in report
    assert (code_of_unknown, out) == (1, "")
    assert err.startswith("edi834: no policy [/nobody] in the book, and nothing was told of one.")


def test_what_is_open_after_a_demo_is_told(undisturbed):
    """The change for a policy that was never sent waits: as a table, as JSON, by exit code."""
    demo, _, _ = undisturbed
    code, table, _ = demo.run("open-items")
    _, as_json, _ = demo.run("open-items", "--partner", "cedar-valley-tx", "--json")
    code_of_nobody, _, err = demo.run("open-items", "--partner", "nobody")
    waiting = json.loads(as_json)

    assert code == 1
    assert {(row["kind"], row["reason"]) for row in waiting} == {("waits", "unknown-policy")}
    assert all(row["exchange_policy_id"] in table for row in waiting)
    assert code_of_nobody == 2
    assert "No trading partner 'nobody'" in err


def test_two_snapshots_of_a_demo_are_compared_again(undisturbed, tmp_path):
    """`reconcile` on frozen snapshots finds what the night found, and nothing against the book."""
    demo, _, _ = undisturbed
    folder = next(iter(demo.home.glob("reports/*/cedar-valley-tx/reconciliation")))
    book, carrier = folder / "book", folder / "carrier"
    code, out, _ = demo.run(
        *("reconcile", "--book", book, "--carrier", carrier, "--out", tmp_path / "again", "--json")
    )
    believed, theirs = (
        pq.read_table(parquet(side / "members.parquet")) for side in (book, carrier)
    )
    believed = believed.select(theirs.column_names)
    freeze(believed, tmp_path / "believed", "members")
    code_of_same, told, _ = demo.run(
        *("reconcile", "--book", book, "--carrier", tmp_path / "believed"),
        *("--out", tmp_path / "same"),
    )

    assert (code, code_of_same) == (1, 0), told
    assert json.loads(out) == json.loads(read_clear(folder / "summary.json"))["counts"]
    again = (tmp_path / "again" / "differences.parquet").read_bytes()
    assert again == read_clear(folder / "differences.parquet")


@pytest.mark.control("no-phi-in-logs")
def test_what_people_and_partners_are_shown_holds_no_person(undisturbed, tmp_path):
    """No name, SSN or birth date in the terminal, in error reports, or in what holds states."""
    demo, out, _ = undisturbed
    trail = tmp_path / "trail.jsonl"
    assert demo.run("audit", "export", trail)[0] == 0
    later = ("--as-of", "2026-12-31T00:00:00Z")
    code, night, err = demo.run("night", *later)  # its mailboxes are gone: it fails, and says so
    reports = [p for p in demo.home.rglob("reports/**/*") if p.suffix in (".csv", ".html", ".json")]
    sent = list(demo.home.rglob("processed/*.csv"))
    policies = demo.rows("SELECT DISTINCT exchange_policy_id FROM book.policy ORDER BY 1 LIMIT 3")
    asked = [demo.run("book", *of, *how)[1] for of in policies for how in ((), ("--json",))]
    told = [
        out,
        night,
        err,
        *asked,
        *(read_clear(path).decode() for path in [*reports, *sent, trail]),
    ]

    assert code == 2
    assert reports
    assert sent
    named = re.compile(rf"\b(?:{'|'.join(map(re.escape, persons(demo)))})\b", re.IGNORECASE)
    assert [text for text in told if named.search(text)] == []


def persons(demo):
    """SSNs, birth dates and last names in the members tables of the demo."""
    values = set()
    for path in demo.home.glob("tables/*/members.parquet"):
        table = pq.read_table(parquet(path), columns=["ssn", "birth_date", "last_name"])
        values |= {value for value in table["ssn"].to_pylist() if value}
        values |= {value for value in table["last_name"].to_pylist() if value}
        for day in table["birth_date"].to_pylist():
            values |= {f"{day:%Y%m%d}", day.isoformat()} if day else set()
    assert len(values) > 50
    return values


def test_a_demo_begins_anew_once_one_has_ended(undisturbed, capsys):
    """The same does not go on where it has ended, and ends as before; nor does another one."""
    demo, out, _ = undisturbed
    (before,) = demo.rows("SELECT max(opened_at) FROM ledger.run")
    code, out_of_same, _ = demo.run()
    (after,) = demo.rows("SELECT min(opened_at) FROM ledger.run")

    assert code == 0
    assert before < after
    assert balance(out_of_same) == balance(out)

    other = DemoPlan(seed=4, nights=1, members=20, faults=0.0, airflow=False)
    prepare_home(Settings(home=demo.home), other)

    assert "is taken up where it stopped" not in out_of_same + capsys.readouterr().out
    for name in ("landing", "tables", "reports", "exchange"):
        assert not (demo.home / name).exists()
    engine = open_engine(embedded_url(demo.home / "postgresql", "postgres"))
    with engine.connect() as conn:
        left = conn.execute(sa.text("SELECT datname FROM pg_database")).scalars().all()
    engine.dispose()
    assert "postgres" in left
    assert "edi834" not in left
