"""Real SFTP servers on the loopback: OpenSSH for truth, asyncssh where a server must misbehave."""

import asyncio
import getpass
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from sftp_inbox.landing import LandingZone
from sftp_inbox.mailbox import Mailbox

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


@dataclass
class Exchange:
    """A running SFTP server with one mailbox, whose folders the test can see."""

    mailbox: Mailbox
    home: Path
    log: Path

    @property
    def outbox(self) -> Path:
        return self.home / "outbox"

    @property
    def inbox(self) -> Path:
        return self.home / "inbox"


@dataclass(frozen=True)
class Keys:
    """Key files of both sides, and the public line of the server's."""

    folder: Path

    def make(self, name: str, algorithm: str = "ssh-ed25519", passphrase: str | None = None) -> str:
        key = asyncssh.generate_private_key(algorithm)
        path = self.folder / name
        path.write_bytes(key.export_private_key("openssh", passphrase))
        path.chmod(0o600)
        public = key.export_public_key().decode().strip()
        (self.folder / f"{name}.pub").write_text(public + "\n")
        return public


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    folder = tmp_path / "keys"
    folder.mkdir()
    return Keys(folder)


@pytest.fixture
def landing(tmp_path: Path) -> LandingZone:
    return LandingZone(tmp_path / "landing")


def new_exchange(tmp_path: Path, keys: Keys) -> Exchange:
    home = tmp_path / "exchange"
    for folder in ("outbox", "inbox"):
        (home / folder).mkdir(parents=True)
    keys.make("carrier")
    mailbox = Mailbox(
        partner_id="harbor-light-nc",
        host="127.0.0.1",
        port=0,
        username=getpass.getuser(),
        private_key=keys.folder / "carrier",
        host_key=keys.make("host"),
    )
    return Exchange(mailbox, home, tmp_path / "server.log")


@pytest.fixture
def start_sshd(tmp_path: Path, keys: Keys) -> Iterator[Callable[..., Exchange]]:
    """Starts an OpenSSH server; extra configuration lines come first, and win."""
    if SSHD is None:
        pytest.skip("no sshd here: install the package openssh-server")
    servers: list[subprocess.Popen[bytes]] = []

    def start(*extra: str) -> Exchange:
        exchange = new_exchange(tmp_path, keys)
        port = free_port()
        configuration = tmp_path / "sshd_config"
        configuration.write_text(
            "\n".join(
                [
                    *extra,
                    f"Port {port}",
                    "ListenAddress 127.0.0.1",
                    f"HostKey {keys.folder / 'host'}",
                    f"AuthorizedKeysFile {keys.folder / 'carrier.pub'}",
                    "PidFile none",
                    "StrictModes no",
                    "UsePAM no",
                    "PasswordAuthentication no",
                    "KbdInteractiveAuthentication no",
                    "PermitRootLogin prohibit-password",
                    "Subsystem sftp internal-sftp",
                    f"ForceCommand internal-sftp -d {exchange.home}",
                    "LogLevel DEBUG1",
                    "",
                ]
            )
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        command = [str(SSHD), "-D", "-f", str(configuration), "-E", str(exchange.log)]
        servers.append(subprocess.Popen(command))
        wait_until_open(port, exchange.log)
        return replace(exchange, mailbox=replace(exchange.mailbox, port=port))

    yield start
    for server in servers:
        server.terminate()
        server.wait()


@pytest.fixture
def start_asyncssh(tmp_path: Path, keys: Keys) -> Iterator[Callable[..., Exchange]]:
    """Starts an asyncssh server; the class of its SFTP side may misbehave as a test needs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    acceptors: list[asyncssh.SSHAcceptor] = []

    def start(server: type[asyncssh.SFTPServer] = asyncssh.SFTPServer) -> Exchange:
        exchange = new_exchange(tmp_path, keys)

        async def listen() -> asyncssh.SSHAcceptor:
            return await asyncssh.listen(
                "127.0.0.1",
                0,
                server_host_keys=[str(keys.folder / "host")],
                authorized_client_keys=str(keys.folder / "carrier.pub"),
                sftp_factory=lambda channel: server(channel, chroot=os.fsencode(exchange.home)),
            )

        acceptor = asyncio.run_coroutine_threadsafe(listen(), loop).result()
        acceptors.append(acceptor)
        return replace(exchange, mailbox=replace(exchange.mailbox, port=acceptor.get_port()))

    async def stop() -> None:
        for acceptor in acceptors:
            acceptor.close()
            await acceptor.wait_closed()

    yield start
    asyncio.run_coroutine_threadsafe(stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(params=["openssh", "asyncssh"])
def exchange(request: pytest.FixtureRequest) -> Exchange:
    """An exchange that behaves, on each of the two servers."""
    fixture = {"openssh": "start_sshd", "asyncssh": "start_asyncssh"}[request.param]
    started: Exchange = request.getfixturevalue(fixture)()
    return started


@pytest.fixture
def cut_line() -> Callable[..., Any]:
    """A mailbox reached through a line that is cut after so many bytes in one direction."""
    return cut


@contextmanager
def cut(
    mailbox: Mailbox, from_server: int | None = None, to_server: int | None = None
) -> Iterator[Mailbox]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            near, _ = listener.accept()
            far = socket.create_connection((mailbox.host, mailbox.port))
            pumps = [
                threading.Thread(target=pump, args=(far, near, from_server)),
                threading.Thread(target=pump, args=(near, far, to_server)),
            ]
            for each in pumps:
                each.start()
            for each in pumps:
                each.join()
            near.close()
            far.close()

        line = threading.Thread(target=serve)
        line.start()
        yield replace(mailbox, port=listener.getsockname()[1])
        line.join()


def pump(source: socket.socket, target: socket.socket, limit: int | None) -> None:
    """Copies bytes until one side ends or the limit is reached, then ends both.

    What comes later is read and thrown away: bytes that nobody reads reset a line, and then what
    was on its way to the other side is lost, too.
    """
    with suppress(OSError):
        while limit != 0 and (data := source.recv(min(limit or 65536, 65536))):
            target.sendall(data)
            limit = None if limit is None else limit - len(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
    with suppress(OSError):
        while source.recv(65536):
            pass


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


def wait_until_open(port: int, log: Path) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"sshd did not start: {log.read_text()}")
