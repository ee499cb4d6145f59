"""The exchange's SFTP server, as paramiko sees it."""

import io
import socket

import paramiko
import pytest
from paramiko.ssh_exception import AuthenticationException

from simulator.server import serve


@pytest.fixture
def endpoint(tmp_path, partners):
    """A running server, with one file in the first partner's outbox."""
    with serve(tmp_path, partners) as running:
        outbox = tmp_path / "mailboxes" / "cedar-valley-tx" / "outbox"
        (outbox / "tonight").write_bytes(b"ISA*")
        yield running


def log_in(endpoint, user, key_of=None):
    """An SFTP client; the caller closes its transport."""
    transport = paramiko.Transport((endpoint.host, endpoint.port))
    key = paramiko.Ed25519Key.from_private_key_file(str(endpoint.users[key_of or user][1]))
    try:
        transport.connect(username=endpoint.users[user][0], pkey=key)
    except BaseException:
        transport.close()
        raise
    return paramiko.SFTPClient.from_transport(transport)


@pytest.fixture
def client(endpoint):
    """The first partner's session."""
    session = log_in(endpoint, "cedar-valley-tx")
    yield session
    session.get_channel().get_transport().close()


def test_a_partner_lists_and_fetches_its_files(client):
    """With size and modification time, as a carrier needs them to see that a file is complete."""
    assert sorted(client.listdir("/")) == ["inbox", "outbox"]
    (entry,) = client.listdir_attr("/outbox")
    assert (entry.filename, entry.st_size) == ("tonight", 4)
    assert entry.st_mtime > 0
    content = io.BytesIO()
    client.getfo("/outbox/tonight", content)
    assert content.getvalue() == b"ISA*"
    client.remove("/outbox/tonight")
    assert client.listdir("outbox") == []


def test_a_partner_delivers_under_a_temporary_name(client, tmp_path):
    """Put, stat, posix-rename."""
    client.putfo(io.BytesIO(b"TA1"), "/inbox/answer.part")
    assert client.stat("/inbox/answer.part").st_size == 3
    client.posix_rename("/inbox/answer.part", "/inbox/answer")
    inbox = tmp_path / "mailboxes" / "cedar-valley-tx" / "inbox"
    assert [(path.name, path.read_bytes()) for path in inbox.iterdir()] == [("answer", b"TA1")]


def test_a_partner_does_not_see_the_other(client, tmp_path):
    """The root of a session is the partner's own mailbox."""
    (tmp_path / "mailboxes" / "harbor-light-nc" / "outbox" / "theirs").write_bytes(b"x")
    with pytest.raises(FileNotFoundError):
        client.stat("/../harbor-light-nc/outbox/theirs")
    assert client.normalize("/..") == "/"


def test_a_key_opens_one_mailbox_only(endpoint):
    """The other partner's key is refused."""
    with pytest.raises(AuthenticationException):
        log_in(endpoint, "cedar-valley-tx", key_of="harbor-light-nc")


def test_a_password_is_not_asked_for(endpoint):
    """Public key only."""
    transport = paramiko.Transport((endpoint.host, endpoint.port))
    with pytest.raises(paramiko.BadAuthenticationType) as refusal:
        transport.connect(username="cedar-valley-tx", password="any")
    assert refusal.value.allowed_types == ["publickey"]
    transport.close()


def test_keys_are_kept(tmp_path, partners):
    """The host and its users are the same after a restart, and the host key is what it says."""
    with serve(tmp_path, partners) as first:
        keys = [path.read_bytes() for _, path in first.users.values()]
    with serve(tmp_path, partners) as second:
        assert second.host_key == first.host_key
        assert [path.read_bytes() for _, path in second.users.values()] == keys
        transport = paramiko.Transport((second.host, second.port))
        transport.start_client()
        key = transport.get_remote_server_key()
        transport.close()
    assert f"{key.get_name()} {key.get_base64()}" == " ".join(second.host_key.split()[:2])


def test_the_server_ends_with_open_sessions(tmp_path, partners):
    """A client that never says goodbye does not hold it up."""
    with serve(tmp_path, partners) as running:
        session = log_in(running, "harbor-light-nc")
        assert session.listdir("/")
    with pytest.raises((OSError, EOFError, paramiko.SSHException)):
        session.listdir("/")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((running.host, running.port))
