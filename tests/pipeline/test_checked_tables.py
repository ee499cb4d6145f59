"""Tables of a checked file: whole, and on the disk before anybody may call it checked."""

import os
from dataclasses import fields

import pyarrow as pa
import pytest

from pipeline.checked_tables import ParquetSink, read_table
from schemas.verdict import Verdict

ROWS = pa.table({"number": [1, 2]})
VERDICT = Verdict(
    **dict.fromkeys((one.name for one in fields(Verdict)), ROWS)
    | {"sha256": "ab", "size_bytes": 2, "file_verdict": "accepted", "quarantine": None}
)


@pytest.mark.fault("F11")
def test_all_of_it_is_on_the_disk_before_it_is_in_place(tmp_path, monkeypatch):
    """A power cut leaves no verdict without its tables: the file would not be checked again."""
    folder, settled, fsync = tmp_path / "tables" / "17", {}, os.fsync

    def settle(descriptor):
        settled[os.fstat(descriptor).st_ino] = folder.exists()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", settle)
    with ParquetSink(folder) as sink:
        sink.write_verdict(VERDICT)
        sink.put_in_place()

    assert read_table(folder, "issues") == ROWS
    whole = [folder, *folder.iterdir()]
    assert len(whole) > 20
    assert [path.name for path in whole if settled.get(path.stat().st_ino) is not False] == []
    assert settled[folder.parent.stat().st_ino]  # the rename, too


def test_what_is_not_wanted_is_not_waited_for(tmp_path, monkeypatch):
    """Nothing of a file that was checked meanwhile is put on the disk, or left there."""
    monkeypatch.setattr(os, "fsync", None)
    with ParquetSink(tmp_path / "tables" / "17") as sink:
        sink.discard()
    assert list((tmp_path / "tables").iterdir()) == []
