"""A landing zone in front of another one: what is stored lies here, what is read may lie behind."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sftp_inbox.landing import LandingZone


@dataclass(frozen=True)
class Overlay(LandingZone):
    """Stores in its own folder only. The zone behind it is read, and never written to."""

    behind: LandingZone

    def open(self, storage_key: str) -> BinaryIO:
        """The stored content of this zone or else of the one behind, as `LandingZone.open`."""
        if (self.folder / storage_key).is_file():
            return super().open(storage_key)
        return self.behind.open(storage_key)

    def verified_path(self, storage_key: str) -> Path:
        """The path of the stored content in whichever zone it lies, as in a `LandingZone`."""
        self.open(storage_key).close()
        own = self.folder / storage_key
        return own if own.is_file() else self.behind.verified_path(storage_key)
