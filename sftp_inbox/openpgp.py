"""OpenPGP by GnuPG: what comes is decrypted and its signer known, what goes is signed and sealed.

Keys are named by fingerprint, in a folder of the partner's own. What GnuPG gives is passed on while
it works; whether it may be used is known at the end only, so whoever stores it must store nothing
when the end raises.
"""

import logging
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from schemas.errors import Terminal
from sftp_inbox.gnupg_status import require_sound, status_of
from sftp_inbox.working_keys import working_copy

_CHUNK_BYTES = 256 * 1024
_WAITING_CHUNKS = 16
_SECONDS = 1.0
_QUIET = ("--pinentry-mode", "loopback", "--disable-dirmngr", "--no-auto-key-locate")
_ENDINGS = (".pgp", ".gpg", ".asc")

# GnuPG's lines name users and files: no log of ours has them.
logging.getLogger("gnupg").addHandler(logging.NullHandler())
logging.getLogger("gnupg").propagate = False


@dataclass(frozen=True)
class Keys:
    """Which keys a partner and we use, by fingerprint, and the folder (GNUPGHOME) they lie in."""

    home: Path
    decrypt_with: str | None = None  # ours
    verify_with: tuple[str, ...] = ()  # the partner's
    sign_with: str | None = None  # ours
    encrypt_to: tuple[str, ...] = ()  # the partner's
    passphrase_file: Path | None = None  # of our keys
    ending: str = ".pgp"  # of what we send


def clear_name(name: str) -> str:
    """What the file within is called."""
    ending = next((one for one in _ENDINGS if name.lower().endswith(one)), "")
    return name[: len(name) - len(ending)]


def decrypted(content: BinaryIO, keys: Keys, max_bytes: int) -> Iterator[bytes]:
    """The clear bytes. They may be used only when the iterator has ended without raising.

    Raises:
        NotOpenedError: not encrypted to our key, or not signed by one of the partner's, as
            `gnupg_status` judges.
        Terminal: GnuPG or its folder cannot be used.
    """
    extra = [*_QUIET, "--max-output", str(max_bytes), "--try-secret-key", str(keys.decrypt_with)]
    passphrase = _passphrase(keys)
    with _gpg(keys) as gpg:
        ours = _known(gpg, keys)

        def work() -> Any:
            return gpg.decrypt_file(
                content, always_trust=True, passphrase=passphrase, extra_args=extra
            )

        result = yield from _streamed(gpg, work)
    require_sound(status_of(result.stderr), result.returncode, ours, keys.verify_with)


def _known(gpg: Any, keys: Keys) -> set[str]:
    """Our key's fingerprint, with the ids of it and of the keys below it.

    That a key is missing here is our fault, and no file's: raises Terminal.
    """
    ours = {key["fingerprint"]: key for key in gpg.list_keys(secret=True)}
    theirs = {key["fingerprint"] for key in gpg.list_keys()}
    fingerprint = str(keys.decrypt_with)
    missing = {fingerprint} - ours.keys() | set(keys.verify_with) - theirs
    if missing:
        raise Terminal(
            f"The keys in {keys.home} lack {', '.join(sorted(missing))}. Import it with gpg "
            "--homedir …, or correct the fingerprint in the settings."
        )
    key = ours[fingerprint]
    return {fingerprint, key["keyid"], *(below[0] for below in key["subkeys"])}


def encrypted(content: BinaryIO, keys: Keys) -> Iterator[bytes]:
    """The content, signed with our key and encrypted to the partner's.

    Raises:
        Terminal: a key is missing, locked or expired, or GnuPG cannot be used.
    """
    passphrase = _passphrase(keys)
    with _gpg(keys) as gpg:

        def work() -> Any:
            return gpg.encrypt_file(
                content,
                list(keys.encrypt_to),
                sign=keys.sign_with,
                always_trust=True,
                passphrase=passphrase,
                armor=False,
                extra_args=list(_QUIET),
            )

        result = yield from _streamed(gpg, work)
    status = status_of(result.stderr)
    if "END_ENCRYPTION" not in status or "SIG_CREATED" not in status:
        said = next((word for word in ("INV_RECP", "INV_SGNR", "KEYEXPIRED") if word in status), "")
        raise Terminal(
            f"GnuPG cannot sign and encrypt with the keys in {keys.home} ({said or 'it failed'}). "
            "Look whether one is missing, locked or expired: gpg --homedir … --list-keys."
        )


def _passphrase(keys: Keys) -> str | None:
    if keys.passphrase_file is None:
        return None
    try:
        return keys.passphrase_file.read_text("utf-8").rstrip("\r\n")
    except OSError as error:
        raise Terminal(
            f"Passphrase file {keys.passphrase_file} cannot be read: {error.strerror}. "
            "Correct the path or its permissions."
        ) from None


@contextmanager
def _gpg(keys: Keys) -> Iterator[Any]:
    import gnupg

    with working_copy(keys.home) as home:
        try:
            gpg = gnupg.GPG(gnupghome=str(home))
        except (OSError, ValueError) as error:
            raise Terminal("GnuPG cannot be started. Install the package gnupg.") from error
        yield gpg


def _streamed(gpg: Any, work: Callable[[], Any]) -> Generator[bytes, None, Any]:
    """What GnuPG writes while it works, in bounded memory; its result when it has ended."""
    pipe = _Pipe()
    results: list[Any] = []
    failures: list[Exception] = []

    def remember(of: Any) -> Any:
        results.append(make(of))
        return results[-1]

    def run() -> None:
        try:
            work()
        except BrokenPipeError:  # GnuPG has read enough to refuse it; its result says why
            pass
        except Exception as error:  # noqa: BLE001 - raised again by who waits
            failures.append(error)
        finally:
            pipe.put(None)

    make = gpg.result_map["crypt"]
    gpg.result_map = gpg.result_map | {"crypt": remember}
    gpg.on_data = pipe.put
    gpg.buffer_size = _CHUNK_BYTES
    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    try:
        yield from pipe.chunks()
    finally:
        pipe.left.set()
        worker.join()
    if failures:
        raise failures[0]
    return results[0]


class _Pipe:
    """Chunks from the thread that reads GnuPG's output to whoever stores them."""

    def __init__(self) -> None:
        self.left = threading.Event()  # nobody takes any more
        self._waiting: queue.Queue[bytes | None] = queue.Queue(_WAITING_CHUNKS)

    def put(self, chunk: bytes | None) -> bool:
        """Waits for space. False: GnuPG's binding is to keep nothing of it."""
        while not self.left.is_set():
            with suppress(queue.Full):
                self._waiting.put(chunk, timeout=_SECONDS)
                break
        return False

    def chunks(self) -> Iterator[bytes]:
        """What was put, up to None."""
        while (chunk := self._waiting.get()) is not None:
            if chunk:
                yield chunk
