"""Runs `airflow` as a child that does not outlive its parent, not even one that was killed.

The parent holds the other end of standard input, and never writes: when it ends, so do we. What was
under way is taken up by the next run, as after any kill.
"""

import os
import runpy
import threading


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    runpy.run_module("airflow", run_name="__main__", alter_sys=True)
