"""A database as one stream, and back: all of it or nothing, and no password where others see it."""

import socket

import pytest
import sqlalchemy as sa

from ledger import dumping
from ledger.dumping import dump, load
from ledger.server import open_engine
from schemas.errors import Retryable, Terminal


def program(monkeypatch, folder, script):
    """Another program in place of PostgreSQL's own."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    monkeypatch.setattr(dumping, "_program", lambda _: path)


def dumped(url, environment):
    """What `dump` gives, in one piece."""
    pieces = []
    dump(sa.make_url(url), environment, pieces.append)
    return b"".join(pieces)


@pytest.fixture
def environment(tmp_path):
    """Of a child process, with nothing in it but a path."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}


@pytest.mark.control("contingency")
def test_a_dump_without_its_end_fills_nothing(database_url, empty_database_url, environment):
    """Whatever ends it: a table without its triggers would take what no trail tells."""
    whole = dumped(database_url, environment)
    target = sa.make_url(empty_database_url)
    with pytest.raises(Terminal, match="pg_restore could not fill the database"):
        load(target, environment, [whole[:-20]])
    engine = open_engine(empty_database_url)
    with engine.connect() as conn:
        assert conn.scalar(sa.text("SELECT to_regnamespace('ledger')")) is None
    load(target, environment, [whole])
    with engine.connect() as conn:
        assert conn.scalar(sa.text("SELECT to_regclass('ledger.file')")) is not None
    engine.dispose()


def test_only_a_server_that_cannot_be_reached_is_tried_again(database_url, environment):
    """What the server refuses is for a person."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"postgresql://edi834@127.0.0.1:{unused.getsockname()[1]}/edi834"
        with pytest.raises(Retryable, match="pg_dump could not copy the database"):
            dumped(nobody, environment)
    other = sa.make_url(database_url).set(database="not_there")
    with pytest.raises(Terminal, match='"not_there" does not exist'):
        dumped(other.render_as_string(hide_password=False), environment)


@pytest.mark.parametrize("url", ["edi834:canary@db/edi834", "edi834@db/edi834?password=canary"])
def test_the_password_is_in_no_list_of_processes(url, environment, tmp_path, monkeypatch):
    """However the URL says it, the program hears it by its environment."""
    program(monkeypatch, tmp_path, 'echo "$@"; echo "$PGPASSWORD"')
    arguments, password = dumped(f"postgresql://{url}", environment).decode().splitlines()
    assert "db" in arguments
    assert "canary" not in arguments
    assert password == "canary"


def test_a_program_that_says_much_does_not_stop(environment, tmp_path, monkeypatch):
    """Nobody reads what it says before it has ended."""
    much = "timeout 20 sh -c \"head -c 300000 /dev/zero | tr '\\0' e >&2\" || exit 1\necho done"
    program(monkeypatch, tmp_path, much)
    assert dumped("postgresql://edi834@db/edi834", environment) == b"done\n"
