"""Runs `edi834` in forks of one process that has imported it: a command starts in milliseconds.

Reads one JSON object a line on standard input: `arguments`, all of the `environment`, the current
`folder`, and the files `out` and `err`. Answers each with the exit code, negative for a signal.
What a command does, it does in a process of its own, from the parsing of its arguments to what it
has asked to be done at exit; only its modules are there already.
"""

import atexit
import gc
import json
import os
import pkgutil
import sys
import tempfile
import threading
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

# What is for other processes, or for packages that are imported only where they are asked for.
_NOT_BEFOREHAND = {"airflow_child", "check_by_spark", "tracing"}


def _import_all() -> None:
    import pipeline

    for module in pkgutil.iter_modules(pipeline.__path__):
        if module.name not in _NOT_BEFOREHAND:
            import_module(f"pipeline.{module.name}")


def _read_all() -> None:
    """Reads what each process reads once and no setting changes: guide, rules, slow libraries."""
    from pipeline.second_opinion import pyx12_accepts
    from schemas.partners import load_partners
    from tests.cases.examples import BASES, edited
    from validators.check import Terms, check_file
    from validators.gate import judge_batch

    judge_batch({}, [])
    content = edited(BASES["ffe-initial"], {})
    pyx12_accepts(content)
    with tempfile.TemporaryDirectory(prefix="edi834-command.") as folder:
        path = Path(folder, "file.834")
        path.write_bytes(content)
        check_file(path, Terms(partner=load_partners()["harbor-light-nc"]))


def _become(order: dict[str, Any]) -> None:
    """Folder, environment, arguments and streams are those of the command from now on."""
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    sys.argv = ["edi834", *order["arguments"]]
    written = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    streams = ((os.devnull, os.O_RDONLY), (order["out"], written), (order["err"], written))
    for number, (path, flags) in enumerate(streams):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)


def _run(order: dict[str, Any]) -> int:
    """The exit code of the command, once all that it has begun has ended."""
    from console.command import main

    _become(order)
    code: object = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:  # noqa: BLE001 - as the interpreter would
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def serve() -> None:
    """Answers orders until standard input ends."""
    import_module("console.command")
    _import_all()
    _read_all()
    gc.freeze()  # no fork looks through what all of them have
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_run(json.loads(line)))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(1, f"{code}\n".encode())


if __name__ == "__main__":
    serve()
    os._exit(0)  # DuckDB's modules complain when what was frozen is taken down
