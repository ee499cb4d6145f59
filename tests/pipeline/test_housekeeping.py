"""Housekeeping: what is wrong is told, what may go goes, and nothing that is young or held."""

import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.locks import CONTENTS, shared
from ledger.wrappings import Wrapping, record_wrapping
from pipeline.drill import drill
from pipeline.housekeeping import CHORES, do_chore
from pipeline.retention import Removed, remove_old
from pipeline.settings import RetentionSettings
from schemas.errors import AtWork, Terminal
from tests.cases.commands import run_edi834
from tests.cases.world import CEDAR, HARBOR

NOW = datetime.now(UTC)
ELSEWHERE = {"expiry", "restore-drill"}  # what expires has a test of its own, as has the drill
LONG_AGO = "interval '8 years'"


@pytest.fixture(scope="module")
def world(tmp_path_factory, new_database_url, open_world):
    """A world after one night."""
    with open_world(tmp_path_factory.mktemp("house"), new_database_url(), members=30) as opened:
        opened.send(1)
        opened.run(1)
        yield opened


def keeping(world, years, **holds):
    """The house with another setting of retention."""
    holds = {partner_id.replace("_", "-"): why for partner_id, why in holds.items()}
    retention = RetentionSettings(years=years, legal_holds=holds)
    return replace(world.house, settings=world.house.settings.model_copy(
        update={"retention": retention}))  # fmt: skip


def stored(world, partner_id):
    """The storage keys of the partner's files whose bytes are there."""
    rows = world.rows("SELECT storage_key FROM ledger.file WHERE partner_id = :p", p=partner_id)
    return {key for (key,) in rows if world.house.landing.has(key)}


def test_a_whole_house_is_well(world):
    """Every chore says so, in one sentence; the command ends with 0 or tells what expires."""
    found = [do_chore(world.house, chore, NOW) for chore in CHORES if chore not in ELSEWHERE]

    assert [one.is_well for one in found] == [True] * len(found), found
    told = world.edi834("housekeeping", "audit-trail", "stored-files", "--json")
    assert told.code == 0, told.err
    assert [json.loads(line)["chore"] for line in told.out.splitlines()] == [
        "audit-trail", "stored-files"
    ]  # fmt: skip


def test_an_unknown_chore_is_none(world):
    """And the known ones are named."""
    with pytest.raises(Terminal, match=r"There is no chore 'sweep'\. There are: audit-trail, "):
        do_chore(world.house, "sweep", NOW)


def test_a_chore_that_cannot_be_done_keeps_no_other_from_being_told(world):
    """Nothing is removed while a backup is taken; what else was found is said all the same."""
    environment = world.environment() | {"EDI834_RETENTION__YEARS": "6"}
    asked = ("housekeeping", "retention", "audit-trail", "--json")
    with world.house.engine.connect() as conn, shared(conn, CONTENTS):
        told = run_edi834(world.folder, asked, environment)
    found = {row["chore"]: row for row in map(json.loads, told.out.splitlines())}

    assert told.code == 1
    assert not found["retention"]["is_well"]
    assert found["retention"]["sentence"].startswith("A backup is being taken")
    assert found["audit-trail"]["is_well"]


@pytest.mark.fault("F11")
@pytest.mark.control("integrity")
def test_a_damaged_file_is_found_and_named(world):
    """By its number in the ledger, and by nothing else of it."""
    key, numbers = world.rows(
        "SELECT storage_key, string_agg(file_id::text, ', ' ORDER BY file_id) FROM ledger.file"
        " GROUP BY 1 LIMIT 1"
    )[0]
    path = world.house.landing.folder / key
    whole = path.read_bytes()
    path.write_bytes(b"damaged")
    found = do_chore(world.house, "stored-files", NOW)
    path.write_bytes(whole)

    assert not found.is_well
    assert f"files {numbers}." in found.sentence


@pytest.fixture
def house_without_a_plan(world, tmp_path):
    """Ours after a change of a partner's file: a plan of the first night has another id now."""
    partners = tmp_path / "partners"
    shutil.copytree(Path(__file__).parents[2] / "schemas" / "partners", partners)
    cedar = partners / f"{CEDAR}.toml"
    cedar.write_text(cedar.read_text().replace("91001TX0010002", "91001TX0010009"))
    settings = world.house.settings.model_copy(update={"partners": partners})
    return replace(world.house, settings=settings)


@pytest.mark.fault("F37")
@pytest.mark.control("contingency", "configuration")
def test_a_drill_after_a_changed_rule_holds_by_hashes_and_names_the_rule(house_without_a_plan):
    """The old files would be answered otherwise today: that says nothing against the backup.

    So it is proof enough for a week, as every drill that held.
    """
    found = do_chore(house_without_a_plan, "restore-drill", NOW)
    assert found.is_well, found
    assert "holds by hashes and trail. By today's rules" in found.sentence
    assert "run 1: other partners (" in found.sentence

    again = do_chore(house_without_a_plan, "restore-drill", NOW + timedelta(days=5))
    assert again.is_well
    assert again.sentence.endswith("and held by hashes and trail.")


