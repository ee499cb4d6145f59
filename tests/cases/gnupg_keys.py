"""Key folders of GnuPG for tests: an exchange's and ours, made by the real program."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

GPG = shutil.which("gpg")
WITHOUT_GPG = "no gpg here: install the package gnupg"


@dataclass(frozen=True)
class Keyring:
    """A folder of keys, and what is done in it by hand."""

    home: Path

    def gpg(self, *arguments: str, given: bytes = b"") -> bytes:
        """What GnuPG gives. Fails when it fails."""
        quiet = ("--batch", "--yes", "--quiet", "--no-tty", "--pinentry-mode", "loopback")
        always = ("--trust-model", "always")
        command = [str(GPG), "--homedir", str(self.home), *quiet, *always, *arguments]
        return subprocess.run(command, input=given, capture_output=True, check=True).stdout

    def new_key(self, name: str, passphrase: str = "", *, expired: bool = False) -> str:
        """The fingerprint of a new key that signs, with one below it that encrypts."""
        past = ("--faked-system-time", "20200101T000000")
        until = "1y" if expired else "never"
        secret = ("--passphrase", passphrase)
        user = f"{name} <{name}@example.com>"
        self.gpg(*past, *secret, "--quick-generate-key", user, "ed25519", "sign", until)
        listed = self.gpg("--with-colons", "--list-keys", f"{name}@example.com").decode()
        fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line[:3] == "fpr")
        self.gpg(*past, *secret, "--quick-add-key", fingerprint, "cv25519", "encr", until)
        return fingerprint

    def give(self, other: "Keyring", fingerprint: str) -> None:
        """The public half of a key for somebody else."""
        other.gpg("--import", given=self.gpg("--export", fingerprint))

    def sealed(self, content: bytes, to: str, by: str | None, *more: str) -> bytes:
        """The content encrypted to a key, and signed by one of ours or by nobody."""
        signed = ("--sign", "--local-user", by) if by else ()
        return self.gpg(*more, *signed, "--encrypt", "--recipient", to, given=content)

    def opened(self, content: bytes) -> tuple[bytes, str]:
        """What is within, and the fingerprint of who signed it."""
        command = ("--status-fd", "2", "--decrypt")
        quiet = ("--batch", "--no-tty", "--trust-model", "always")
        done = subprocess.run(
            [str(GPG), "--homedir", str(self.home), *quiet, *command],
            input=content,
            capture_output=True,
            check=True,
        )
        valid = next(line for line in done.stderr.decode().splitlines() if " VALIDSIG " in line)
        return done.stdout, valid.split()[-1]


@contextmanager
def keyring(home: Path) -> Iterator[Keyring]:
    """An empty folder of keys; its agent ends with the context."""
    home.mkdir(mode=0o700, parents=True)
    try:
        yield Keyring(home)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


@dataclass(frozen=True)
class BothSides:
    """Who has which keys: fingerprints of ours and of the exchange's, known to both."""

    carrier: Keyring
    exchange: Keyring
    ours: str
    theirs: str
    expired: str  # the exchange's, and not any more


@contextmanager
def both_sides(folder: Path) -> Iterator[BothSides]:
    """Two folders of keys that know each other."""
    with keyring(folder / "c") as carrier, keyring(folder / "x") as exchange:
        sides = BothSides(
            carrier,
            exchange,
            carrier.new_key("carrier"),
            exchange.new_key("exchange"),
            exchange.new_key("former", expired=True),
        )
        carrier.give(exchange, sides.ours)
        exchange.give(carrier, sides.theirs)
        exchange.give(carrier, sides.expired)
        yield sides
