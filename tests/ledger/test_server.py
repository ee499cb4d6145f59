"""The embedded server is shared by processes; failures are one clear line without values."""

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest
import sqlalchemy as sa

from ledger.server import open_engine
from schemas.errors import Retryable, Terminal


def test_another_process_joins_the_same_server(database_url, engine, server_folder):
    """Two processes that name the same folder see the same rows."""
    with engine.begin() as conn:
        conn.execute(sa.text("CREATE TABLE public.note AS SELECT 42 AS answer"))
    name = sa.make_url(database_url).database
    program = (
        "import sys, pathlib, sqlalchemy as sa\n"
        "from ledger.server import embedded_url, open_engine\n"
        "engine = open_engine(embedded_url(pathlib.Path(sys.argv[1]), sys.argv[2]))\n"
        "print(engine.connect().scalar(sa.text('SELECT answer FROM note')))\n"
    )

    answer = subprocess.run(
        [sys.executable, "-c", program, str(server_folder), name],
        capture_output=True,
        text=True,
        check=True,
    )

    assert (answer.stdout, answer.stderr) == ("42\n", "")
    with engine.connect() as conn:
        assert conn.scalar(sa.text("SELECT answer FROM note")) == 42


def test_the_server_stops_with_the_last_process_though_another_was_killed(tmp_path):
    """A process that was killed does not keep the server running for ever."""
    program = (
        "import os, pathlib, signal, sys\n"
        "from ledger.server import embedded_url\n"
        "embedded_url(pathlib.Path(sys.argv[1]))\n"
        "if sys.argv[2] == 'killed': os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    folder = tmp_path / "data"
    is_running = []
    for end in ("killed", "ended"):
        subprocess.run([sys.executable, "-c", program, str(folder), end], check=False)
        is_running.append((folder / "postmaster.pid").exists())

    assert is_running == [True, False]


def test_a_server_that_does_not_answer_is_one_line(tmp_path):
    """The message names the place and what to do."""
    with pytest.raises(Retryable) as failure:
        open_engine(f"postgresql+psycopg2://postgres@/edi834?host={tmp_path}")

    assert str(tmp_path) in str(failure.value)
    assert str(failure.value).endswith("Start the server or correct the database URL.")
    assert "\n" not in str(failure.value)


@pytest.mark.control("no-phi-in-logs")
@contextmanager
def by_tcp(url):
    """The URL of the same database by a port of this machine, as it is of one elsewhere."""
    with socket.create_server(("127.0.0.1", 0)) as door, ThreadPoolExecutor(4) as threads:

        def carry(source, target):
            with suppress(OSError):
                while piece := source.recv(65536):
                    target.sendall(piece)
            with suppress(OSError):
                target.shutdown(socket.SHUT_WR)

        def let_in():
            came, _ = door.accept()
            there = socket.socket(socket.AF_UNIX)
            there.connect(f"{sa.make_url(url).query['host']}/.s.PGSQL.5432")
            threads.submit(carry, came, there)
            threads.submit(carry, there, came)

        threads.submit(let_in)
        here = sa.make_url(url).set(host="127.0.0.1", port=door.getsockname()[1], query={})
        yield here.render_as_string(hide_password=False)


def test_a_server_that_vanishes_is_not_waited_for(database_url):
    """Its host is asked for life while a statement takes its time, on every connection by TCP."""
    with by_tcp(database_url) as url:
        engine = open_engine(url)
        with engine.connect() as conn:
            assert conn.scalar(sa.text("SELECT 1")) == 1
            descriptor = os.dup(conn.connection.dbapi_connection.fileno())
            with socket.socket(fileno=descriptor) as wire:
                asked = [
                    wire.getsockopt(*option)
                    for option in (
                        (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
                        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
                        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
                    )
                ]
        engine.dispose()

    assert asked == [1, 30, 10, 6, 90_000]


def test_a_failed_statement_tells_no_value(conn):
    """The constraint or SQLSTATE is named, the rejected value is not."""
    with pytest.raises(Terminal) as failure:
        conn.execute(sa.text("SELECT CAST(:ssn AS integer)"), {"ssn": "SECRET"})

    assert "SQLSTATE 22P02. Look up" in str(failure.value)
    assert "SECRET" not in str(failure.value)


def test_a_table_that_is_missing_is_told_as_such(conn):
    """Whoever runs a database of another version is told so, not only by a number."""
    with pytest.raises(Terminal, match="SQLSTATE 42P01: a table or column is missing"):
        conn.execute(sa.text("SELECT * FROM ledger.nothing"))


def test_a_lock_that_is_held_may_be_free_later(engine):
    """A lock timeout is worth another try."""
    with engine.begin() as holder, engine.connect() as waiter:
        holder.execute(sa.text("LOCK TABLE ledger.run"))
        waiter.execute(sa.text("SET lock_timeout = '10ms'"))
        with pytest.raises(Retryable):
            waiter.execute(sa.text("SELECT FROM ledger.run"))


@pytest.mark.fault("F12")
def test_a_connection_that_is_cut_is_worth_another_try(engine):
    """The statement that was cut is retryable, and the pool opens a new connection."""
    with engine.connect() as victim, engine.connect() as other:
        process = victim.scalar(sa.text("SELECT pg_backend_pid()"))
        other.execute(sa.text("SELECT pg_terminate_backend(:process)"), {"process": process})
        with pytest.raises(Retryable):
            victim.execute(sa.text("SELECT 1"))
    with engine.connect() as again:
        assert again.scalar(sa.text("SELECT 1")) == 1
