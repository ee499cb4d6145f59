"""Who we talk to, and what we say when we cannot."""

import socket
from contextlib import closing
from dataclasses import replace

import paramiko
import pytest

from schemas.errors import Retryable, Terminal
from sftp_inbox.client import UntrustedServer, connect
from sftp_inbox.mailbox import Patience

SHORT = Patience(connect_seconds=2, banner_seconds=0.5, handshake_seconds=1)


def failure(mailbox, kind, patience=SHORT):
    """The message of the failure that connecting ends in, which has to be one line."""
    with pytest.raises(kind) as caught, connect(mailbox, patience):
        pass
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert mailbox.partner_id in str(caught.value)
    return str(caught.value)


def test_pinned_server_lets_us_see_both_folders(exchange):
    """With the right keys on both sides the session starts in the login folder."""
    with connect(exchange.mailbox) as client:
        assert {"inbox", "outbox"} <= set(client.listdir("."))


def test_session_is_closed_after_its_block(exchange):
    """Nothing stays open when the block ends, also when it ends in an exception."""
    with pytest.raises(KeyError), connect(exchange.mailbox) as client:
        raise KeyError
    assert client.get_channel().closed


@pytest.mark.fault("F2")
@pytest.mark.control("authentication")
def test_changed_host_key_stops_us_before_any_authentication(start_sshd, keys):
    """F2: the server never hears who we are when its key is not the pinned one."""
    exchange = start_sshd()
    other = keys.make("other-host")
    message = failure(replace(exchange.mailbox, host_key=other), UntrustedServer)
    assert "host key has changed" in message
    pinned = paramiko.PKey.from_path(keys.folder / "other-host").fingerprint
    offered = paramiko.PKey.from_path(keys.folder / "host").fingerprint
    assert pinned in message
    assert offered in message
    assert "userauth-request" not in exchange.log.read_text()
    with connect(exchange.mailbox):
        assert "userauth-request" in exchange.log.read_text()


@pytest.mark.fault("F2")
@pytest.mark.control("authentication")
def test_pinned_key_of_another_kind_is_a_changed_key(start_sshd, keys):
    """A server that no longer has a key of the pinned kind is not the one we know."""
    exchange = start_sshd()
    message = failure(
        replace(exchange.mailbox, host_key=keys.make("ec", "ecdsa-sha2-nistp256")), UntrustedServer
    )
    assert "host key has changed" in message
    assert "userauth-request" not in exchange.log.read_text()


@pytest.mark.parametrize("algorithm", ["ssh-rsa", "ecdsa-sha2-nistp256"])
def test_server_with_several_keys_is_recognised_by_the_pinned_kind(start_sshd, keys, algorithm):
    """Which of its keys a server prefers to show does not make it a stranger."""
    second = keys.make("second-host", algorithm)
    exchange = start_sshd(f"HostKey {keys.folder / 'second-host'}")
    for host_key in (exchange.mailbox.host_key, second):
        with connect(replace(exchange.mailbox, host_key=host_key)) as client:
            assert "outbox" in client.listdir(".")


@pytest.mark.fault("F2")
@pytest.mark.control("authentication")
@pytest.mark.parametrize(
    "host_key", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 !", "dsa AAAA"]
)
def test_missing_host_key_is_refused_before_connecting(exchange, host_key):
    """An unknown server is never trusted on first use."""
    message = failure(replace(exchange.mailbox, host_key=host_key, port=1), Terminal)
    assert "no valid host key is pinned" in message


@pytest.mark.fault("F1")
def test_refused_port_can_be_tried_again(exchange):
    """F1: a server that is down is no reason to call a person at once."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    assert "connection refused" in failure(replace(exchange.mailbox, port=port), Retryable)


@pytest.mark.fault("F1")
def test_unknown_host_name_can_be_tried_again(exchange):
    """F1: a failing name service is a failure of the wire."""
    failure(replace(exchange.mailbox, host="sftp.exchange.invalid"), Retryable)


@pytest.mark.fault("F1")
def test_silent_server_does_not_hold_up_the_night(exchange):
    """A server that accepts and never speaks is left after the agreed time."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        failure(replace(exchange.mailbox, port=listener.getsockname()[1]), Retryable)


@pytest.mark.parametrize("byte", [1, 20, 60, 500, 1200, 1700])
def test_line_cut_during_the_handshake_can_be_tried_again(start_sshd, cut_line, byte, capfd):
    """Wherever the line is cut, one sentence comes out and no traceback."""
    exchange = start_sshd()
    with cut_line(exchange.mailbox, from_server=byte) as mailbox:
        failure(mailbox, Retryable, Patience())
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.fault("F1")
@pytest.mark.control("authentication")
def test_key_that_the_exchange_does_not_know_needs_a_person(exchange, keys):
    """F1: trying a refused key again only locks accounts."""
    keys.make("stranger")
    mailbox = replace(exchange.mailbox, private_key=keys.folder / "stranger")
    message = failure(mailbox, Terminal)
    assert "refused our key" in message
    assert paramiko.PKey.from_path(mailbox.private_key).fingerprint in message


def test_unusable_private_keys_are_named(exchange, keys):
    """Missing, damaged or locked: the message names the file, and the server is not asked."""
    keys.make("locked", passphrase="opens it")
    (keys.folder / "damaged").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
    (keys.folder / "empty").write_text("")
    for name in ("missing", "damaged", "empty", "locked"):
        path = keys.folder / name
        assert str(path) in failure(replace(exchange.mailbox, private_key=path, port=1), Terminal)


@pytest.mark.control("transmission")
@pytest.mark.parametrize(
    "weak",
    [
        "Ciphers aes256-cbc",
        "MACs hmac-sha1",
        "KexAlgorithms diffie-hellman-group14-sha1",
    ],
)
def test_server_with_weak_algorithms_only_is_refused(start_sshd, weak):
    """Neither CBC nor SHA-1, in MACs or key exchange, even when nothing else is on offer."""
    exchange = start_sshd(weak, "Ciphers aes256-ctr")
    assert "algorithms that are not allowed" in failure(exchange.mailbox, Terminal)
