"""Runs `edi834` again and again, each time in a fork of one process that has been through it once.

Reads one JSON object a line on standard input: `arguments`, `environment`, and the files `out` and
`err`. The first one is run in the process itself, so that everything is imported and read; each
other one in a fork. Answers each with the wait status, as `os.waitpid` has it. A command starts in
milliseconds so; what it does is what the command does, and it can be killed like it.
"""

import json
import os
import sys

from pipeline.cli import main


def run(order):
    """The exit code of the command."""
    for name in [name for name in os.environ if name.startswith("EDI834_")]:
        del os.environ[name]
    os.environ.update(order["environment"])
    sys.argv = ["edi834", *order["arguments"]]
    kept = os.dup(1), os.dup(2)
    for number, path in ((1, order["out"]), (2, order["err"])):
        told = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(told, number)
        os.close(told)
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code or 0
    for stream, descriptor, number in ((sys.stdout, kept[0], 1), (sys.stderr, kept[1], 2)):
        stream.flush()
        os.dup2(descriptor, number)
        os.close(descriptor)
    return code


def answer(status):
    """Tells how a command ended."""
    os.write(1, f"{status}\n".encode())


def serve():
    """Answers orders until standard input ends."""
    answer(run(json.loads(sys.stdin.readline())) << 8)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(run(json.loads(line)))
        answer(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    serve()
