"""`make bench-sftp`: how long a large file takes to be fetched, beside OpenSSH's `sftp` command.

Both fetch the same file from the same server on this machine, in turns, within one run. Ours is
hashed and on the disk when it ends. Nothing here passes or fails: figures are for people to read,
in `benchmarks/RESULTS.md`.
"""

import argparse
import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import asyncssh

from benchmarks import report
from sftp_inbox.client import connect
from sftp_inbox.landing import LandingZone
from sftp_inbox.listing import Waiting
from sftp_inbox.mailbox import Mailbox
from sftp_inbox.receive import Fetched, fetch

_SECTION = "# Large files over SFTP"
_HOW = (
    "A file of random bytes, fetched from an OpenSSH server on the same machine: by the `sftp` "
    "command, and by our `fetch`, which hashes every byte, stores the file under its hash and "
    "waits until it is on the disk. In turns, medians; connecting is part of both, and so is what "
    "else the machine did. The share is the rate of our fetch to that of `sftp`, round by round."
)
_NAME = "file"


@dataclass(frozen=True)
class Server:
    """A running OpenSSH server, and the folder of its file, its keys, and what is fetched."""

    folder: Path
    port: int

    @property
    def mailbox(self) -> Mailbox:
        """As our client knows it."""
        return Mailbox(
            partner_id="bench",
            host="127.0.0.1",
            port=self.port,
            username=getpass.getuser(),
            private_key=self.folder / "client",
            host_key=(self.folder / "host.pub").read_text().strip(),
        )


def main() -> None:
    """Measures, prints the table, and writes it to `benchmarks/RESULTS.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", help="printed in the results")
    parser.add_argument("--megabytes", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fetch", nargs=2, metavar=("FOLDER", "PORT"), help="one fetch of ours")
    options = parser.parse_args()
    if options.fetch:
        print(json.dumps(_fetched(Server(Path(options.fetch[0]), int(options.fetch[1])))))
        return
    size = options.megabytes * 1_000_000
    with tempfile.TemporaryDirectory() as folder, _sshd(Path(folder), size) as server:
        ways: dict[str, Callable[[], tuple[float, float]]] = {
            "sftp": lambda: _by_command(server, check=False),
            "sftp, sha256sum, sync": lambda: _by_command(server, check=True),
            "edi834 fetch": lambda: _by_us(server),
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, way in ways.items():
                taken[name].append(way())
    section = "\n\n".join(
        (
            _SECTION,
            f"Measured on {options.date} by `make bench-sftp`.",
            report.machine(),
            _HOW,
            _table(taken, size),
        )
    )
    report.put_section(_SECTION, section)
    print(section)


def _table(taken: dict[str, list[tuple[float, float]]], size: int) -> str:
    rows = []
    first = [seconds for seconds, _ in next(iter(taken.values()))]
    for name, runs in taken.items():
        seconds = [second for second, _ in runs]
        shares = [one / other for one, other in zip(first, seconds, strict=True)]
        rows.append(
            (
                name,
                f"{size / 1e6:,.0f}",
                f"{median(seconds):.2f}",
                f"{min(seconds):.2f}-{max(seconds):.2f} ({len(seconds)})",
                f"{size / 1e6 / median(seconds):,.0f}",
                f"{median(shares):.0%}",
                f"{min(shares):.0%}-{max(shares):.0%}",
                f"{max(peak for _, peak in runs) / 1e6:,.0f}",
            )
        )
    titles = ("MB", "seconds", "min-max (runs)", "MB/s", "share", "min-max", "peak MB")
    return report.table(("command", *titles), rows)


def _fetched(server: Server) -> tuple[float, float]:
    """Seconds of a fetch in this process, from connecting to the file that is safe; its peak."""
    path = server.folder / "outbox" / _NAME
    told = path.stat()
    modified = datetime.fromtimestamp(int(told.st_mtime), UTC)
    waiting = Waiting("bench", _NAME, f"outbox/{_NAME}".encode(), told.st_size, modified)
    begun = time.perf_counter()
    with connect(server.mailbox) as client:
        fetched = fetch(client, waiting, LandingZone(server.folder / "landing"))
    seconds = time.perf_counter() - begun
    assert isinstance(fetched, Fetched)
    peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    return seconds, int(peak) * 1024


def _by_us(server: Server) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.transfer", "--fetch", server.folder, server.port]
    done = subprocess.run([*map(str, command)], check=True, capture_output=True)
    shutil.rmtree(server.folder / "landing")
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def _by_command(server: Server, *, check: bool) -> tuple[float, float]:
    """Seconds of the `sftp` command; with `check`, until the file is hashed and on the disk."""
    target = server.folder / "fetched"
    known = server.folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {server.mailbox.host_key}\n")
    options = ("-q", "-P", server.port, "-i", server.mailbox.private_key, "-F", "none")
    trust = ("-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes")
    source = f"{server.mailbox.username}@127.0.0.1:outbox/{_NAME}"
    begun = time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in ("sftp", *options, *trust, source, target)],
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("The sftp command failed.")
    if check:
        subprocess.run(["sha256sum", target], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["sync", target], check=True)
    seconds = time.perf_counter() - begun
    target.unlink()
    return seconds, used.ru_maxrss * 1024


@contextmanager
def _sshd(folder: Path, size: int) -> Iterator[Server]:
    """An OpenSSH server with one file of that size; both are gone with the context."""
    sshd = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if sshd is None or shutil.which("sftp") is None:
        raise SystemExit("Install openssh-server and openssh-client to measure with.")
    (folder / "outbox").mkdir()
    with (folder / "outbox" / _NAME).open("wb") as file:
        for _ in range(0, size, 1_000_000):
            file.write(os.urandom(min(1_000_000, size)))
    for name in ("host", "client"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        (folder / name).write_bytes(key.export_private_key())
        (folder / name).chmod(0o600)
        (folder / f"{name}.pub").write_bytes(key.export_public_key())
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = int(listener.getsockname()[1])
    lines = (
        f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {folder / 'host'}",
        f"AuthorizedKeysFile {folder / 'client.pub'}", "PidFile none", "StrictModes no",
        "UsePAM no", "PasswordAuthentication no", "PermitRootLogin prohibit-password",
        "Subsystem sftp internal-sftp", f"ForceCommand internal-sftp -d {folder}",
    )  # fmt: skip
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    server = subprocess.Popen([sshd, "-D", "-f", folder / "sshd_config", "-E", folder / "log"])
    try:
        _wait_for(port)
        yield Server(folder, port)
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("sshd did not start.")


if __name__ == "__main__":
    main()
