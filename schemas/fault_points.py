"""Named places between two effects, at which a process can be made to die.

Whatever a night does, it may be killed between any two of its effects, and the next one must end
as if nothing had happened. A test kills it at each of these places. Nothing happens at them unless
they are armed; `pipeline/wiring.py` says by what, and where that is refused.
"""

import os
import signal
from typing import Literal, get_args

Commit = Literal[
    "run opened",
    "run closed",
    "step went through",
    "step failed",
    "files left",
    "file recorded",
    "file checked",
    "answers read",
    "file staged",
    "batch formed",
    "batch judged",
    "book brought up to date",
    "carrier records read",
    "payments posted",
    "reconciled",
    "decisions settled",
    "errors reported",
    "month told",
    "delivery begun",
    "file delivered",
]
Border = Literal[
    "received file stored",
    "received file removed",
    "tables in place",
    "outgoing file stored",
    "carrier records stored",
    "snapshots frozen",
    "report in place",
    "outgoing file uploaded",
    "outgoing file renamed",
    "key made",
    "key of a file wrapped anew",
]

# What has happened at each, and what has not yet.
BORDERS: dict[Border, str] = {
    "received file stored": "Its bytes are in the landing zone; the ledger does not know it.",
    "received file removed": "It is in the ledger and gone at the exchange.",
    "tables in place": "The tables of a checked file lie in their folder; it has no verdict.",
    "outgoing file stored": "Its bytes are in the landing zone; the ledger does not know it.",
    "carrier records stored": "Their bytes are in the landing zone; the ledger does not know them.",
    "snapshots frozen": "Book and carrier's records lie in the run's folder, compared by nobody.",
    "report in place": "The error report lies where people look; its step has not ended.",
    "outgoing file uploaded": "It is whole at the exchange under its temporary name.",
    "outgoing file renamed": "It has its own name at the exchange; the ledger has it as written.",
    "key made": "The new key is active; the keys of all files are wrapped by older ones.",
    "key of a file wrapped anew": "The keys of some files are wrapped by the new key.",
}
OF_KEYS: frozenset[Border] = frozenset({"key made", "key of a file wrapped anew"})  # no night
BEFORE, AFTER = ", before the commit", ", after the commit"
FAULT_POINTS: dict[str, str] = dict(BORDERS) | {
    f"{commit}{when}": sentence
    for commit in get_args(Commit)
    for when, sentence in (
        (BEFORE, "All of its transaction is written, and none of it kept."),
        (AFTER, "Its transaction is kept; whoever waits for it has not heard."),
    )
}


TELL = "tell"  # chosen in place of a point: each is told, and none is died of


class _Armed:
    """What this process dies of: the number or the name of a fault point, or nothing."""

    chosen: str | None = None
    reached: int = 0


def arm(chosen: str | None) -> None:
    """From now on the process dies at the n-th fault point, or at one by name; None: at none."""
    if not (chosen is None or chosen.isdigit() or chosen == TELL or chosen in FAULT_POINTS):
        raise ValueError(f"There is no fault point {chosen!r}.")
    _Armed.chosen, _Armed.reached = chosen, 0


def reach(border: Border) -> None:
    """Does nothing, or kills the process here."""
    _reach(border)


def reach_commit(commit: Commit, when: str) -> None:
    """Does nothing, or kills the process before or after a commit."""
    _reach(commit + when)


def _reach(point: str) -> None:
    if _Armed.chosen is None:
        return
    _Armed.reached += 1
    is_last = _Armed.chosen in (point, str(_Armed.reached))
    if is_last or _Armed.chosen == TELL:
        os.write(2, f"edi834: fault point {_Armed.reached}: {point}\n".encode())
    if is_last:  # as a power cut would: nothing is closed, flushed or said good-bye to
        os.kill(os.getpid(), signal.SIGKILL)
