"""The exchange's SFTP server, on loopback: a user for each partner, locked into its own mailbox."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from schemas.partners import Partner

_HOST = "127.0.0.1"
_ALGORITHM = "ssh-ed25519"
_PATIENCE_SECONDS = 30

Result = TypeVar("Result")


@dataclass(frozen=True)
class Endpoint:
    """Where the server listens, and what a client needs to log in.

    `host_key` is the public key in OpenSSH format. `users` gives, by partner id, the user's name
    and the path of its private key.
    """

    host: str
    port: int
    host_key: str
    users: dict[str, tuple[str, Path]]


@contextmanager
def serve(home: Path, partners: Mapping[str, Partner], port: int = 0) -> Iterator[Endpoint]:
    """A running server for the mailboxes under `home`; it ends with the context.

    Host and client keys are made under `home/keys` on first use, and kept. Port 0 takes a free
    one. It runs in a thread of its own.
    """
    keys = {partner_id: _key(home / "keys" / partner_id) for partner_id in partners}
    host_key = _key(home / "keys" / "host")
    mailboxes = _Mailboxes(home / "mailboxes", keys)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="exchange-sftp", daemon=True)
    thread.start()
    try:
        listener = _call(loop, mailboxes.listen(host_key, port))
        try:
            yield Endpoint(
                _HOST,
                listener.get_port(),
                host_key.export_public_key().decode().strip(),
                {partner_id: (partner_id, home / "keys" / partner_id) for partner_id in partners},
            )
        finally:
            _call(loop, mailboxes.stop(listener))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE_SECONDS)
        loop.close()


class _Mailboxes:
    """Which key may log in as whom, and which folder that user sees."""

    def __init__(self, root: Path, keys: Mapping[str, asyncssh.SSHKey]) -> None:
        self.root = root
        self.keys = keys
        self.connections: set[asyncssh.SSHServerConnection] = set()
        for user in keys:
            for folder in ("outbox", "inbox"):
                (root / user / folder).mkdir(parents=True, exist_ok=True)

    async def listen(self, host_key: asyncssh.SSHKey, port: int) -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            lambda: _Login(self),
            _HOST,
            port,
            server_host_keys=[host_key],
            sftp_factory=self.open,
            allow_scp=False,
            password_auth=False,
            kbdint_auth=False,
            public_key_auth=True,
            agent_forwarding=False,
            allow_pty=False,
        )

    async def stop(self, listener: asyncssh.SSHAcceptor) -> None:
        listener.close()
        for connection in tuple(self.connections):
            connection.abort()
        await listener.wait_closed()
        await asyncio.sleep(0)

    def open(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        user = channel.get_extra_info("username")
        return asyncssh.SFTPServer(channel, chroot=str(self.root / user).encode())


class _Login(asyncssh.SSHServer):
    """One connection: public key only, and only the key of that user."""

    def __init__(self, mailboxes: _Mailboxes) -> None:
        self.mailboxes = mailboxes
        self.connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection = conn
        self.mailboxes.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self.connection:
            self.mailboxes.connections.discard(self.connection)

    def begin_auth(self, username: str) -> bool:
        del username
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        expected = self.mailboxes.keys.get(username)
        return expected is not None and expected.public_data == key.public_data


def _key(path: Path) -> asyncssh.SSHKey:
    """The private key in that file, which is made when it is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = path.with_suffix(".part")
        unfinished.touch(mode=0o600)
        asyncssh.generate_private_key(_ALGORITHM).write_private_key(unfinished)
        unfinished.rename(path)
    return asyncssh.read_private_key(path)


def _call(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that runs in the server's thread."""
    return asyncio.run_coroutine_threadsafe(work, loop).result(_PATIENCE_SECONDS)
