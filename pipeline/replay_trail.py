"""Two audit trails, compared as what happened to each run, file and batch, in which order."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from pipeline.replay_history import Told, file_keys, read_told
from schemas.replay import load_uncompared

_FILES = ("file", "sent_file")  # details that are ids of files


def compare_trails(
    then: sa.Connection, now: sa.Connection, told: list[Told]
) -> tuple[int, list[str]]:
    """How many entries both trails have, and the first difference of each object's."""
    before, after = (
        _by_object(entries, file_keys(conn))
        for entries, conn in ((told, then), (read_told(now), now))
    )
    differences = []
    for key in before | after:
        unlike = _first_difference(before.get(key, []), after.get(key, []))
        if unlike is not None:
            differences.append(f"the audit trail of {key}: {unlike}")
    return sum(len(entries) for entries in before.values()), differences


Line = tuple[str, dict[str, Any]]


def _by_object(told: list[Told], keys: dict[int, str]) -> dict[str, list[Line]]:
    """What happened to each object, by what it is called in both databases."""
    uncompared = load_uncompared()
    passed_over = {row.action for row in uncompared.entries}
    of_others = {row.kind for row in uncompared.kinds}
    left_out = {(row.action, row.detail) for row in uncompared.details}
    found: dict[str, list[Line]] = {}
    for entry in told:
        if entry.action in passed_over or entry.kind in of_others:
            continue
        details = {
            name: keys.get(value, value) if name in _FILES else value
            for name, value in entry.details.items()
            if (entry.action, name) not in left_out
        }
        key = f"{entry.kind} {entry.object_id}"
        if entry.kind == "file":
            key = keys.get(entry.object_id, key)
        found.setdefault(key, []).append((entry.action, details))
    return found


def _first_difference(before: list[Line], after: list[Line]) -> str | None:
    for place, (one, other) in enumerate(zip(before, after, strict=False), 1):
        if one[0] != other[0]:
            return f"entry {place} of it is '{one[0]}', in the replay '{other[0]}'"
        if one[1] != other[1]:
            return f"'{one[0]}' (entry {place} of it) says otherwise in {_unlike(one[1], other[1])}"
    if len(before) == len(after):
        return None
    longer, where = (before, "not in the replay") if len(before) > len(after) else (after, "new")
    return f"'{longer[min(len(before), len(after))][0]}' is {where}"


def _unlike(one: dict[str, Any], other: dict[str, Any]) -> str:
    return ", ".join(_pairs(one, other))


def _pairs(one: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    for name in sorted(one | other):
        if one.get(name) != other.get(name):
            yield f"{name} ({one.get(name)}, in the replay {other.get(name)})"
