"""Mailboxes that fail for a while, servers that are not the agreed one; partners apart."""

import socket
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

import asyncssh
import pytest
from structlog.testing import capture_logs

import pipeline.receive
from ledger import audit
from pipeline.night import run_night
from schemas.errors import Terminal
from sftp_inbox.client import connect
from sftp_inbox.receive import Removal
from tests.cases.world import CEDAR, HARBOR


def with_mailbox(world, **changes):
    """The house with cedar's mailbox changed so."""
    settings = world.house.settings
    changed = settings.mailboxes[CEDAR].model_copy(update=changes)
    mailboxes = settings.mailboxes | {CEDAR: changed}
    return replace(world.house, settings=settings.model_copy(update={"mailboxes": mailboxes}))


@contextmanager
def out_of_order(world, calls):
    """A line to the exchange that is cut at once so many times, and holds from then on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        answered = []

        def serve():
            with suppress(OSError):
                while True:
                    near, _ = listener.accept()
                    answered.append(near)
                    if len(answered) <= calls:
                        near.close()
                        continue
                    far = socket.create_connection((world.endpoint.host, world.endpoint.port))
                    for ends in ((near, far), (far, near)):
                        threading.Thread(target=pump, args=ends, daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield with_mailbox(world, port=listener.getsockname()[1]), answered
        listener.shutdown(socket.SHUT_RDWR)


def pump(source, target):
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@pytest.mark.fault("F1")
def test_a_mailbox_that_comes_back_is_visited_within_the_night(cedar_world):
    """F1: two calls are cut, the third is answered: nothing is late."""
    world = cedar_world
    world.send(1)
    with out_of_order(world, 2) as (house, answered), capture_logs() as logs:
        result = run_night(house, world.clock(1))

    told = [line for line in logs if line["event"] == "mailbox tried again"]
    assert [line["after_try"] for line in told] == [1, 2]
    assert {line["partner"] for line in told} == {CEDAR}
    assert result.failures == ()
    assert len(answered) == 4  # to fetch, at the third time, and to deliver
    assert list(world.outbox(CEDAR).iterdir()) == []


@pytest.mark.fault("F1")
@pytest.mark.control("denial-of-service")
def test_a_mailbox_that_stays_away_is_tried_a_few_times_and_stops_nobody(world):
    """F1: as often as the settings say, then the step has failed; the other night is whole."""
    world.send(1)
    with out_of_order(world, 100) as (house, answered):
        result = run_night(house, world.clock(1))

    failed = {(failure.partner_id, failure.step) for failure in result.failures}
    assert failed == {(CEDAR, "fetching files")}
    assert len(answered) == house.settings.wire_tries
    assert list(world.outbox(HARBOR).iterdir()) == []


@pytest.mark.fault("F2")
def test_another_server_in_its_place_is_an_alert_that_stays(cedar_world):
    """F2: nothing is sent to it, it is not tried again, and the audit trail has both keys."""
    world = cedar_world
    world.send(1)
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    house = with_mailbox(world, host_key=key)
    with capture_logs() as logs:
        result = run_night(house, world.clock(1))

    (failure,) = result.failures
    assert "host key has changed" in failure.sentence
    alerts = [line for line in logs if line["event"] == "security alert" and "why" in line]
    assert [line["partner"] for line in alerts] == [CEDAR]
    assert not [line for line in logs if line["event"] == "mailbox tried again"]
    with world.house.engine.connect() as conn:
        entries = list(audit.entries(conn))
        assert audit.verify(iter(entries)).is_whole
    (told,) = [entry for entry in entries if entry.action == "server not trusted"]
    offered = asyncssh.import_public_key(world.endpoint.host_key).get_fingerprint()
    assert offered in told.details
    assert asyncssh.import_public_key(key).get_fingerprint() in told.details
    assert world.rows("SELECT count(*) FROM ledger.file WHERE partner_id = :p", p=CEDAR) == [(0,)]


@pytest.mark.fault("F30")
def test_with_the_new_key_the_same_night_goes_on(cedar_world, tmp_path):
    """The exchange does not take the old one any more; the next try has its own."""
    world = cedar_world
    world.send(1)
    old = tmp_path / "old"
    old.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    old.chmod(0o600)
    failed = run_night(with_mailbox(world, private_key=old), world.clock(1))
    (failure,) = failed.failures
    assert "refused our key" in failure.sentence
    ended = run_night(world.house, world.clock(1))
    assert (ended.run, ended.failures) == (failed.run, ())
    assert list(world.outbox(CEDAR).iterdir()) == []


@pytest.mark.fault("F7")
def test_what_stays_at_the_exchange_is_a_sighting(cedar_world, monkeypatch):
    """Told in the log; the next night knows it, and nothing follows from it."""
    world = cedar_world
    world.send(1)
    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(
            pipeline.receive, "remove", lambda _, one: Removal(one.name, removed=False, reason="no")
        )
        assert world.run(1).failures == ()
    assert [line for line in logs if line["event"] == "file not removed"]
    ((files,),) = world.rows(
        "SELECT count(*) FROM ledger.file WHERE direction = 'exchange_to_issuer'"
    )
    effects = [f"SELECT count(*) FROM {t}" for t in ("book.event", "book.policy", "ledger.file")]
    before = [world.rows(counted) for counted in effects]
    world.write_carrier_records(1)
    assert world.run(2).failures == ()
    assert world.rows("SELECT count(*) FROM ledger.sighting") == [(files,)]
    assert [world.rows(counted) for counted in effects] == before


def test_a_partner_sees_its_own_mailbox_only(world):
    """Whatever is asked for with one partner's key, the other's files are not there."""
    world.send(1)
    theirs = sorted(path.name for path in world.outbox(HARBOR).iterdir())
    with connect(world.house.mailbox(CEDAR)) as client:
        for path in (".", "/", "..", "../..", f"../{HARBOR}/outbox", f"/{HARBOR}/outbox", "outbox"):
            with suppress(FileNotFoundError):
                assert not set(client.listdir(path)) & {HARBOR, *theirs}
    own_name, others_key = world.house.mailbox(HARBOR), world.house.mailbox(CEDAR).private_key
    with (
        pytest.raises(Terminal, match="refused our key"),
        connect(replace(own_name, private_key=others_key)),
    ):
        pass


def test_the_same_bytes_in_two_mailboxes_are_two_files(world):
    """One name, one content, two partners: each has its row, none is the copy of the other's."""
    content = b"ISA*00*of nobody in particular"
    for partner_id in (CEDAR, HARBOR):
        (world.outbox(partner_id) / "same.P").write_bytes(content)
    world.write_carrier_records(1)
    run_night(world.house, world.clock(1))

    rows = "SELECT partner_id, duplicate_of, storage_key FROM ledger.file WHERE name = 'same.P'"
    (first, _, key), (second, _, other_key) = found = world.rows(f"{rows} ORDER BY partner_id")
    assert (first, second) == (CEDAR, HARBOR)
    assert [copy for _, copy, _ in found] == [None, None]
    assert key == other_key
