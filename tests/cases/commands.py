"""The real command `edi834`, run as often as tests like."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock

_SERVER = Path(__file__).with_name("command_server.py")
_ONE_AT_A_TIME = Lock()


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def failures(self) -> list[str]:
        """The lines on standard error that say what failed."""
        return [line for line in self.err.splitlines() if line.startswith("edi834: ")]


def run_edi834(folder: Path, arguments: tuple[object, ...], environment: dict[str, str]) -> Ended:
    """The real command in that folder and environment, and none of ours.

    In a fork of a process that has its modules; with variables that Python or a library reads when
    it starts, in a process that starts anew.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("EDI834_")} | environment
    words = [str(argument) for argument in arguments]
    if all(name.startswith("EDI834_") for name in environment):
        return _forked(folder, words, kept)
    done = subprocess.run(
        [Path(sys.executable).parent / "edi834", *words],
        cwd=folder,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@cache
def _server() -> subprocess.Popen[str]:
    """The process that forks; it ends with this one, when its standard input does."""
    return subprocess.Popen(
        [sys.executable, "-P", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _forked(folder: Path, arguments: list[str], environment: dict[str, str]) -> Ended:
    with _ONE_AT_A_TIME, tempfile.TemporaryDirectory(prefix="edi834-command.") as streams:
        out, err = Path(streams, "out"), Path(streams, "err")
        order = {"arguments": arguments, "environment": environment, "folder": str(folder)}
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(order | {"out": str(out), "err": str(err)}) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return Ended(code, out.read_text("utf-8"), err.read_text("utf-8"))
