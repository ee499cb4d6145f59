"""Input 87: archives within limits are opened, and none of them leads anywhere."""

import gzip
import io
import random
import stat
import struct
import zipfile

import pytest

from sftp_inbox.archives import Limits, entries_of
from sftp_inbox.wrapping import NotOpenedError, archive_kind

LIMITS = Limits(entries=5, size_bytes=20_000_000, ratio=50)
CONTENT = b"ISA*00*" + random.Random(2).randbytes(200_000)


def zipped(*entries, **more):
    """A zip of entries: (name or ZipInfo, content)."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, **more) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return packed.getvalue()


def entries(packed, name="a.P.gz", limits=LIMITS):
    content = io.BytesIO(packed)
    how = archive_kind(packed)
    assert how is not None
    found = entries_of(content, len(packed), name, how, limits)
    return [(entry.name, b"".join(entry.chunks())) for entry in found]


def refusal(packed, limits=LIMITS):
    with pytest.raises(NotOpenedError) as caught:
        entries(packed, limits=limits)
    return str(caught.value)


def test_each_entry_is_a_file():
    assert entries(zipped(("a.P", CONTENT), ("b.P", b""))) == [("a.P", CONTENT), ("b.P", b"")]


@pytest.mark.parametrize(("name", "within"), [("a.P.gz", "a.P"), ("a.P.GZ", "a.P"), ("a", "a")])
def test_a_gzip_holds_one_file_called_as_it_is(name, within):
    """The name in its head is nobody's business; members one after the other are one file."""
    packed = gzip.compress(CONTENT) + gzip.compress(b"IEA*")
    assert entries(packed, name) == [(within, CONTENT + b"IEA*")]


@pytest.mark.control("malicious-code")
@pytest.mark.parametrize(
    "name",
    ["../a.P", "/etc/a.P", "b/a.P", "..\\a.P", "C:a.P", "..", ".", "a\0/b.P", "folder/"],
)
def test_a_name_that_is_a_path_leads_nowhere(name):
    """Up, from the root, into a folder, to a drive: the archive is refused with its entry."""
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = name
    assert refusal(zipped((info, CONTENT)))


def test_links_and_folders_are_refused():
    link = zipfile.ZipInfo("a.P")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "link" in refusal(zipped((link, "/etc/passwd")))


@pytest.mark.control("malicious-code")
def test_the_limits_hold_as_they_are_unpacked():
    """Bytes, ratio and entries; just within is well."""
    limits = Limits(2, 2_500_000, 50)
    assert len(entries(zipped(("a", bytes(900_000)), ("b", b"")), limits=limits)) == 2
    assert "more than 2 entries" in refusal(zipped(("a", b""), ("b", b""), ("c", b"")), limits)
    large = random.Random(5).randbytes(1_300_000)
    assert "more than 2500000 bytes" in refusal(zipped(("a", large), ("b", large)), limits)
    assert "more than 50 times" in refusal(zipped(("a", bytes(2_000_000))), limits)
    assert "more than 50 times" in refusal(gzip.compress(bytes(2_000_000)), limits)


@pytest.mark.control("malicious-code")
def test_what_an_entry_says_of_its_size_is_not_believed():
    """A bomb that calls itself short."""
    packed = bytearray(zipped(("a.P", bytes(50_000_000))))
    directory = packed.rindex(b"PK\x01\x02")
    for at in (22, directory + 24):
        packed[at : at + 4] = struct.pack("<I", 1000)
    assert refusal(bytes(packed))


def test_a_million_entries_are_not_even_listed(monkeypatch):
    """The directory is too long for the entries that are allowed: nobody makes objects of it."""
    packed = zipped(*((f"{number}.P", b"") for number in range(1_000)))
    monkeypatch.setattr("sftp_inbox.archives.zipfile.ZipFile", None)
    assert "more than 5 entries" in refusal(packed)


@pytest.mark.parametrize(
    "inner", [gzip.compress(b"ISA*"), zipped(("a.P", b"ISA*"))], ids=["gzip", "zip"]
)
def test_an_archive_within_an_archive_is_refused(inner):
    assert "archive lies within" in refusal(zipped(("a.P", inner)))
    assert "archive lies within" in refusal(gzip.compress(inner))


def test_an_empty_archive_is_refused():
    assert "empty" in refusal(zipped())


@pytest.mark.parametrize("make", [gzip.compress, lambda content: zipped(("a.P", content))])
@pytest.mark.parametrize("damage", ["cut", "bit", "behind"])
def test_a_damaged_archive_is_refused(make, damage):
    """Cut off, altered, or with something behind it that is none."""
    packed = bytearray(make(CONTENT))
    if damage == "cut":
        packed = packed[:-40]
    elif damage == "bit":
        packed[len(packed) // 2] ^= 1
    else:
        packed += b"ISA*00*" * 20_000
    assert refusal(bytes(packed))


def beginning_at(place):
    """A zip whose entry says, in the form for large archives, that it begins there."""
    packed = zipped(("a.P", CONTENT))
    directory, end = packed.rindex(b"PK\x01\x02"), packed.rindex(b"PK\x05\x06")
    entry = bytearray(packed[directory:end])
    entry[30:32] = struct.pack("<H", 12)
    entry[42:46] = b"\xff" * 4
    entry += struct.pack("<HHQ", 1, 8, place)
    trailer = bytearray(packed[end:])
    trailer[12:16] = struct.pack("<I", len(entry))
    return packed[:directory] + bytes(entry + trailer)


def longer_directory():
    """A zip that says of its directory that it is longer than all of it."""
    packed = bytearray(zipped(("a.P", b"ISA*")))
    end = packed.rindex(b"PK\x05\x06")
    packed[end + 12 : end + 16] = struct.pack("<I", len(packed) + 1)
    return bytes(packed)


@pytest.mark.control("malicious-code")
@pytest.mark.parametrize(
    "packed",
    [*(beginning_at(1 << power) for power in (30, 45, 62, 63)), longer_directory()],
    ids=["2^30", "2^45", "2^62", "2^63", "directory"],
)
def test_a_place_that_no_file_has_is_damage_and_no_failure_of_the_disk(packed, tmp_path):
    """On a real disk, where it may be an error of the system to go there."""
    assert entries(beginning_at(0), "a.P") == [("a.P", CONTENT)]
    path = tmp_path / "a.zip"
    path.write_bytes(packed)
    with path.open("rb") as content, pytest.raises(NotOpenedError, match="damaged"):
        entries_of(content, len(packed), "a.P", "zip", LIMITS)


def test_a_locked_entry_is_refused():
    packed = bytearray(zipped(("a.P", CONTENT)))
    directory = packed.rindex(b"PK\x01\x02")
    packed[6] |= 1
    packed[directory + 8] |= 1
    assert "password" in refusal(bytes(packed))


def test_names_are_only_data():
    """Shell, direction, HTML: shown safely, and a path to nothing."""
    found = entries(zipped(("$(reboot)|\u202e.P", CONTENT), ("-rf", b"ISA*")))
    assert [name for name, _ in found] == ["$(reboot)|\\u202e.P", "-rf"]


@pytest.mark.parametrize("content", [b"", b"ISA*00*", b"\x1f", b"PK", b"-----BEGIN PGP MESSAGE"])
def test_what_is_no_archive_is_none(content):
    assert archive_kind(content) is None
