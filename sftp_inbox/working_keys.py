"""A copy of a folder of keys for as long as GnuPG works with it: the folder itself is only read.

GnuPG writes locks, sockets and agents into its folder. Where keys are mounted nothing may be
written, and of several processes with one folder each would meet the agent of another one.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import Terminal
from strongroom.drafts import drafts

_OWN = shutil.ignore_patterns("S.*", ".#*", "*.lock", "random_seed")  # of GnuPG's processes


@contextmanager
def working_copy(folder: Path) -> Iterator[Path]:
    """A copy that GnuPG may write to, which ends with the block, as do the processes behind it.

    It lies where clear drafts do. Raises Terminal when the folder is not there or not readable.
    """
    if not folder.is_dir():
        raise Terminal(f"There is no folder of keys {folder}. Correct openpgp.home.")
    with drafts() as place:
        copy = place / "keys"
        try:
            shutil.copytree(folder, copy, ignore=_OWN)
            for inside in (copy, *filter(Path.is_dir, copy.rglob("*"))):
                inside.chmod(0o700)  # a read-only one may be one for reading only
        except (shutil.Error, OSError) as error:
            raise Terminal(
                f"The folder of keys {folder} cannot be read ({type(error).__name__}). Let it "
                "belong to the account of the nights."
            ) from error
        try:
            yield copy
        finally:
            _end_processes(copy)


def _end_processes(home: Path) -> None:
    gpgconf = shutil.which("gpgconf")
    if gpgconf is not None:
        command = [gpgconf, "--homedir", str(home), "--kill", "all"]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - paths of ours
