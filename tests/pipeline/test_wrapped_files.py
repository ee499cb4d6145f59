"""Files that come encrypted or packed, and answers that go encrypted: whole nights of it."""

import gzip
import io
import shutil
import zipfile
from dataclasses import replace

import pytest

from pipeline.night import run_night
from pipeline.replay import replay
from pipeline.settings import ArchiveSettings, OpenPgpSettings
from tests.cases.gnupg_keys import GPG, WITHOUT_GPG, both_sides
from tests.cases.world import CEDAR, HARBOR

pytestmark = pytest.mark.skipif(GPG is None, reason=WITHOUT_GPG)


def agreed(world, sides):
    """The house in which cedar sends and gets OpenPGP, and archives within it; harbor archives."""
    fingerprints = {
        "decrypt_with": sides.ours,
        "verify_with": (sides.theirs,),
        "sign_with": sides.ours,
        "encrypt_to": (sides.theirs,),
    }
    archives = ArchiveSettings(max_entries=3)
    wrapped = {
        CEDAR: {
            "openpgp": OpenPgpSettings(home=sides.carrier.home, **fingerprints),
            "archives": archives,
        },
        HARBOR: {"archives": archives},
    }
    settings = world.house.settings
    mailboxes = {
        partner_id: mailbox.model_copy(update=wrapped[partner_id])
        for partner_id, mailbox in settings.mailboxes.items()
    }
    return replace(world.house, settings=settings.model_copy(update={"mailboxes": mailboxes}))


def zipped(**entries):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return packed.getvalue()


def put(world, partner_id, name, content):
    (world.outbox(partner_id) / name).write_bytes(content)


def wrap_all(world, sides):
    """What the exchange has left is encrypted for us, some of it packed before."""
    for number, path in enumerate(sorted(world.outbox(CEDAR).iterdir())):
        content = path.read_bytes()
        path.unlink()
        if number:
            content = zipped(**{path.name: content})
        sealed = sides.exchange.sealed(content, sides.ours, sides.theirs)
        put(world, CEDAR, f"{path.name}{'.zip' if number else ''}.pgp", sealed)
    for path in sorted(world.outbox(HARBOR).iterdir()):
        put(world, HARBOR, f"{path.name}.gz", gzip.compress(path.read_bytes()))
        path.unlink()


@pytest.fixture(scope="module")
def played(tmp_path_factory, new_database_url, open_world):
    """A night of wrapped files, its twin in the clear, and a night of what may not be opened."""
    with (
        both_sides(tmp_path_factory.mktemp("p")) as sides,
        open_world(tmp_path_factory.mktemp("clear"), new_database_url(), members=24) as clear,
        open_world(tmp_path_factory.mktemp("wrapped"), new_database_url(), members=24) as world,
    ):
        clear.send(1)
        clear.run(1)
        house = agreed(world, sides)
        world.send(1)
        wrap_all(world, sides)
        came = {path.name: path.read_bytes() for path in world.outbox(CEDAR).iterdir()}
        first = run_night(house, world.clock(1))
        sent = {path.name: path.read_bytes() for path in world.inbox(CEDAR).iterdir()}
        one_name = min(came)
        refused = refused_files(sides)
        for name, content in refused.items():
            put(world, CEDAR if "pgp" in name or "plain" in name else HARBOR, name, content)
        put(world, CEDAR, one_name, came[one_name])
        put(world, CEDAR, "another-name.pgp", came[one_name])
        world.write_carrier_records(2)
        second = run_night(house, world.clock(2))
        yield world, house, sides, clear, came, sent, refused, first, second


def refused_files(sides):
    """What may not be opened, by name."""
    good = b"ISA*00*"
    return {
        "plain.P": good,
        "unsigned.pgp": sides.exchange.sealed(good, sides.ours, None),
        "not-for-us.pgp": sides.exchange.sealed(good, sides.theirs, sides.theirs),
        "by-us.pgp": sides.carrier.sealed(good, sides.ours, sides.ours),
        "bomb.pgp": sides.exchange.sealed(zipped(a=bytes(9_000_000)), sides.ours, sides.theirs),
        "bomb.gz": gzip.compress(bytes(9_000_000)),
        "nested.zip": zipped(**{"a.zip": zipped(a=good)}),
        "path.zip": zipped(**{"../a.P": good}),
        "many.zip": zipped(a=good, b=good, c=good, d=good),
        "damaged.zip": zipped(a=good * 100)[:-30],
    }


