"""`edi834 db`: at which revision the database is, and its upgrade."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import terminal

if TYPE_CHECKING:
    import sqlalchemy as sa

    from pipeline.settings import Settings

OK, OPEN_ITEMS, FAILED = 0, 1, 2

db = typer.Typer(no_args_is_help=True, help="The database and its revision.")


@db.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Say at which revision the database is; nothing is changed.

    Exit code 0: at the newest; 1: an upgrade is to be done; 2: a newer version of edi834 was here.
    """
    from ledger.server import standing_of

    settings = _settings()
    if settings.has_database:
        with _engine(settings) as engine, engine.connect() as conn:
            found = standing_of(conn)
    else:  # to ask would make one
        found = standing_of(None)
    if as_json:
        print(json.dumps(asdict(found)))  # noqa: T201 - the command's output
    elif found.is_newest:
        terminal.out.print(f"The database is at {found.revision}, the newest revision.")
    elif found.is_known:
        at = f"at {found.revision}" if found.revision else "not there yet"
        terminal.out.print(
            f"The database is {at}; {found.newest} is the newest revision. Every command "
            "brings it there first, `edi834 db upgrade` does nothing else.",
            soft_wrap=True,
        )
    else:
        terminal.fail(
            f"The database is at {found.revision}, which this version does not know: its newest is "
            f"{found.newest}. Install the newer version that was here."
        )
    raise typer.Exit(OK if found.is_newest else OPEN_ITEMS if found.is_known else FAILED)


@db.command()
def upgrade() -> None:
    """Bring the database to the newest revision, in one transaction.

    Exit code 0: it is there; 2: a newer version of edi834 was here.
    """
    from ledger import server

    with _engine(_settings()) as engine:
        with engine.connect() as conn:
            before = server.standing_of(conn)
        server.upgrade(engine)
    if before.is_newest:
        terminal.out.print(f"The database is at {before.newest} already.")
    else:
        was = f"was at {before.revision}" if before.revision else "was empty"
        terminal.out.print(f"The database {was}, and is at {before.newest} now.")


def _settings() -> "Settings":
    from pipeline.settings import load_settings
    from pipeline.wiring import require_no_restore, require_own_packages

    require_own_packages()
    settings = load_settings()
    require_no_restore(settings)
    return settings


@contextmanager
def _engine(settings: "Settings") -> "Iterator[sa.Engine]":
    from pipeline.wiring import engine_of

    engine = engine_of(settings)
    try:
        yield engine
    finally:
        engine.dispose()
