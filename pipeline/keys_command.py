"""`edi834 keys`: the keys that encrypt the home, changed without rewriting what they encrypt."""

import json
import os
import shutil
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline import terminal
from schemas.errors import Terminal

OK, OPEN_ITEMS = 0, 1

keys = typer.Typer(no_args_is_help=True, help="The keys that encrypt landing zone and tables.")


@keys.command()
def new(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The key file; else the setting's.")
    ] = None,
) -> None:
    """Make a key file with a first key. Keep a copy apart from the home and its backups."""
    from pipeline.settings import load_settings
    from strongroom.keyring import Keyring

    known = load_settings().encryption
    path = file or (known.key_file if known else None)
    if path is None:
        raise Terminal("No key file is named. Name one: `edi834 keys new FILE`.")
    if path.exists():
        raise Terminal(f"{path} is there already. `edi834 keys rotate` adds a key to it.")
    command = tuple(known.command) if known and path == known.key_file else ()
    made = Keyring(path, command).with_new_key(datetime.now(UTC).date())
    terminal.out.print(
        f"{path} has key {made.active}. Set encryption.key_file to it, and keep a copy elsewhere.",
        soft_wrap=True,
    )


@keys.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Say how many files are encrypted, and by which keys.

    Exit code 0: all, by the active key; 1: not all.
    """
    from pipeline.keeping import standing
    from pipeline.settings import load_settings

    found = standing(load_settings())
    if as_json:
        print(json.dumps(asdict(found)))  # noqa: T201 - the command's output
    else:
        terminal.out.print(found.sentence, soft_wrap=True)
        for name in found.unused:
            terminal.out.print(f"No file needs key {name}. Backups may.", soft_wrap=True)
    raise typer.Exit(OK if found.is_settled else OPEN_ITEMS)


@keys.command()
def rotate(
    new_key: Annotated[
        bool, typer.Option(help="Make a new key; without, only finish with the active one.")
    ] = True,
) -> None:
    """Make a new key, and wrap the key of every file by it. No content is rewritten."""
    from pipeline.keeping import rotate as wrap_anew

    day = datetime.now(UTC).date() if new_key else None
    with _house() as house, house.engine.connect() as conn, terminal.doing("Rotating") as say:
        done = wrap_anew(house.settings, conn, day, say)
    terminal.out.print(f"The keys of {done:,} files are wrapped by the active key.")


@keys.command()
def forget(key: Annotated[str, typer.Argument(help="The key's id.")]) -> None:
    """Remove a key that no file of the home needs. Backups that need it are lost with it."""
    from pipeline.keeping import forget as remove

    with _house() as house, house.engine.connect() as conn:
        remove(house.settings, conn, key)
    terminal.out.print(f"Key {key} is forgotten.")


@keys.command("encrypt-existing")
def encrypt_existing() -> None:
    """Encrypt what was stored before the home had a key."""
    from pipeline.keeping import encrypt_existing as encrypt

    with _house() as house, house.engine.connect() as conn, terminal.doing("Encrypting") as say:
        done = encrypt(house.settings, conn, say)
    terminal.out.print(f"{done:,} files were encrypted.")


@keys.command("open")
def open_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An encrypted file of the home.")],
    out: Annotated[Path | None, typer.Option(help="Where to; else standard output.")] = None,
) -> None:
    """Write what an encrypted file holds, for whoever may see it; the audit trail notes it."""
    from ledger import audit
    from pipeline.operators import account
    from strongroom.files import open_clear

    with _house() as house, open_clear(file) as content:
        with house.engine.begin() as conn:
            audit.note(conn, "file opened", "home", 0, file=file.name, account=account())
        if out is None:
            shutil.copyfileobj(content, sys.stdout.buffer)
            return
        with open(out, "wb", opener=_for_its_owner) as target:
            shutil.copyfileobj(content, target)


def _for_its_owner(path: str, flags: int) -> int:
    """A file that is made is its owner's alone: it is as confidential as the home."""
    return os.open(path, flags, mode=0o600)


def _house() -> Any:
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    return open_house(load_settings())