def test_a_night_of_wrapped_files_is_the_night_of_clear_ones(played):
    """Names, bytes, states and verdicts of what was in them, and of all that was written."""
    world, _, _, clear, *_, first, _ = played
    rows = (
        "SELECT direction, partner_id, name, sha256, kind, state, verdict FROM ledger.file"
        " WHERE kind <> 'wrapped' AND recorded_at = :as_of ORDER BY 1, 2, 3, 4"
    )
    assert first.failures == ()
    assert world.rows(rows, as_of=world.clock(1)) == clear.rows(rows, as_of=clear.clock(1))


def test_wrapped_and_clear_bytes_are_in_the_ledger_and_lead_to_each_other(played):
    """Everything that came is kept as it came; what was in it says where."""
    world, house, _, _, came, *_ = played
    rows = world.rows(
        "SELECT w.how, o.name, o.storage_key, o.state FROM ledger.wrapping w"
        " JOIN ledger.file o ON o.file_id = w.origin_file_id"
        " JOIN ledger.file f ON f.file_id = w.file_id WHERE o.partner_id = :p"
        " AND o.sha256 = w.sha256 AND o.recorded_at = :as_of",
        p=CEDAR,
        as_of=world.clock(1),
    )
    assert {state for *_, state in rows} == {"applied"}
    assert {how for how, *_ in rows} == {"openpgp", "zip"}
    kept = {name: house.landing.open(key).read() for how, name, key, _ in rows if how == "openpgp"}
    assert kept == came


def test_what_leaves_is_for_the_partner_and_the_same_when_it_is_looked_for(played):
    """Signed by us, encrypted to the exchange, what the ledger says it is."""
    world, house, sides, _, _, sent, *_ = played
    written = world.rows(
        "SELECT f.name, f.storage_key, w.name, w.sha256 FROM ledger.file f"
        " JOIN ledger.wrapping w USING (file_id) WHERE w.origin_file_id IS NULL"
        " AND f.recorded_at = :as_of",
        as_of=world.clock(1),
    )
    assert {wire_name for *_, wire_name, _ in written} == set(sent)
    for name, key, wire_name, _ in written:
        assert wire_name == f"{name}.pgp"
        clear = house.landing.open(key).read()
        assert sides.exchange.opened(sent[wire_name]) == (clear, sides.ours)


@pytest.mark.fault("F31")
def test_what_may_not_be_opened_is_set_apart_with_the_reason(played):
    """F31, input 87: kept as it came, nothing of it parsed, answered or stored in the clear."""
    world, house, *_, refused, _, second = played
    assert second.failures == ()
    for name, content in refused.items():
        row = world.file_named(name)
        inner = world.rows(
            "SELECT f.file_id, f.note FROM ledger.wrapping w JOIN ledger.file f"
            " ON f.file_id = w.file_id WHERE w.origin_file_id = :f", f=row.file_id
        )  # fmt: skip
        if name == "bomb.pgp":  # the archive within it is what may not be opened
            ((_, note),) = inner
            assert row.state == "applied"
            assert "times its size" in note
            continue
        assert (row.kind, row.state) == ("wrapped", "quarantined")
        assert row.note
        assert inner == []
        assert house.landing.open(row.storage_key).read() == content
    answered = world.rows(
        "SELECT count(*) FROM ledger.file WHERE answers_file_id IN"
        " (SELECT file_id FROM ledger.file WHERE kind = 'wrapped')"
    )
    assert answered == [(0,)]


@pytest.mark.fault("F6")
def test_the_same_wrapped_file_again_has_no_second_effect(played):
    """F6: under its name a sighting, under another a copy; what was in it stays as it was."""
    world, _, _, _, came, *_ = played
    one_name = min(came)
    first = world.file_named(one_name)
    copy = world.file_named("another-name.pgp")
    seen = world.rows("SELECT count(*) FROM ledger.sighting WHERE file_id = :f", f=first.file_id)
    assert seen == [(1,)]
    assert (copy.state, copy.duplicate_of) == ("duplicate", first.file_id)


def test_a_replay_makes_the_same_of_wrapped_files(played, tmp_path):
    """From what was in them: nothing is opened again, and no key is asked for."""
    _, house, sides, *_ = played
    away = sides.carrier.home.with_name("away")
    shutil.move(sides.carrier.home, away)
    try:
        result = replay(house)
    finally:
        shutil.move(away, sides.carrier.home)
    assert result.is_identical, result
