"""Passwords of local accounts: made by chance, kept as scrypt hashes (RFC 7914)."""

import base64
import hashlib
import hmac
import secrets

SHORTEST = 12
_COST, _BLOCK, _PARALLEL = 2**15, 8, 3  # 32 MiB for each try
_MEMORY_MOST = 64 * 1024 * 1024


def make_password() -> str:
    """A new password of 100 bits, in groups that can be read off a terminal."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(4))


def hashed(password: str) -> str:
    """What is kept of a password: salt and hash."""
    salt = secrets.token_bytes(16)
    return f"scrypt${_text(salt)}${_text(_scrypt(password, salt))}"


def matches(password: str, kept: str | None) -> bool:
    """Whether it is the password that was kept; takes as long when none was."""
    known = kept or hashed("")
    _, salt, digest = known.split("$")
    same = hmac.compare_digest(_scrypt(password, _bytes(salt)), _bytes(digest))
    return same and kept is not None


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, maxmem=_MEMORY_MOST
    )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
