"""What a file is by its first bytes, before any interchange is looked for.

An archive may hold a good interchange byte for byte (ZIP can store without compressing): it is told
by its beginning and never read further. Source: the formats' own descriptions.
"""

from collections.abc import Callable

from parsers.reading import ReceivedFile
from schemas.limits import Limits

_ARCHIVES = (
    b"PK\x03\x04",  # ZIP, and the office formats that are ZIP
    b"PK\x05\x06",  # an empty ZIP
    b"\x1f\x8b",  # gzip
    b"BZh",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\x28\xb5\x2f\xfd",  # Zstandard
)
_ENCRYPTED = (
    b"-----BEGIN PGP",
    b"\x85\x01",  # OpenPGP, a session key of 256 to 1023 bytes
    b"\x85\x02",
    b"\x84\x5e",  # OpenPGP, the short session key of an elliptic curve
    b"Salted__",  # OpenSSL
)
_OTHERS = (
    b"%PDF-",
    b"MZ",  # a program for Windows
    b"\x7fELF",
    b"\xd0\xcf\x11\xe0",  # the older office formats
    b"<",  # XML or HTML: never read, whatever its DTD names
)
_RULES = (
    ("file-archived", _ARCHIVES),
    ("file-encrypted", _ENCRYPTED),
    ("file-not-x12", _OTHERS),
)
_LONGEST = max(len(magic) for _, magics in _RULES for magic in magics)

_Test = Callable[[ReceivedFile, Limits], bool]
_WITHOUT_INTERCHANGE: tuple[tuple[str, _Test], ...] = (
    ("file-empty", lambda received, _: received.is_blank),
    ("file-wide-characters", lambda received, _: received.is_wide),
    ("interchange-header-malformed", lambda received, _: received.layout.malformed_isa),
    ("file-not-x12", lambda *_: True),
)


def unreadable_rule(received: ReceivedFile, limits: Limits) -> str | None:
    """The rule by which nothing of the file is read, None when it holds interchanges."""
    if received.size_bytes > limits.file_bytes:
        return "file-too-large"
    beginning = bytes(received.content[:_LONGEST])
    foreign = next((rule for rule, magics in _RULES if beginning.startswith(magics)), None)
    if foreign is not None or received.layout.regions:
        too_many = len(received.layout.regions) > limits.interchanges
        return foreign or ("interchanges-too-many" if too_many else None)
    return next(rule for rule, is_so in _WITHOUT_INTERCHANGE if is_so(received, limits))