@pytest.mark.fault("F37")
@pytest.mark.control("contingency", "integrity")
def test_a_drill_fails_when_no_other_rule_explains_what_differs(world):
    """A row that somebody has altered by hand: the history does not come to it."""
    with world.house.engine.begin() as conn:
        conn.execute(sa.text("UPDATE book.member SET last_name = 'Q' || last_name"))
    found = drill(world.house, None, NOW)
    with world.house.engine.begin() as conn:
        conn.execute(sa.text("UPDATE book.member SET last_name = substr(last_name, 2)"))

    assert (found.holds, found.other_rules) == (False, [])
    assert any(one.startswith("book.member: ") for one in found.replayed.differences)


@pytest.mark.control("retention")
def test_nothing_young_is_removed_whatever_hour_somebody_says(world):
    """Not by the setting, not by a clock of the year 2100."""
    before = stored(world, CEDAR) | stored(world, HARBOR)

    assert remove_old(world.house, NOW) is None
    assert remove_old(keeping(world, 6), NOW + timedelta(days=365 * 75)) == Removed(0, 0)
    with pytest.raises(Terminal, match="nothing younger than 6 years"):
        remove_old(keeping(world, 5), NOW)
    assert stored(world, CEDAR) | stored(world, HARBOR) == before


def wrapped(world, partner_id):
    """The storage key of what a file of ours was on the wire."""
    content = world.house.landing.store([b"-----BEGIN PGP MESSAGE-----"])
    ((file_id,),) = world.rows(
        "SELECT min(file_id) FROM ledger.file"
        " WHERE partner_id = :p AND direction = 'issuer_to_exchange'",
        p=partner_id,
    )
    told = Wrapping(file_id, "openpgp", "sent.pgp", content.sha256, 27, content.storage_key)
    with world.house.engine.begin() as conn:
        record_wrapping(conn, told)
    return content.storage_key


@pytest.mark.control("retention")
def test_nothing_is_removed_while_a_backup_is_taken(world):
    """It has to find everything of which its copy of the database speaks."""
    with (
        world.house.engine.connect() as conn,
        shared(conn, CONTENTS),
        pytest.raises(AtWork, match="A backup is being taken"),
    ):
        remove_old(keeping(world, 6), NOW)


@pytest.mark.control("retention")
def test_what_is_old_goes_unless_it_is_held(world):
    """Bytes, tables and reports; the ledger and a note in the trail stay. Again changes nothing."""
    house = keeping(world, 6, harbor_light_nc="Case 2026-17, by counsel")
    kept, gone = stored(world, HARBOR), stored(world, CEDAR)
    assert kept
    on_the_wire = wrapped(world, CEDAR)
    with world.house.engine.begin() as conn:
        conn.exec_driver_sql(f"UPDATE ledger.file SET recorded_at = recorded_at - {LONG_AGO}")
        conn.exec_driver_sql(f"UPDATE ledger.run SET as_of = as_of - {LONG_AGO}")
    for path in world.house.landing.folder.glob("*/*"):
        os.utime(path, (0, 0))
    again = world.house.landing.folder / min(gone - kept)
    again.touch()  # the same bytes come again, and the ledger does not know it yet
    removed = remove_old(house, NOW)

    assert again.exists()
    os.utime(again, (0, 0))
    later = remove_old(house, NOW)
    removed = Removed(removed.files + later.files, removed.reports + later.reports)
    assert removed.files >= len(gone) > 0
    assert not world.house.landing.has(on_the_wire)
    assert stored(world, HARBOR) == kept
    assert stored(world, CEDAR) == gone & kept
    reports = world.house.settings.reports_folder
    assert {path.name for path in reports.glob("*/*")} == {HARBOR}
    noted = world.rows("SELECT count(*) FROM ledger.audit_entry WHERE action = 'content removed'")
    assert noted == [(removed.files,)]
    assert remove_old(house, NOW) == Removed(0, 0)
    assert do_chore(world.house, "stored-files", NOW).is_well  # what has gone is not missed


@pytest.mark.control("retention", "contingency")
def test_a_home_of_which_contents_were_removed_is_drilled_all_the_same(world):
    """Hashes and trail are compared; that nothing is worked again is said."""
    told = world.edi834("backup", "drill")

    assert told.code == 0, told.err
    ((removed,),) = world.rows(
        "SELECT count(*) FROM ledger.audit_entry WHERE action = 'content removed'"
    )
    assert f"{removed} files are older than they have to be kept" in told.out
    found = do_chore(world.house, "restore-drill", NOW)
    assert found.is_well, found
