"""An authenticated SFTP session with a mailbox, from its address and keys.

The server proves itself first: before its key was compared with the pinned one, nothing is sent
that could be used to authenticate. Only the mailbox's own key is offered: no agent, no key from
the home folder, no password.
"""

import logging
import socket
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko

from schemas.errors import Retryable, Terminal
from sftp_inbox.arrivals import EagerSocket
from sftp_inbox.failures import WIRE_FAILURES, reason_of, wire_failures
from sftp_inbox.mailbox import Mailbox, Patience
from sftp_inbox.session import Session

# What paramiko still offers although OpenSSH's defaults refuse it: CBC ciphers and MACs over SHA-1
# and MD5. Without CBC no encrypt-then-MAC mode is left that Terrapin (CVE-2023-48795) could cut.
_WEAK_ALGORITHMS = {
    "ciphers": ("aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"),
    "macs": ("hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96"),
}
# Counter mode needs a MAC of its own for each packet; this order takes the mode that needs none.
_FIRST_CIPHERS = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com")
_DEFAULT_PATIENCE = Patience()

# paramiko logs a traceback for each cut connection; the one line that we raise says it all.
_LOG_CHANNEL = "sftp_inbox.paramiko"
logging.getLogger(_LOG_CHANNEL).addHandler(logging.NullHandler())
logging.getLogger(_LOG_CHANNEL).propagate = False


class UntrustedServer(Terminal):
    """The server has another host key than the one that is pinned; nothing was sent to it."""

    def __init__(self, sentence: str, pinned: str, offered: str) -> None:
        super().__init__(sentence)
        self.pinned = pinned  # fingerprints
        self.offered = offered


@contextmanager
def connect(mailbox: Mailbox, patience: Patience = _DEFAULT_PATIENCE) -> Iterator[Session]:
    """An SFTP session with the mailbox, closed when the block ends.

    Raises:
        Retryable: refused, not found, cut or silent.
        UntrustedServer: the host key has changed.
        Terminal: host key unknown, our key refused, or no algorithm in common.
    """
    pinned = _pinned_host_key(mailbox)
    own_key = _private_key(mailbox)
    transport = _reach(mailbox, patience)
    try:
        _shake_hands(transport, mailbox, pinned, patience)
        _authenticate(transport, mailbox, own_key, patience)
        yield _open_session(transport, mailbox, patience)
    finally:
        transport.close()


def is_alive(session: Session) -> bool:
    """Whether the session still answers: if so, a failure before was one file's alone."""
    try:
        session.stat(".")
    except WIRE_FAILURES:
        return False
    return True


def _pinned_host_key(mailbox: Mailbox) -> paramiko.PKey:
    words = mailbox.host_key.split()
    try:
        return paramiko.PKey.from_type_string(words[0], b64decode(words[1], validate=True))
    except (IndexError, ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as error:
        raise Terminal(
            f"{mailbox}: no valid host key is pinned, so the server cannot be recognised. Get its "
            "public key from the exchange and set it as one line: ssh-ed25519 AAAA…"
        ) from error


def _private_key(mailbox: Mailbox) -> paramiko.PKey:
    path = mailbox.private_key
    try:
        return paramiko.PKey.from_path(path)
    except OSError as error:
        raise Terminal(
            f"{mailbox}: private key {path} cannot be read ({reason_of(error)}). "
            "Correct the path or its permissions."
        ) from error
    except (TypeError, ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as error:
        raise Terminal(
            f"{mailbox}: {path} is not a private key that can be used without a passphrase. "
            "Name an OpenSSH private key."
        ) from error


def _reach(mailbox: Mailbox, patience: Patience) -> paramiko.Transport:
    try:
        connection = socket.create_connection(
            (mailbox.host, mailbox.port), timeout=patience.connect_seconds
        )
    except OSError as error:
        raise Retryable(
            f"{mailbox} cannot be reached: {reason_of(error)}. "
            "It can be tried again; if it stays so, check host, port and network."
        ) from error
    # Else a request waits in the kernel until the server has acknowledged the one before it.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = paramiko.Transport(EagerSocket(connection), disabled_algorithms=_WEAK_ALGORITHMS)
    transport.set_log_channel(_LOG_CHANNEL)
    transport.banner_timeout = patience.banner_seconds
    transport.channel_timeout = patience.answer_seconds
    return transport


def _shake_hands(
    transport: paramiko.Transport, mailbox: Mailbox, pinned: paramiko.PKey, patience: Patience
) -> None:
    """Agrees on algorithms and keys, and ends everything if the server is not the pinned one."""
    options = transport.get_security_options()
    kind = pinned.get_name()
    # A server may hold keys of several kinds: ask for the pinned one, or it could look changed.
    algorithms = ("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,)
    options.ciphers = sorted(options.ciphers, key=lambda name: name not in _FIRST_CIPHERS)
    options.key_types = sorted(options.key_types, key=lambda name: name not in algorithms)
    try:
        transport.start_client(timeout=patience.handshake_seconds)
    except paramiko.ssh_exception.IncompatiblePeer as error:
        raise Terminal(
            f"{mailbox}: the server offers only algorithms that are not allowed "
            f"({reason_of(error)}). Ask the exchange for current ones."
        ) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise Retryable(
            f"{mailbox} did not complete the SSH handshake: {reason_of(error)}. "
            "It can be tried again."
        ) from error
    offered = transport.get_remote_server_key()
    if offered != pinned:
        raise UntrustedServer(
            f"{mailbox}: the host key has changed. Pinned is {pinned.fingerprint}, the server "
            f"offers {offered.fingerprint}. Nothing was sent. Ask the exchange by another channel "
            "whether the change is theirs, and only then pin the new key.",
            pinned.fingerprint,
            offered.fingerprint,
        )


def _authenticate(
    transport: paramiko.Transport, mailbox: Mailbox, own_key: paramiko.PKey, patience: Patience
) -> None:
    answered = threading.Event()
    with wire_failures(f"{mailbox}: authentication"):
        transport.auth_publickey(mailbox.username, own_key, event=answered)
    if not answered.wait(patience.authentication_seconds) or not transport.is_active():
        raise Retryable(
            f"{mailbox}: the connection ended or fell silent during authentication. "
            "It can be tried again; if it stays so, check user name and key."
        )
    if not transport.is_authenticated():
        raise Terminal(
            f"{mailbox}: the server refused our key {own_key.fingerprint}. Check the user name, "
            "and that the exchange has registered this key."
        )


def _open_session(transport: paramiko.Transport, mailbox: Mailbox, patience: Patience) -> Session:
    transport.set_keepalive(patience.keepalive_seconds)
    with wire_failures(f"{mailbox}: opening the SFTP session"):
        return Session.over(transport, patience.answer_seconds)
