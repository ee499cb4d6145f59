"""Where one trading partner's mailbox is and how both sides prove who they are.

Nothing here reads a setting or a file: `pipeline` fills these values in.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mailbox:
    """One mailbox at an exchange's SFTP server.

    `host_key` is the server's public key as one OpenSSH line (`ssh-ed25519 AAAA…`), agreed when
    the partner was set up: no other key is ever accepted. Folders are relative to the login folder.
    """

    partner_id: str
    host: str
    port: int
    username: str
    private_key: Path
    host_key: str
    outbox: str = "outbox"  # the exchange leaves files for us here
    inbox: str = "inbox"  # we deliver here

    def __str__(self) -> str:
        """The mailbox as messages name it: partner and address."""
        return f"mailbox {self.partner_id} ({self.username}@{self.host}:{self.port})"


@dataclass(frozen=True)
class Patience:
    """How long each step on the wire may take, in seconds."""

    connect_seconds: float = 20
    banner_seconds: float = 30
    handshake_seconds: float = 30
    authentication_seconds: float = 30
    answer_seconds: float = 120  # the server's answer to one request, during transfers too
    keepalive_seconds: int = 30
