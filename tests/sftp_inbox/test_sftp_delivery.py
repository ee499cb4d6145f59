"""Files into the exchange's inbox: whole or not at all, and once."""

import random
from dataclasses import replace

import asyncssh
import pytest

from schemas.errors import Retryable, Terminal
from sftp_inbox.client import connect
from sftp_inbox.deliver import READ_BACK_BYTES, GoneError, Outgoing, put_in_place, upload

NAME = "007654321T.DSH.IC834.D260105.T070000000.P"


def content_of(size_bytes):
    return random.Random(size_bytes).randbytes(size_bytes)


def outgoing_of(landing, content, name=NAME):
    return Outgoing(name, landing.store([content]).storage_key)


def send(exchange, landing, outgoing):
    with connect(exchange.mailbox) as client:
        upload(client, exchange.mailbox, landing, outgoing)
        return put_in_place(client, exchange.mailbox, landing, outgoing)


def go_on(exchange, landing, outgoing):
    """What follows once it is kept that the file was about to get its name."""
    with connect(exchange.mailbox) as client:
        return put_in_place(client, exchange.mailbox, landing, outgoing)


def inbox(exchange):
    return {path.name: path.read_bytes() for path in exchange.inbox.iterdir()}


class Counting(asyncssh.SFTPServer):
    """Remembers which files were opened for writing."""

    def open(self, path, pflags, attrs):
        if pflags & asyncssh.FXF_WRITE:
            self.written.append(path)
        return super().open(path, pflags, attrs)


def counting():
    return type("Counted", (Counting,), {"written": []})


@pytest.mark.parametrize("size_bytes", [0, 1, 32768, 32769, 5_000_001])
def test_file_is_delivered_byte_for_byte(exchange, landing, size_bytes):
    """The inbox holds exactly what was stored, under its own name and no other."""
    content = content_of(size_bytes)
    delivered = send(exchange, landing, outgoing_of(landing, content))
    assert (delivered.name, delivered.size_bytes) == (NAME, size_bytes)
    assert not delivered.already_there
    assert inbox(exchange) == {NAME: content}


@pytest.mark.fault("F21")
@pytest.mark.parametrize("size_bytes", [0, 100_000, READ_BACK_BYTES + 1])
def test_second_delivery_sends_nothing(start_asyncssh, landing, size_bytes):
    """F21: what lies there already is recognised and left alone."""
    server = counting()
    exchange = start_asyncssh(server)
    outgoing = outgoing_of(landing, content_of(size_bytes))
    assert not send(exchange, landing, outgoing).already_there
    assert len(server.written) == 1
    assert send(exchange, landing, outgoing).already_there
    assert len(server.written) == 1
    assert len(inbox(exchange)) == 1


@pytest.mark.fault("F21")
def test_answer_lost_after_the_rename_is_found_by_looking(start_asyncssh, landing):
    """F21: the exchange has the file, we do not know it; asking again sends nothing."""
    server = counting()

    class CutAfterRename(server):
        def rename(self, oldpath, newpath):
            super().rename(oldpath, newpath)
            self.channel.get_connection().abort()

    exchange = start_asyncssh(CutAfterRename)
    content = content_of(100_000)
    outgoing = outgoing_of(landing, content)
    with pytest.raises(Retryable, match=f"delivering {NAME}"):
        send(exchange, landing, outgoing)
    assert send(exchange, landing, outgoing).already_there
    assert inbox(exchange) == {NAME: content}
    assert len(server.written) == 1


@pytest.mark.fault("F21")
def test_a_file_that_is_not_there_any_more_is_for_a_person(start_asyncssh, landing):
    """The answer was lost, and a gateway has moved the file away: it is not sent twice."""
    server = counting()

    class TakingAway(server):
        def rename(self, oldpath, newpath):
            super().rename(oldpath, newpath)
            (exchange.inbox / NAME).unlink()
            self.channel.get_connection().abort()

    exchange = start_asyncssh(TakingAway)
    outgoing = outgoing_of(landing, content_of(100_000))
    with pytest.raises(Retryable, match=f"delivering {NAME}"):
        send(exchange, landing, outgoing)
    with pytest.raises(GoneError, match="The exchange may have taken it: ask"):
        go_on(exchange, landing, outgoing)
    assert len(server.written) == 1


@pytest.mark.fault("F21")
def test_what_was_uploaded_gets_its_name_without_being_sent_again(start_asyncssh, landing):
    """The line was cut just before the rename."""
    server = counting()
    exchange = start_asyncssh(server)
    content = content_of(100_000)
    outgoing = outgoing_of(landing, content)
    with connect(exchange.mailbox) as client:
        upload(client, exchange.mailbox, landing, outgoing)
    assert not go_on(exchange, landing, outgoing).already_there
    assert inbox(exchange) == {NAME: content}
    assert len(server.written) == 1


