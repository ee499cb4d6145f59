"""What has come over the wire: taken whole, in order, and on the disk behind the writer."""

import os
import threading

import pytest
from paramiko.buffered_pipe import PipeTimeout

from sftp_inbox.arrivals import Arrivals
from sftp_inbox.settling import SettlingBehind

SILENT_SECONDS = 0.05


@pytest.fixture
def arrivals():
    return Arrivals()


def test_bytes_are_taken_in_order_whatever_pieces_they_came_in(arrivals):
    for piece in (b"ISA", b"*00", b"*"):
        arrivals.feed(piece)
    assert len(arrivals) == 7
    assert [arrivals.read(4), arrivals.read(1), arrivals.read(2)] == [b"ISA*", b"0", b"0*"]
    assert not arrivals.read_ready()


def test_a_reader_sleeps_until_all_that_it_wants_has_come(arrivals):
    taken = []
    reader = threading.Thread(target=lambda: taken.append(arrivals.read(6, timeout=60)))
    reader.start()
    for piece in (b"IS", b"A*", b"00"):
        assert taken == []
        arrivals.feed(piece)
    reader.join(60)
    assert taken == [b"ISA*00"]


def test_a_line_that_falls_silent_gives_what_it_had_and_then_says_so(arrivals):
    arrivals.feed(b"ISA")
    assert arrivals.read(4, timeout=SILENT_SECONDS) == b"ISA"
    with pytest.raises(PipeTimeout):
        arrivals.read(4, timeout=SILENT_SECONDS)


def test_the_end_gives_what_is_left_and_then_nothing(arrivals):
    arrivals.feed(b"IEA")
    arrivals.close()
    assert [arrivals.read(4), arrivals.read(4)] == [b"IEA", b""]


def test_an_event_is_set_while_something_waits_and_stays_so_after_the_end(arrivals):
    told = threading.Event()
    arrivals.set_event(told)
    assert not told.is_set()
    arrivals.feed(b"ISA")
    assert told.is_set()
    assert arrivals.empty() == b"ISA"
    assert not told.is_set()
    arrivals.close()
    assert told.is_set()


def test_a_flush_behind_the_writer_that_fails_ends_the_writing(monkeypatch):
    """A failure is told once for each open file: what the thread heard is passed on. Pipes fail."""
    monkeypatch.setattr("sftp_inbox.settling._STEP_BYTES", 1)
    reading, writing = os.pipe()
    with (
        os.fdopen(reading, "rb"),
        os.fdopen(writing, "wb") as file,
        pytest.raises(OSError, match="Invalid argument"),
        SettlingBehind(file) as behind,
    ):
        behind.wrote(3)
