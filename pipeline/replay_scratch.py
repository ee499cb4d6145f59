"""Where a replay works: a database, a landing zone and a folder of its own, gone when it ends."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ledger.server import open_engine, upgrade
from pipeline.guarding import guard_home, leave_home
from pipeline.operators import name_of_operator
from pipeline.wiring import House
from schemas.errors import EnrollmentError, Terminal
from sftp_inbox.overlay import Overlay

_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
_LOCALES = {"i": "ICU_LOCALE", "b": "BUILTIN_LOCALE"}
_DROPPED, _KEPT = "_replay_", "_kept_"  # what follows the name of the real database
_DIGITS = 8
_LONGEST = 63 - len(_DROPPED) - _DIGITS  # of a name in PostgreSQL, for what stays of the real one
_LOCK_CLASS = 834_011


@dataclass(frozen=True)
class Scratch:
    """The house in which history is worked again, the database's name and the folder."""

    house: House
    database: str
    folder: Path

    @property
    def own(self) -> Path:
        """What the replay has stored: the landing zone in front of the real one."""
        return self.house.landing.folder


@contextmanager
def open_scratch(house: House, *, keep: bool) -> Iterator[Scratch]:
    """An empty house on the same server: it reads the landing zone of `house`, and has no mailbox.

    Database and folder are dropped at the end, unless they are to be kept; those that a killed
    replay has left are dropped now. Raises Terminal when the role may not create a database.
    """
    with house.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
        _drop_orphans(house, session)
        with _place(house, session, keep=keep) as (name, folder):
            url = house.engine.url.set(database=name).render_as_string(hide_password=False)
            engine = open_engine(url, name_of_operator(house.settings))
            try:
                upgrade(engine)
                settings = house.settings.model_copy(
                    update={"home": folder, "database_url": url, "mailboxes": {}}
                )
                guard_home(settings)
                landing = Overlay(settings.landing_folder, house.landing)
                yield Scratch(House(settings, engine, landing), name, folder)
            finally:
                engine.dispose()
                leave_home(house.settings.model_copy(update={"home": folder}))


@contextmanager
def _place(house: House, session: sa.Connection, *, keep: bool) -> Iterator[tuple[str, Path]]:
    """A new database and a folder in the home, whose content is as confidential as the home's.

    A lock of the session, which ends with the process, tells that somebody works there.
    """
    digits = secrets.token_hex(_DIGITS // 2)
    name = f"{_prefix(session, _KEPT if keep else _DROPPED)}{digits}"
    folder = _folder(house, digits)
    session.execute(_lock(sa.func.pg_advisory_lock, digits))
    try:
        _run(session, _create_statement(session, name))
        folder.mkdir(mode=0o700)
        yield name, folder
    finally:
        if not keep:
            _drop(session, name, folder)
        session.execute(_lock(sa.func.pg_advisory_unlock, digits))


def _prefix(session: sa.Connection, purpose: str) -> str:
    name: str = session.execute(sa.select(sa.func.current_database())).scalar_one()
    return name[:_LONGEST] + purpose


def _folder(house: House, digits: str) -> Path:
    return house.settings.home / f"replay.{digits}"


def _lock(function: Callable[..., Any], digits: str) -> sa.Select[Any]:
    return sa.select(function(_LOCK_CLASS, int(digits, 16) - 2 ** (4 * _DIGITS - 1)))


def _drop_orphans(house: House, session: sa.Connection) -> None:
    """Drops what killed replays have left: nobody holds their locks."""
    prefix = _prefix(session, _DROPPED)
    found = sa.text("SELECT datname FROM pg_database WHERE starts_with(datname, :prefix)")
    for name in session.execute(found, {"prefix": prefix}).scalars().all():
        digits = name.removeprefix(prefix)
        if session.scalar(_lock(sa.func.pg_try_advisory_lock, digits)):
            _drop(session, name, _folder(house, digits))
            session.execute(_lock(sa.func.pg_advisory_unlock, digits))


def _drop(session: sa.Connection, name: str, folder: Path) -> None:
    _run(session, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    shutil.rmtree(folder, ignore_errors=True)


def _create_statement(session: sa.Connection, name: str) -> str:
    """A database that sorts texts as the real one does, for files are written in sorted order."""
    known = session.execute(
        sa.text(
            "SELECT pg_encoding_to_char(encoding) AS encoding, datcollate, datctype,"
            " datlocprovider AS provider,"
            " coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale"
            " FROM pg_database d WHERE datname = current_database()"
        )
    ).one()
    options = [
        f"ENCODING '{known.encoding}'",
        f"LC_COLLATE '{known.datcollate}'",
        f"LC_CTYPE '{known.datctype}'",
        f"LOCALE_PROVIDER {_PROVIDERS[known.provider]}",
    ]
    if known.provider in _LOCALES:
        options.append(f"{_LOCALES[known.provider]} '{known.locale}'")
    return f'CREATE DATABASE "{name}" TEMPLATE template0 {" ".join(options)}'


def _run(session: sa.Connection, statement: str) -> None:
    try:
        session.exec_driver_sql(statement)
    except EnrollmentError as error:
        raise Terminal(
            f"The database of the replay cannot be made or dropped: {error} A replay needs a role "
            "that may create databases: name one in EDI834_DATABASE_URL, or let an owner grant "
            "CREATEDB to this one."
        ) from error