@pytest.mark.fault("F22")
@pytest.mark.parametrize("cut_at", [4_000, 100_000, 1_000_000])
def test_line_cut_during_delivery_shows_no_half_file(start_sshd, landing, cut_line, cut_at, capfd):
    """F22: only a temporary name is left, and the next attempt writes over it."""
    exchange = start_sshd()
    content = content_of(2_000_000)
    outgoing = outgoing_of(landing, content)
    with (
        cut_line(exchange.mailbox, to_server=cut_at) as mailbox,
        pytest.raises(Retryable) as caught,
    ):
        send(replace(exchange, mailbox=mailbox), landing, outgoing)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in capfd.readouterr().err
    assert set(inbox(exchange)) <= {NAME + ".part"}
    assert not send(exchange, landing, outgoing).already_there
    assert inbox(exchange) == {NAME: content}


@pytest.mark.fault("F22")
def test_longer_leftover_is_written_over(exchange, landing):
    """What an earlier attempt left does not shine through."""
    (exchange.inbox / f"{NAME}.part").write_bytes(bytes(90_000))
    send(exchange, landing, outgoing_of(landing, b"ISA*"))
    assert inbox(exchange) == {NAME: b"ISA*"}


@pytest.mark.fault("F22")
@pytest.mark.parametrize("other", [b"", b"ISA!", b"ISA*longer"])
def test_different_file_of_that_name_is_never_replaced(exchange, landing, other):
    """Two different answers under one name need a person."""
    (exchange.inbox / NAME).write_bytes(other)
    with pytest.raises(Terminal, match="a different file has that name"):
        send(exchange, landing, outgoing_of(landing, b"ISA*"))
    assert inbox(exchange) == {NAME: other}


@pytest.mark.fault("F22")
def test_file_that_came_in_between_is_never_replaced(start_asyncssh, landing):
    """Between our look and our rename somebody else may deliver under that name."""

    class Racing(asyncssh.SFTPServer):
        def rename(self, oldpath, newpath):
            (exchange.inbox / NAME).write_bytes(b"theirs")
            super().rename(oldpath, newpath)

    exchange = start_asyncssh(Racing)
    outgoing = outgoing_of(landing, b"ISA*")
    with pytest.raises(Retryable):
        send(exchange, landing, outgoing)
    assert inbox(exchange)[NAME] == b"theirs"


@pytest.mark.fault("F22")
@pytest.mark.parametrize("fails_at", [0, 32768, 98304])
def test_full_disk_at_the_exchange_is_noticed(start_asyncssh, landing, fails_at):
    """A single refused write, the last one too, keeps the file from getting its name."""

    class Full(asyncssh.SFTPServer):
        def write(self, file_obj, offset, data):
            if offset == fails_at:
                raise asyncssh.SFTPFailure("no space left")
            return super().write(file_obj, offset, data)

    exchange = start_asyncssh(Full)
    with pytest.raises(Retryable):
        send(exchange, landing, outgoing_of(landing, content_of(100_000)))
    assert NAME not in inbox(exchange)


@pytest.mark.fault("F22")
def test_bytes_lost_without_a_word_are_noticed(start_asyncssh, landing):
    """F22: a file gets its name only when the exchange reports its full size."""

    class Losing(asyncssh.SFTPServer):
        def write(self, file_obj, offset, data):
            return super().write(file_obj, offset, data) if offset < 65536 else len(data)

    exchange = start_asyncssh(Losing)
    with pytest.raises(Retryable, match="65536 of 100000 bytes"):
        send(exchange, landing, outgoing_of(landing, content_of(100_000)))
    assert NAME not in inbox(exchange)


def test_missing_inbox_needs_a_person(exchange, landing):
    """A wrong folder name is a wrong setting."""
    mailbox = replace(exchange.mailbox, inbox="incoming")
    with pytest.raises(Terminal, match="name of the inbox"):
        send(replace(exchange, mailbox=mailbox), landing, outgoing_of(landing, b"ISA*"))


def test_closed_inbox_needs_a_person(start_asyncssh, landing):
    """A mailbox that we may not write to stays closed however often we try."""

    class Closed(asyncssh.SFTPServer):
        def open(self, path, pflags, attrs):
            raise asyncssh.SFTPPermissionDenied("no")

    exchange = start_asyncssh(Closed)
    with pytest.raises(Terminal, match="denies permission"):
        send(exchange, landing, outgoing_of(landing, b"ISA*"))


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc/x", "a/b"])
def test_only_a_plain_name_is_delivered(exchange, landing, name):
    """Our own files stay in the inbox as well."""
    with pytest.raises(Terminal, match="not a file name"):
        send(exchange, landing, outgoing_of(landing, b"ISA*", name))
    assert inbox(exchange) == {}


@pytest.mark.fault("F11")
def test_damaged_content_is_not_sent(exchange, landing):
    """F11: what we stored is hashed again before it leaves."""
    outgoing = outgoing_of(landing, b"ISA*")
    (landing.folder / outgoing.storage_key).write_bytes(b"ISA!")
    with pytest.raises(Terminal, match="damaged"):
        send(exchange, landing, outgoing)
    assert inbox(exchange) == {}
