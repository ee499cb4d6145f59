"""A night in an encrypted home: the same night, and a copy of its disk tells nothing."""

import shutil
import stat
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from ledger import audit
from pipeline.guarding import leave_home
from pipeline.housekeeping import do_chore
from pipeline.keeping import encrypt_existing, rotate, standing
from pipeline.replay import replay
from pipeline.settings import Settings
from schemas.errors import Terminal
from strongroom.files import read_clear
from strongroom.keyring import Keyring
from tests.cases.commands import run_edi834
from tests.cases.world import CEDAR


@pytest.fixture(scope="module")
def world(tmp_path_factory, new_database_url, open_world):
    """Two nights, the first with faults, in a home with a key beside it."""
    folder = tmp_path_factory.mktemp("encrypted")
    key_file = folder / "home.keys.toml"
    Keyring(key_file).with_new_key(date(2026, 12, 1))
    options = {"partner_ids": (CEDAR,), "faults": 0.3, "key_file": key_file}
    with open_world(folder, new_database_url(), **options) as opened:
        for night in (1, 2):
            opened.send(night)
            opened.run(night)
            opened.exchange.read_answers(night)
        yield opened


def files_of(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def canaries(world):
    """What only persons of this world are called, and what else tells them."""
    rows = world.rows("SELECT DISTINCT last_name, ssn, exchange_member_id FROM book.member m")
    return {
        value.encode()
        for row in rows
        for value in row
        if value is not None and len(value) > 7  # shorter ones stand in random bytes by chance
    }


@pytest.mark.control("at-rest")
def test_a_copy_of_the_disk_tells_nothing(world):
    """No byte sequence that tells a person, no segment, no Parquet, in any file of the home."""
    tokens = canaries(world) | {b"ISA*00*", b"PAR1", b"INS*", b"NM1*IL", b"last_name"}
    assert len(tokens) > 40
    telling = {
        str(path.relative_to(world.house.settings.home)): token
        for path in files_of(world.house.settings.home)
        for content in [path.read_bytes()]
        for token in tokens
        if token in content
    }
    assert len(files_of(world.house.settings.home)) > 100
    assert telling == {}


def test_people_and_programs_read_it_all_the_same(world, tmp_path):
    """What was sent, the error report, a file by the command; the audit trail has who opened it."""
    ((key,),) = world.rows(
        "SELECT storage_key FROM ledger.file WHERE kind = '999' ORDER BY file_id LIMIT 1"
    )
    assert read_clear(world.house.settings.landing_folder / key).startswith(b"ISA*00*")
    report = next(world.house.settings.reports_folder.rglob("errors.csv"))
    opened = world.edi834("keys", "open", report, "--out", tmp_path / "errors.csv")
    assert (opened.code, opened.err) == (0, "")
    assert (tmp_path / "errors.csv").read_bytes() == read_clear(report)
    assert stat.S_IMODE((tmp_path / "errors.csv").stat().st_mode) == 0o600
    assert world.rows("SELECT count(*) FROM ledger.audit_entry WHERE action = 'file opened'")
    shown = world.edi834("show", world.house.settings.landing_folder / key)
    assert (shown.code, "ST_LOOP" in shown.out or "ISA" in shown.out) == (0, True)


@pytest.mark.soak
def test_a_replay_of_it_is_identical(world):
    """As the drill below shows of a restored home: read, compared, written again, and sealed."""
    found = replay(world.house)
    assert (found.differences, found.stopped) == ([], None)


@pytest.mark.control("at-rest")
def test_a_copied_home_without_its_key_is_refused(world, tmp_path):
    """By every command, in one sentence."""
    copied = tmp_path / "copied"
    shutil.copytree(world.house.settings.landing_folder, copied / "landing")
    some = next(path for path in files_of(copied) if path.parent.name != ".unfinished")
    environment = {"EDI834_HOME": str(copied)}
    told = run_edi834(tmp_path, ("show", some), environment)
    assert (told.code, told.out) == (2, "")
    assert "is encrypted, and no key is configured" in told.err


@pytest.mark.control("at-rest")
def test_rotation_wraps_all_keys_anew_and_goes_on_where_it_was_killed(world):
    """Killed with the new key made, and after the first file; every file opens at any time."""
    settings = world.house.settings
    before = standing(settings)
    assert before.is_settled
    for point in ("key made", "key of a file wrapped anew"):
        environment = world.environment() | {"EDI834_FAULT_POINT": point}
        killed = run_edi834(world.folder, ("keys", "rotate"), environment)
        assert killed.code == -9
        between = standing(settings)
        assert sum(between.by_key.values()) == sum(before.by_key.values())
        for path in files_of(settings.landing_folder)[:5]:
            assert read_clear(path)
    with world.house.engine.connect() as conn:
        rotate(settings, conn, None, lambda _: None)
    after = standing(settings)
    assert after.is_settled
    assert after.active != before.active
    assert before.active in after.unused
    assert world.edi834("keys", "forget", before.active).code == 0
    assert world.edi834("keys", "status").code == 0
    refused = world.edi834("keys", "forget", after.active)
    assert refused.code == 2


def test_a_plain_home_is_encrypted_later(tmp_path, engine):
    """File by file, whole at every moment; before that they are refused."""
    key_file = tmp_path / "keys.toml"
    Keyring(key_file).with_new_key(date(2026, 12, 1))
    settings = Settings(home=tmp_path / "home", encryption={"key_file": key_file})
    path = settings.tables_folder / "1" / "members.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"CANARY")
    with engine.connect() as conn:
        assert standing(settings).plain == 1
        assert encrypt_existing(settings, conn, lambda _: None) == 1
        assert encrypt_existing(settings, conn, lambda _: None) == 0
    assert b"CANARY" not in path.read_bytes()
    assert read_clear(path) == b"CANARY"
    assert standing(settings).is_settled
    leave_home(settings)


@pytest.mark.control("at-rest")
def test_a_key_in_the_home_that_it_protects_is_refused(edi834, tmp_path):
    """Whoever copies the home would have both."""
    told = edi834("night", EDI834_ENCRYPTION__KEY_FILE=str(tmp_path / "home" / "keys.toml"))
    assert told.code == 2
    assert "lies in the home that it is to protect" in told.err


@pytest.mark.fault("F37")
@pytest.mark.control("contingency")
def test_the_restore_of_a_backup_is_drilled(world):
    """Taken now, put back into a scratch home, verified, and worked again: the same state.

    A week long that is proof enough; where backups lie is looked at before anything is restored.
    """
    now = datetime.now(UTC)
    empty = world.house.settings.model_copy(update={"backups": world.house.settings.home / "none"})
    found = do_chore(replace(world.house, settings=empty), "restore-drill", now)
    assert not found.is_well
    assert "There is no backup in " in found.sentence

    found = do_chore(world.house, "restore-drill", now)
    assert found.is_well, found
    assert found.sentence.endswith("was restored, and holds.")
    assert not list(world.house.settings.home.glob("drill.*"))
    again = do_chore(world.house, "restore-drill", now + timedelta(days=6))
    assert again.sentence.startswith("A backup was restored on ")
    assert again.is_well


@pytest.mark.fault("F37")
@pytest.mark.control("contingency")
def test_a_backup_that_is_too_old_is_told_each_day(world, tmp_path):
    """A drill that held a day ago says nothing about what has been lost since."""
    backups = tmp_path / "backups"
    assert world.edi834("backup", "take", backups / "1").code == 0
    with world.house.engine.begin() as conn:
        audit.note(conn, "restore drilled", "home", 0, outcome="holds", removed="0")
    settings = world.house.settings.model_copy(update={"backups": backups})
    now = datetime.now(UTC)

    def found(days):
        told = do_chore(replace(world.house, settings=settings), "restore-drill", now + days)
        return told.is_well, told.sentence.partition("; ")[2]

    assert found(timedelta(days=2)) == (True, "")
    assert found(timedelta(days=3)) == (
        False, "the newest is 3 days old. Take one: `edi834 backup take`."
    )  # fmt: skip
    assert found(timedelta(days=5))[0] is False


@pytest.mark.control("at-rest", "contingency")
def test_a_backup_tells_nothing_and_misses_nothing(world, tmp_path):
    """It is sealed by the same keys, and refused as soon as a file of it is not as it was."""
    folder = tmp_path / "backup"
    assert world.edi834("backup", "take", folder).code == 0
    tokens = canaries(world) | {b"ISA*00*", b"PAR1", b"PGDMP"}
    assert not [
        p for p in files_of(folder) for c in [p.read_bytes()] if any(t in c for t in tokens)
    ]

    spoilt = max(files_of(folder / "files"), key=lambda path: path.stat().st_size)
    spoilt.write_bytes(spoilt.read_bytes()[:-1])
    told = world.edi834("backup", "drill", folder)
    assert told.code == 2
    assert f"{spoilt} is damaged, and nothing was restored" in told.err
    spoilt.unlink()
    kept = world.house.settings.model_copy(update={"backups": tmp_path})
    with pytest.raises(Terminal, match="is gone"):  # the chore takes the newest one of the folder
        do_chore(replace(world.house, settings=kept), "restore-drill", world.clock(30))
