"""Clear drafts: gone with their block, and soon after a process that was killed in it."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from strongroom.drafts import discard_drafts, drafts

KILLED = """
import os, sys
from pathlib import Path
from strongroom.drafts import drafts
with drafts(Path(sys.argv[1])) as folder:
    (folder / "draft").write_text("CANARY")
    print(folder, flush=True)
    os.kill(os.getpid(), 9)
"""


def test_drafts_of_a_killed_process_are_removed(tmp_path):
    """By whoever makes some next; those of a living one stay."""
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    left = Path(told.stdout.strip())
    assert (told.returncode, (left / "draft").read_text()) == (-9, "CANARY")

    with drafts(tmp_path) as mine:
        assert not left.exists()
        discard_drafts(tmp_path)
        assert mine.is_dir()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.control("at-rest")
def test_drafts_in_memory_do_not_outlive_their_process_for_long(sealed):
    """Where anything is sealed they lie there, and no restart of the machine comes for weeks."""
    with drafts(sealed) as mine:
        assert mine.parent == Path("/dev/shm")
        name, _, _ = mine.name.rpartition(".")
    left = Path(tempfile.mkdtemp(prefix=f"{name}.", dir="/dev/shm"))
    (left / "draft").write_text("CANARY")
    with drafts(sealed):
        assert not left.exists()
    assert list(sealed.iterdir()) == []
