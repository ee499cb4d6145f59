"""Keys and backups beside other work: nothing is missed, and nothing is done by two at once."""

import os
import stat
from datetime import UTC, date, datetime
from errno import EACCES, ENOENT

import pytest

from ledger.locks import CONTENTS, alone
from ledger.owners import Worker, sign_of_life, take
from ledger.runs import open_run
from pipeline.backup import back_up
from pipeline.drill import _scratch, discard_drills
from pipeline.keeping import encrypt_existing, forget, rotate, standing
from pipeline.settings import Settings
from pipeline.wiring import House
from schemas.errors import AtWork, Retryable, Terminal
from schemas.rule_versions import rules_in_force
from sftp_inbox.landing import LandingZone
from strongroom.files import read_clear
from strongroom.guards import guard
from strongroom.keyring import Keyring

DAY = date(2026, 12, 2)
NOW = datetime(2026, 12, 2, tzinfo=UTC)


def silent(_):
    """What is told is not looked at."""


@pytest.fixture
def settings(tmp_path):
    """A home with a key, and nothing in it."""
    key_file = tmp_path / "keys.toml"
    Keyring(key_file).with_new_key(date(2026, 12, 1))
    known = Settings(home=tmp_path / "home", encryption={"key_file": key_file})
    yield known
    for folder in known.sealed_folders:
        guard(folder, None)


@pytest.fixture
def house(settings, engine):
    """The house of that home, with two files that were stored before it had a key."""
    landing = LandingZone(settings.landing_folder)
    landing.store([b"one"])
    landing.store([b"two"])
    return House(settings, engine, landing)


@pytest.fixture
def sealed(house, settings):
    """The same, and both files are sealed."""
    with house.engine.connect() as conn:
        assert encrypt_existing(settings, conn, silent) == 2
    return house


def refuses(monkeypatch, folder, number):
    """From now on the operating system does not list that folder, with the error of that number."""
    scandir = os.scandir

    def listed(path="."):
        if str(path) == str(folder):
            raise OSError(number, os.strerror(number), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", listed)


@pytest.mark.control("at-rest")
def test_keys_are_changed_by_one_process_at_a_time(sealed, settings):
    """A second rotation would wipe the place into which the first one has just written."""
    tried = []

    def meanwhile(_):
        with sealed.engine.connect() as other:
            for change in (
                lambda: rotate(settings, other, DAY, silent),
                lambda: forget(settings, other, "any"),
                lambda: encrypt_existing(settings, other, silent),
            ):
                with pytest.raises(AtWork, match="Another process is changing the keys"):
                    change()
                tried.append(change)

    with sealed.engine.connect() as conn:
        assert rotate(settings, conn, DAY, meanwhile) == 2
        assert len(tried) == 6
        assert rotate(settings, conn, None, silent) == 0  # whoever comes afterwards is let in
    assert len(Keyring(settings.encryption.key_file).ids) == 2
    assert standing(settings).is_settled


def test_no_key_is_forgotten_while_a_night_moves_files(sealed, settings):
    """It could be missed where it was, and where it is then; nor is anything sealed anew."""
    before = standing(settings).active
    with sealed.engine.connect() as conn, sign_of_life(sealed.engine) as stay_alive:
        rotate(settings, conn, DAY, silent)
        with sealed.engine.begin() as writing:
            worker = Worker("process", "a night", rules_in_force().digest)
            run_id = open_run(writing, NOW)
            take(writing, run_id, ["cedar-valley-tx"], worker, stay_alive)
        for change in (
            lambda: forget(settings, conn, before),
            lambda: encrypt_existing(settings, conn, silent),
        ):
            with pytest.raises(AtWork, match="cedar-valley-tx is being worked on by a night"):
                change()
    with sealed.engine.connect() as conn:
        forget(settings, conn, before)
    assert standing(settings).unused == []


def test_what_is_being_written_is_left_to_its_writer(house, settings):
    """A download by a process that knows no key yet: it ends whole, and is sealed the next time."""

    def arriving():
        yield b"the beginning "
        with house.engine.connect() as conn:
            assert encrypt_existing(settings, conn, silent) == 2
        yield b"and the end"

    stored = house.landing.store(arriving())
    with house.engine.connect() as conn:
        assert encrypt_existing(settings, conn, silent) == 1
    assert read_clear(settings.landing_folder / stored.storage_key) == b"the beginning and the end"


@pytest.mark.control("at-rest", "contingency")
def test_a_folder_that_cannot_be_read_is_not_passed_over(sealed, settings, tmp_path, monkeypatch):
    """Neither counted as empty, nor left out of a rotation or a backup; no key is made."""
    folder = next(settings.landing_folder.glob("[0-9a-f]*"))
    refuses(monkeypatch, folder, EACCES)
    with sealed.engine.connect() as conn:
        for look in (
            lambda: standing(settings),
            lambda: rotate(settings, conn, DAY, silent),
            lambda: back_up(sealed, tmp_path / "backup", NOW),
        ):
            with pytest.raises(Terminal, match=f"{folder} cannot be read: Permission denied"):
                look()
    assert len(Keyring(settings.encryption.key_file).ids) == 1


def test_a_folder_that_is_renamed_meanwhile_is_not_there(sealed, settings, monkeypatch):
    """As that of tables which are finished at that moment."""
    unfinished = settings.tables_folder / ".12.x.unfinished"
    unfinished.mkdir(parents=True)
    refuses(monkeypatch, unfinished, ENOENT)
    assert standing(settings).is_settled
    with sealed.engine.connect() as conn:
        assert rotate(settings, conn, DAY, silent) == 2


@pytest.mark.control("contingency")
def test_a_backup_has_what_its_database_names(sealed, tmp_path):
    """Nothing old is removed meanwhile; a file that somebody takes away ends it."""
    folder = tmp_path / "backup"
    folder.mkdir(mode=0o755)
    seen = []

    def meanwhile(doing):
        seen.append(doing)
        with (
            sealed.engine.connect() as other,
            pytest.raises(AtWork, match="later"),
            alone(other, CONTENTS, "later"),
        ):
            pass

    made = back_up(sealed, folder, NOW, meanwhile)
    assert (len(made.files), seen) == (3, ["the database", "1 files", "2 files"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700  # whatever it was before

    def takes_it_away(doing):
        for path in sealed.landing.folder.glob("[0-9a-f]*/*") if doing == "1 files" else ():
            path.unlink()

    with pytest.raises(Retryable, match="was taken away while the home was copied"):
        back_up(sealed, tmp_path / "another", NOW, takes_it_away)


def test_what_a_killed_drill_has_left_is_removed(settings):
    """The whole database lies there, clear; a drill that goes on keeps its own."""
    left = settings.home / "drill.0a1b2c3d"
    (left / "postgresql").mkdir(parents=True)
    (left / "postgresql" / "data").write_bytes(b"CANARY")
    with _scratch(settings) as scratch:
        assert discard_drills(settings) == 1
        assert not left.exists()
        assert scratch.home.is_dir()
    assert list(settings.home.glob("drill.*")) == []
