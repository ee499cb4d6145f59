"""The mailboxes on disk: one folder a partner with `outbox`, `inbox` and `processed`.

A file appears in an outbox at once and only once, wherever the process is killed: it is written
beside the mailboxes, marked as moving, moved, marked as placed. Found moving at the next start, it
is either still beside them (then it is moved) or already gone out (then it is only marked), so a
file that the carrier has fetched and removed does not come back.
"""

from collections.abc import Iterable
from pathlib import Path

from simulator.state import State

UNFINISHED = ".part"


class Mailboxes:
    """The partners' folders under `home/mailboxes`."""

    def __init__(self, home: Path, partner_ids: Iterable[str]) -> None:
        self.root = home / "mailboxes"
        self.staging = home / "staging"
        self.staging.mkdir(parents=True, exist_ok=True)
        for partner_id in partner_ids:
            for folder in ("outbox", "inbox", "processed", "lost"):
                (self.root / partner_id / folder).mkdir(parents=True, exist_ok=True)

    def outbox(self, partner_id: str) -> Path:
        """Where the carrier fetches files."""
        return self.root / partner_id / "outbox"

    def inbox(self, partner_id: str) -> Path:
        """Where the carrier puts its files."""
        return self.root / partner_id / "inbox"

    def processed(self, partner_id: str) -> Path:
        """Where files of the carrier go once they are read."""
        return self.root / partner_id / "processed"

    def lost(self, partner_id: str) -> Path:
        """Where files of the carrier lie that the exchange does not find."""
        return self.root / partner_id / "lost"

    def all_lost(self) -> list[Path]:
        """The carrier's files that nobody has found."""
        return sorted(self.root.glob("*/lost/*"))

    def all_received(self, partner_id: str) -> list[Path]:
        """All files that the carrier ever put into its inbox, wherever they lie now."""
        folder = self.root / partner_id
        return [
            path
            for name in ("inbox", "processed", "lost")
            for path in (folder / name).iterdir()
            if path.suffix != UNFINISHED
        ]

    def received(self, partner_id: str) -> list[Path]:
        """The finished files that the carrier put into its inbox, by name."""
        found = self.inbox(partner_id).iterdir()
        return sorted(path for path in found if path.is_file() and path.suffix != UNFINISHED)

    def place_planned(self, state: State, night: int, *, evening: bool = True) -> None:
        """Puts every file planned up to that night into its outbox, unless it was there before.

        Without the night's `evening` that of its second drop waits.
        """
        rows = state.connection.execute(
            "SELECT file_id, partner_id, name, placement FROM files"
            " WHERE placement IN ('planned', 'moving')"
            " AND (night < :night OR night = :night AND evening <= :evening) ORDER BY file_id",
            {"night": night, "evening": evening},
        ).fetchall()
        for file_id, partner_id, name, placement in rows:
            staged = self.staging / f"{partner_id}.{name}"
            if placement == "planned":
                self._stage(state, file_id, staged)
            if staged.exists():
                staged.rename(self.outbox(partner_id) / name)
            state.connection.execute(
                "UPDATE files SET placement = 'placed', content = NULL WHERE file_id = ?",
                (file_id,),
            )

    @staticmethod
    def _stage(state: State, file_id: int, staged: Path) -> None:
        (content,) = state.connection.execute(
            "SELECT content FROM files WHERE file_id = ?", (file_id,)
        ).fetchone()
        staged.write_bytes(content)
        state.connection.execute(
            "UPDATE files SET placement = 'moving' WHERE file_id = ?", (file_id,)
        )
