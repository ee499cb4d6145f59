"""An OpenSSH server with one mailbox on the loopback, for what is measured over a real wire."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from pipeline.settings import MailboxSettings

_PATIENCE_SECONDS = 10
_CONFIGURATION = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {keys}/host
AuthorizedKeysFile {keys}/carrier.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d {home}
"""


@dataclass(frozen=True)
class Served:
    """A running server: how our side logs in, and the folders that the other side sees."""

    mailbox: MailboxSettings
    outbox: Path
    inbox: Path


@contextmanager
def openssh(folder: Path) -> Iterator[Served]:
    """The server, which ends with the block; keys and mailbox are made below `folder`."""
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise SystemExit("No sshd here: install the package openssh-server.")
    keys, home = folder / "keys", folder / "exchange"
    for made in (keys, home / "outbox", home / "inbox"):
        made.mkdir(parents=True)
    host_key = _key(keys / "host")
    _key(keys / "carrier")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    configuration = folder / "sshd_config"
    configuration.write_text(_CONFIGURATION.format(port=port, keys=keys, home=home))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    log = folder / "sshd.log"
    server = subprocess.Popen([program, "-D", "-f", configuration, "-E", log])
    try:
        _wait_until_open(port, log)
        mailbox = MailboxSettings(
            host="127.0.0.1",
            port=port,
            username=getpass.getuser(),
            private_key=keys / "carrier",
            host_key=host_key,
        )
        yield Served(mailbox, home / "outbox", home / "inbox")
    finally:
        server.terminate()
        server.wait()


def _key(path: Path) -> str:
    """The public half of a key that is made, in OpenSSH format."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    path.write_bytes(key.export_private_key("openssh"))
    path.chmod(0o600)
    public = key.export_public_key().decode().strip()
    path.with_suffix(".pub").write_text(public + "\n")
    return public


def _wait_until_open(port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit(f"sshd does not answer; read {log}.")
