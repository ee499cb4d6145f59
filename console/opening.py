"""The console's house: the same as the night's, but its engine works as the console's own role."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files

from ledger.server import open_engine
from pipeline.guarding import guard_home
from pipeline.settings import Settings
from pipeline.wiring import House, open_house, postgresql_url, require_own_packages
from schemas.errors import Terminal
from sftp_inbox.landing import LandingZone

ROLE = "edi834_console"
_ACTOR = "console"


@contextmanager
def open_console(settings: Settings) -> Iterator[House]:
    """The house for the console; closed with the context.

    With `console.database_url` that login is used, and the database is taken as it is. Without it
    the owner makes the role, and steps back into it.
    """
    own = settings.console.database_url
    if own is not None:
        require_own_packages()
        guard_home(settings)
        house = House(
            settings,
            open_engine(postgresql_url(own, "console.database_url"), _ACTOR),
            LandingZone(settings.landing_folder),
        )
        try:
            yield house
        finally:
            house.engine.dispose()
        return
    with open_house(settings) as opened:
        make_role(opened)
        url = opened.engine.url.render_as_string(hide_password=False)
        engine = open_engine(url, _ACTOR, ROLE)
        try:
            yield replace(opened, engine=engine)
        finally:
            engine.dispose()


def make_role(house: House) -> None:
    """Makes the console's role, or grants it what a newer version needs.

    Raises Terminal when the settings' own role may not.
    """
    script = files("console").joinpath("database_role.sql").read_text("utf-8")
    try:
        with house.engine.begin() as conn:
            conn.exec_driver_sql(script.replace("%", "%%"))
    except Terminal:
        raise Terminal(
            f"The role of the database URL may not make or use the console's, {ROLE}. Let a "
            "superuser make it and a login that has it (deploy/create-databases.sql), let the "
            "owner run console/database_role.sql, and set console.database_url to that login."
        ) from None
