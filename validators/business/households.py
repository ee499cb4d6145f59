"""Kinds of rules about the members of a transaction set together."""

from typing import TYPE_CHECKING

import numpy as np

from parsers.segments import Flags
from validators.business.columns import NO_DAY
from validators.business.facts import Facts

_MANY = 2**41  # more than there are days or distinct texts

if TYPE_CHECKING:
    from validators.business.checks import Check


def counted(facts: Facts, check: "Check") -> Flags:
    """A set has not as many `what` (members, subscribers, dependents) as it must.

    That is the number in the column, or from `least` to `most`; with `must_be_said` a set breaks it
    that has some and no number. A set without members is passed over.
    """
    members, subscribers = facts.member_counts, facts.subscriber_counts
    what = {"members": members, "subscribers": subscribers, "dependents": members - subscribers}
    found = what[check.arguments["what"]]
    if check.column is not None:
        stated = facts.column("set_header", check.column).numbers[:-1]
        is_said = stated != NO_DAY
        must_be_said = check.arguments.get("must_be_said", False)
        broken: Flags = ~is_said & (found > 0) if must_be_said else is_said & (stated != found)
    else:
        least, most = check.arguments.get("least", 0), check.arguments.get("most", np.inf)
        broken = (found < least) | (found > most)
    return broken & (members > 0)


def unique_in_set(facts: Facts, check: "Check") -> Flags:
    """An earlier member of the set has the same values in all of `columns`."""
    groups = facts.set_of_member
    has_others = np.append(facts.members_of_sets() > 1, False)  # the last one: of no set here
    rows = np.flatnonzero(has_others[groups])
    groups = groups[rows]
    for name in check.arguments["columns"]:
        column = facts.column("member", name)
        values = column.numbers if column.is_date else column.coded.index.astype(np.int64)
        alike = groups * _MANY + values[rows]
        order = np.argsort(alike, kind="stable")
        begins = np.ones(len(order), dtype=np.bool_)
        begins[1:] = alike[order[1:]] != alike[order[:-1]]
        number = np.cumsum(begins) - 1
        is_kept = (np.bincount(number)[number] > 1) & column.present[rows[order]]
        rows, groups = rows[order[is_kept]], number[is_kept]
        if not len(rows):
            break
    repeats = np.zeros(facts.count("member"), dtype=np.bool_)
    repeats[rows[1:][groups[1:] == groups[:-1]]] = True
    return repeats


def first_of_set(facts: Facts, check: "Check") -> Flags:
    """A member of a set stands before its first subscriber."""
    del check
    first = facts.subscriber_of_set[facts.set_of_member]
    before: Flags = (np.arange(facts.count("member")) < first) & (facts.set_of_member >= 0)
    return before
