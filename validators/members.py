"""What the verdict needs to know of each member: its transaction set, and on whom it depends."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.segments import Flags, Ints
from schemas import tables

SEGMENT_FIELDS = ("IK304", "IK403")  # what the 999 can say about the inside of a transaction set


@dataclass(frozen=True)
class Members:
    """The members of a file or a stretch, one entry each, in file order."""

    set_ordinals: Ints
    is_subscriber: Flags

    @classmethod
    def of(cls, members: pa.Table) -> "Members":
        """The members of a table (`tables.MEMBERS`)."""
        is_subscriber = pc.fill_null(members["is_subscriber"], False)
        return cls(members["set_ordinal"].to_numpy(), is_subscriber.to_numpy())

    @classmethod
    def gathered(cls, parts: Iterable["Members"]) -> "Members":
        """The members of all stretches of a file."""
        sets, subscribers = zip(*((p.set_ordinals, p.is_subscriber) for p in parts), strict=True)
        return cls(np.concatenate(sets), np.concatenate(subscribers))

    def households(self) -> Ints:
        """The household of each member, counted from 1 through the file.

        It begins with a subscriber and goes on to the next one of the transaction set; dependents
        before the first subscriber of a set belong to that one. Source: X220A1, loop 2000: a
        subscriber stands before its dependents.
        """
        begins_set = np.ones(len(self.set_ordinals), dtype=np.bool_)
        begins_set[1:] = self.set_ordinals[1:] != self.set_ordinals[:-1]
        before: Ints = np.cumsum(self.is_subscriber) - self.is_subscriber
        of_set: Ints = before[begins_set][np.cumsum(begins_set) - 1]
        is_later = self.is_subscriber & (before > of_set)
        households: Ints = np.cumsum(begins_set | is_later)
        return households


def business_units(members: pa.Table, issues: pa.Table) -> pa.Table:
    """`tables.BUSINESS_UNITS` of the members of a stretch that have issues for the 999."""
    if not len(issues) or not len(members):
        return tables.BUSINESS_UNITS.empty_table()
    told = issues.filter(pc.is_in(issues["x12_field"], pa.array(SEGMENT_FIELDS, tables.TEXT)))
    ordinals = pc.unique(told["member_ordinal"]).drop_null()
    rows = pc.subtract(ordinals, members["member_ordinal"][0])
    numbers = members["exchange_subscriber_id"].take(rows)
    return pa.table(
        {"member_ordinal": ordinals, "subscriber_number": numbers}, schema=tables.BUSINESS_UNITS
    )
