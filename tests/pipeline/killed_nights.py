"""A stage for one small night, on which it is played again and again from the same beginning.

Everything is real: OpenSSH, PostgreSQL, the command, and SIGKILL.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import sqlalchemy as sa

from ledger import audit
from ledger.server import open_engine

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
KILLED = 9

# What the clock of the wall or the order of attempts decides, and nothing else.
_NOT_COMPARED = {
    "ledger.audit_entry",  # verified instead
    "ledger.audit_pending",
    "ledger.run_owner",  # one more for each life
    "ledger.partner_owner",
    "ledger.carrier_reading",  # one more when it was read again; compared without repetitions
}
_OF_THE_WALL = {"opened_at", "closed_at", "first_used_at", "decided_at"}
_OF_COUNTED = {"book_sha256", "duplicate_of"}  # of files' numbers; names are compared instead


@dataclass(frozen=True)
class Ended:
    """How a command ended: by an exit code, or killed at a fault point of that name."""

    code: int | None
    killed_at: str | None
    out: str
    err: str


class Forks:
    """Commands in forks of one process; the first is run in that process itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        script = Path(__file__).with_name("forked_commands.py")
        root = str(Path(__file__).resolve().parents[2])
        self.process = subprocess.Popen(
            [sys.executable, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": root},
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> Ended:
        """Runs `edi834` with these arguments and no other settings than these."""
        out, err = self.folder / "out", self.folder / "err"
        order = {"arguments": arguments, "environment": environment}
        self.process.stdin.write(json.dumps(order | {"out": str(out), "err": str(err)}) + "\n")
        self.process.stdin.flush()
        status = int(self.process.stdout.readline())
        told = err.read_text()
        killed_at = None
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == KILLED
            killed_at = told.splitlines()[-1].partition(": fault point ")[2].partition(": ")[2]
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        return Ended(code, killed_at, out.read_text(), told)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@dataclass(frozen=True)
class Trial:
    """One play of the night, in folders and a database of its own."""

    folder: Path
    database_url: str
    as_of: str
    forks: Forks

    def night(self, fault_point: str | None = None) -> Ended:
        """`edi834 night`, to be killed at that fault point if one is given."""
        environment = {
            "EDI834_CONFIG": str(self.folder / "edi834.toml"),
            "EDI834_HOME": str(self.folder / "home"),
            "EDI834_DATABASE_URL": self.database_url,
        }
        if fault_point is not None:
            environment["EDI834_FAULT_POINT"] = fault_point
        return self.forks.run("night", "--as-of", self.as_of, "--json", **environment)

    def end_state(self, ended: Ended) -> dict[str, object]:
        """All that the night has left, but for what the clock of the wall decides."""
        night = json.loads(ended.out)
        engine = open_engine(self.database_url)
        with engine.connect() as conn:
            state = {
                "exit": ended.code,
                **{f"night: {key}": night[key] for key in ("run", "state", "balance", "failures")},
                **_tables(conn),
                **_checked_tables(conn, self.folder / "home" / "tables"),
                **_reports(conn, self.folder / "home" / "reports"),
                "files": _rows(conn, _FILES),
                "readings": sorted(set(_rows(conn, _READINGS))),
                "audit trail": audit.verify(audit.entries(conn)).fault,
                "unfinished": _unfinished(self.folder / "home"),
            }
        engine.dispose()
        for name in ("mailboxes", "home/landing"):
            state |= {f"{name}/{path}": what for path, what in _content(self.folder / name)}
        return state


_FILES = """
SELECT f.direction, f.name, f.sha256, f.state, f.verdict, f.delivered_at, a.name, d.name,
  (SELECT array_agg((i.interchange_ordinal, i.control_number, i.ta1_code)
     ORDER BY i.interchange_ordinal)
   FROM ledger.interchange i WHERE i.file_id = f.file_id),
  (SELECT array_agg((g.group_ordinal, g.control_number, g.ack) ORDER BY g.group_ordinal)
   FROM ledger.functional_group g WHERE g.file_id = f.file_id),
  (SELECT array_agg((s.set_ordinal, s.control_number, s.ack) ORDER BY s.set_ordinal)
   FROM ledger.transaction_set s WHERE s.file_id = f.file_id)
FROM ledger.file f LEFT JOIN ledger.file a ON a.file_id = f.answers_file_id
LEFT JOIN ledger.file d ON d.file_id = f.duplicate_of ORDER BY f.file_id
"""
_READINGS = "SELECT run_id, partner_id, members_key, payments_key FROM ledger.carrier_reading"
_COLUMNS = """
SELECT table_schema || '.' || table_name, column_name, data_type FROM information_schema.columns
JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema IN ('ledger', 'book', 'reconciliation') AND table_type = 'BASE TABLE'
ORDER BY 1, ordinal_position
"""


def _rows(conn: sa.Connection, statement: str) -> list[str]:
    return [str(tuple(row)) for row in conn.execute(sa.text(statement))]


def _tables(conn: sa.Connection) -> dict[str, object]:
    """The rows of every table without the numbers that the database counts up, in any order."""
    columns: dict[str, list[str]] = {}
    for table, name, kind in conn.execute(sa.text(_COLUMNS)).all():
        is_counted = kind == "bigint" and name.endswith("_id")
        if not (is_counted or table in _NOT_COMPARED or name in _OF_THE_WALL | _OF_COUNTED):
            columns.setdefault(table, []).append(name)
    return {
        table: sorted(_rows(conn, f"SELECT {', '.join(names)} FROM {table}"))
        for table, names in columns.items()
    }


def _checked_tables(conn: sa.Connection, folder: Path) -> dict[str, object]:
    """The tables of each checked file, by its name: its number depends on the attempts."""
    files = conn.execute(sa.text("SELECT file_id, name, recorded_at FROM ledger.file")).all()
    return {
        f"tables of {name} of {recorded_at}/{path}": what
        for file_id, name, recorded_at in files
        for path, what in _content(folder / str(file_id))
    }


def _reports(conn: sa.Connection, folder: Path) -> dict[str, object]:
    """The reports; what is of one file is told by its name, as its number depends on attempts."""
    files = conn.execute(sa.text("SELECT file_id, name FROM ledger.file")).all()
    names = {str(file_id): name for file_id, name in files}
    return {
        "reports/" + re.sub(r"(?<=/premium/)\d+", lambda found: names[found[0]], path): what
        for path, what in _content(folder)
    }


def _content(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a folder, but for what a killed process left unfinished.

    Nor is the comparison's evidence among them: it names files by their numbers, which depend on
    the attempts. What it says is compared as rows.
    """
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        is_counted = "/reconciliation/" in name and "/carrier/" not in name
        if path.is_file() and "unfinished" not in name and not is_counted:
            yield name, path.read_bytes()


def _unfinished(home: Path) -> list[str]:
    """What a killed process has left half written in the landing zone and among the tables."""
    found = [*home.glob("landing/.unfinished/*"), *home.glob("tables/.*.unfinished")]
    return [str(path.relative_to(home)) for path in found]


@dataclass(frozen=True)
class Stage:
    """Where the night's beginning is kept: folders and a database that is copied for each trial."""

    folder: Path
    port: int
    as_of: str
    partner_id: str
    template_url: str

    @contextmanager
    def trial(self, name: str, forks: Forks) -> Iterator[Trial]:
        """The beginning again."""
        folder = self.folder / name
        shutil.copytree(self.folder / "beginning", folder)
        (folder / "edi834.toml").write_text(self._configuration(name))
        template = sa.make_url(self.template_url)
        url = template.set(database=f"{template.database}_{name.replace('-', '_')}")
        _in_server(template, f"CREATE DATABASE {url.database} TEMPLATE {template.database}")
        try:
            yield Trial(folder, url.render_as_string(hide_password=False), self.as_of, forks)
        finally:
            _in_server(template, f"DROP DATABASE {url.database} WITH (FORCE)")
            shutil.rmtree(folder)

    def _configuration(self, name: str) -> str:
        keys, extracts = self.folder / "keys", self.folder / name / "carrier" / self.partner_id
        host_key = (keys / "host.pub").read_text().strip()
        box = f"{name}/mailboxes/{self.partner_id}"
        return f"""
            settle_seconds = 0
            partners = "{self.folder / "partners"}"
            [mailboxes.{self.partner_id}]
            host = "127.0.0.1"
            port = {self.port}
            username = "{_account()}"
            private_key = "{keys / "carrier"}"
            host_key = "{host_key}"
            outbox = "{box}/outbox"
            inbox = "{box}/inbox"
            [carriers.{self.partner_id}]
            kind = "file"
            members = "{extracts / "members.csv"}"
            payments = "{extracts / "payments.csv"}"
            requests = "{extracts / "requests.csv"}"
        """


def _in_server(template: sa.URL, statement: str) -> None:
    engine = open_engine(template.set(database="postgres").render_as_string(hide_password=False))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql(statement)
    engine.dispose()


def _account() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


@contextmanager
def openssh(folder: Path) -> Iterator[int]:
    """The port of an OpenSSH server that shows the folder; keys are made beside its files."""
    keys = folder / "keys"
    keys.mkdir()
    for name in ("host", "carrier"):
        arguments = [
            "ssh-keygen",
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            "",
            "-f",
            str(keys / name),
        ]
        subprocess.run(arguments, check=True)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = int(free.getsockname()[1])
    lines = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {keys / 'host'}",
        f"AuthorizedKeysFile {keys / 'carrier.pub'}",
        *("PidFile none", "StrictModes no", "UsePAM no", "PasswordAuthentication no"),
        *("KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password"),
        "Subsystem sftp internal-sftp",
        f"ForceCommand internal-sftp -d {folder}",
    ]
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    log = folder / "sshd.log"
    server = subprocess.Popen([str(SSHD), "-D", "-f", folder / "sshd_config", "-E", log])
    try:
        _wait_until_open(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def _wait_until_open(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("sshd did not start")


@contextmanager
def pool_of_forks(folder: Path, count: int) -> Iterator[Queue]:
    """That many processes that run commands in forks, each to be had by one at a time."""
    forks = [Forks(folder / f"forks-{number}") for number in range(count)]
    pool: Queue = Queue()
    for one in forks:
        pool.put(one)
    try:
        yield pool
    finally:
        for one in forks:
            one.close()
