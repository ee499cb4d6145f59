"""Which folders of the home are sealed, and by which keys, as the settings say."""

from pipeline.settings import Settings
from schemas.errors import Terminal
from strongroom.guards import guard
from strongroom.keyring import Keyring

PLAIN = (
    "Files in {home} are not encrypted: no key is configured. `edi834 keys new` makes one; set "
    "encryption.key_file to it."
)


def keyring_of(settings: Settings) -> Keyring | None:
    """The keys of the settings, which are read when they are first used; None without any.

    Raises Terminal when the key file lies open in the home: whoever copies that has both.
    """
    known = settings.encryption
    if known is None:
        return None
    inside = known.key_file.resolve().is_relative_to(settings.home.resolve())
    if inside and not known.command:
        raise Terminal(
            f"The key file {known.key_file} lies in the home that it is to protect. Move it out of "
            f"{settings.home}, and correct encryption.key_file."
        )
    return Keyring(known.key_file, tuple(known.command))


def guard_home(settings: Settings) -> None:
    """From now on this process seals and reads the folders of the home as the settings say."""
    keys = keyring_of(settings)
    for folder in settings.sealed_folders:
        guard(folder, keys)


def leave_home(settings: Settings) -> None:
    """Forgets the keys of a home that is gone."""
    for folder in settings.sealed_folders:
        guard(folder, None)
