"""What the transaction sets of a file are, of the rows of `enrollment/staged_events.py`.

The subscriber's combination of INS03, INS04 and ADDL MAINT REASON names the transaction for the
whole set. All sets are judged at once, by columns; only the hash of each is made one by one.
"""

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import PERSON
from schemas.tables import TEXT

_OF_SUBSCRIBER = (
    "exchange_policy_id",
    "plan_id",
    "insurance_line",
    "benefit_begin",
    "benefit_end",
    "maintenance_effective",
    "submitted_at",
)
# What differs when the exchange sends the same thing again is left out.
_CONTENT = (
    "is_subscriber",
    "exchange_member_id",
    "exchange_policy_id",
    "maintenance_type",
    "maintenance_reason",
    "additional_maintenance_reason",
    "maintenance_effective",
    *PERSON,
    "eligibility_begin",
    "plan_id",
    "insurance_line",
    "issuer_policy_id",
    "former_issuer_subscriber_id",
    "former_issuer_member_id",
    "former_issuer_policy_id",
    "benefit_begin",
    "benefit_end",
    "further_lines",
    "rating_area",
    "categories",
)
_CODES = ("maintenance_type", "maintenance_reason", "normalised_reason")
# Control characters, which no element may hold (X12.6, basic and extended character sets).
_UNIT, _RECORD, _NOTHING = (pa.scalar(character, TEXT) for character in "\x1f\x1e\0")


@dataclass(frozen=True)
class JudgedSets:
    """The sets of a file, and of each member's row what its set makes of it.

    `sets` has a row for each set in the order of their ordinals: `set_ordinal`, `transaction`,
    `circumstance`, `needs_effectuation`, what its subscriber says, `content_hash`, and `reason`,
    why it can be nothing, or null. `kinds` is what each member's row says, `reasons` the reason of
    its set; both go with the rows that were judged.
    """

    sets: pa.Table
    kinds: pa.Array
    reasons: pa.Array

    def with_column(self, name: str, values: pa.Array) -> Self:
        """The same with one more thing that is known of each set."""
        return replace(self, sets=self.sets.append_column(name, values))


def judge_sets(told: pa.Table, combinations: pa.Table, brokers: pa.Table) -> JudgedSets:
    """What the sets of these rows are by an exchange's combinations.

    A change may carry members that are added or removed, whose rows have the combinations of an
    enrollment and of an end of coverage (CMS guide 7.2, tables 22 and 30), and state exchanges let
    an audit's row stand for a member whom it leaves alone; all other transactions have one meaning
    for everybody. `brokers` has `set_ordinal`, `broker_name` and `broker_id` of the headers.
    """
    order = pc.sort_indices(
        told, sort_keys=[("set_ordinal", "ascending"), ("exchange_member_id", "ascending")]
    )
    meanings = _meanings(told, combinations)
    rows, contents = told.select(["set_ordinal", *_READ]), _contents(told, _CONTENT)
    if np.array_equal(order, np.arange(len(order))):  # they stand so most often
        households = _Households(rows, meanings)
    else:
        households = _Households(rows.take(order), meanings.take(order))
        contents = contents.take(order)
    reasons = households.reasons()
    sets = households.sets()
    hashes = _hashes(contents, households, brokers)
    sets = sets.append_column("content_hash", hashes).append_column("reason", reasons)
    of_set = pc.index_in(told.column("set_ordinal"), sets["set_ordinal"].combine_chunks())
    return JudgedSets(
        sets,
        _kinds(meanings, sets["transaction"].take(of_set)),
        reasons.take(of_set.combine_chunks()),
    )


_READ = ("is_subscriber", "exchange_member_id", "maintenance_type", *_OF_SUBSCRIBER)


def _meanings(told: pa.Table, combinations: pa.Table) -> pa.Table:
    """Of each row the combination that it has, or a row of nulls."""
    keys = _joined([pc.fill_null(told.column(name), "") for name in _CODES])
    known = _joined([combinations.column(name) for name in (*_CODES[:2], "additional")])
    encoded = keys.dictionary_encode()
    found = pc.index_in(encoded.dictionary, known).take(encoded.indices)
    meanings = combinations.take(found)
    counts = pc.or_(told.column("is_subscriber"), pc.invert(meanings["subscriber_only"]))
    return combinations.take(pc.if_else(counts, found, None).combine_chunks())


def _joined(columns: list[pa.ChunkedArray]) -> pa.Array:
    joined = pc.binary_join_element_wise(*columns, _UNIT)
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


class _Households:
    """The rows of each set beside one another, in the order of the members' ids."""

    def __init__(self, rows: pa.Table, meanings: pa.Table) -> None:
        ordinals = rows.column("set_ordinal").to_numpy()
        is_first = np.ones(len(ordinals), np.bool_)
        is_first[1:] = ordinals[1:] != ordinals[:-1]
        self.rows = rows
        self.meanings = meanings
        self.starts = np.flatnonzero(is_first)
        self.is_first = is_first
        self.ordinals = ordinals[self.starts]
        self._is_subscriber = rows.column("is_subscriber").to_numpy()
        self._subscribers = self._places_of_subscribers()

    def any(self, of_row: np.ndarray) -> np.ndarray:
        """Of each set, whether it is so of any of its rows."""
        if not len(self.starts):
            return np.zeros(0, np.bool_)
        held: np.ndarray = np.logical_or.reduceat(of_row, self.starts)
        return held

    def sets(self) -> pa.Table:
        """What a set is, and what its subscriber says; of several the first speaks."""
        said = self.rows.select(list(_OF_SUBSCRIBER)).take(self._subscribers)
        means = self.meanings.select(["transaction", "circumstance"]).take(self._subscribers)
        needs = self.meanings.column("needs_effectuation").take(self._subscribers)
        columns = {"set_ordinal": pa.array(self.ordinals)}
        columns |= {name: means.column(name) for name in means.column_names}
        columns["needs_effectuation"] = pc.fill_null(needs, False)
        return pa.table(columns | {name: said.column(name) for name in said.column_names})

    def reasons(self) -> pa.Array:
        """Why a set can be nothing; null where it is something."""
        transaction = self.meanings.column("transaction").take(self._subscribers)
        enrolls = _holds(pc.is_in(transaction, pa.array(["initial", "renewal"], TEXT)))
        plan_id, policy_id = (
            self.rows.column(name).take(self._subscribers)
            for name in ("plan_id", "exchange_policy_id")
        )
        told = [
            (self._count(self._is_subscriber) != 1, "not-one-subscriber"),
            (self._is_unknown(_holds(pc.equal(transaction, "change"))), "unknown-combination"),
            (_holds(pc.is_null(policy_id)), "no-policy-id"),
            (self._has_id_twice(), "member-ids-not-unique"),
            (enrolls & _holds(pc.is_null(plan_id)), "no-plan-id"),
            (self._lacks("benefit_begin", "021"), "no-begin-date"),
            (
                _holds(pc.not_equal(transaction, "cancellation"))
                & self._lacks("benefit_end", "024"),
                "no-end-date",
            ),
        ]
        first = np.select([holds for holds, _ in told], range(len(told)), -1)
        names = pa.array([name for _, name in told], TEXT)
        return names.take(pa.array(first, pa.int64(), mask=first < 0))

    def _places_of_subscribers(self) -> pa.Array:
        """Of each set the row of its first subscriber; null without one."""
        places = np.append(np.flatnonzero(self._is_subscriber), len(self.is_first))
        found = places[np.searchsorted(places, self.starts)]
        ends = np.append(self.starts[1:], len(self.is_first))
        return pa.array(found, pa.int64(), mask=found >= ends)

    def _count(self, of_row: np.ndarray) -> np.ndarray:
        counted = np.concatenate([[0], np.cumsum(of_row)])
        ends = np.append(self.starts[1:], len(of_row))
        number: np.ndarray = counted[ends] - counted[self.starts]
        return number

    def _is_unknown(self, is_change: np.ndarray) -> np.ndarray:
        """Whether a row has no meaning, or another one than the rest of a set that is no change."""
        encoded = pc.dictionary_encode(self.meanings.column("transaction").combine_chunks())
        codes = pc.fill_null(encoded.indices, -1).to_numpy()
        differs = np.zeros(len(codes), np.bool_)
        differs[1:] = (codes[1:] != codes[:-1]) & ~self.is_first[1:]
        unknown: np.ndarray = self.any(codes < 0) | ~is_change & self.any(differs)
        return unknown

    def _has_id_twice(self) -> np.ndarray:
        """Whether two rows have one id, or one has none: equal ids stand beside one another."""
        ids = self.rows.column("exchange_member_id").combine_chunks()
        twice = _holds(pc.is_null(ids))
        twice[1:] |= _holds(pc.equal(ids[1:], ids[:-1])) & ~self.is_first[1:]
        return self.any(twice)

    def _lacks(self, date: str, maintenance_type: str) -> np.ndarray:
        """Whether a row of that INS03 has no such date."""
        is_one = _holds(pc.equal(self.rows.column("maintenance_type"), maintenance_type))
        return self.any(is_one & _holds(pc.is_null(self.rows.column(date))))


def _holds(condition: pa.ChunkedArray) -> np.ndarray:
    """The condition as NumPy's booleans that may be written to; what is not known does not hold."""
    return np.array(pc.fill_null(condition, False))


def _kinds(meanings: pa.Table, transactions: pa.ChunkedArray) -> pa.ChunkedArray:
    """What each row says about its member.

    On a change it may have the combination of an enrollment or of an end of coverage.
    """
    own = meanings.column("transaction")
    is_own = pc.or_(
        pc.fill_null(pc.not_equal(transactions, "change"), False),
        pc.fill_null(pc.equal(own, "change"), False),
    )
    ends = pc.is_in(own, pa.array(["cancellation", "termination"], TEXT))
    brings = pc.fill_null(pc.equal(own, "initial"), False)
    return pc.case_when(
        pc.make_struct(is_own, brings, ends),
        meanings.column("kind"),
        pa.scalar("member added", TEXT),
        pa.scalar("member removed", TEXT),
        meanings.column("kind"),
    )


def _contents(rows: pa.Table, names: Sequence[str]) -> pa.Array:
    """What each row says, as one text that tells apart what is nothing and what is empty."""
    cells = [_cells(rows.column(name)) for name in names]
    joined = pc.binary_join_element_wise(
        *cells, _RECORD, _UNIT, null_handling="replace", null_replacement=_NOTHING.as_py()
    )
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _cells(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Scalar:
    """The column as text; one nothing for all rows when it is empty, as many are."""
    return _NOTHING if 0 < len(column) == column.null_count else pc.cast(column, TEXT)


def _hashes(contents: pa.Array, households: _Households, brokers: pa.Table) -> pa.Array:
    """The SHA-256 of what the members of each set say; a change of broker is in the header."""
    ends = np.append(households.starts, len(contents))
    borders = np.frombuffer(contents.buffers()[1], np.int64)[contents.offset + ends].tolist()
    said = memoryview(contents.buffers()[2]) if len(contents) else memoryview(b"")
    digests = [hashlib.sha256(said[begin:end]) for begin, end in itertools.pairwise(borders)]
    is_change = _holds(pc.equal(households.meanings.column("kind"), "broker change"))
    changes = np.flatnonzero(households.any(is_change))
    if len(changes):
        headers = _contents(brokers, ("broker_name", "broker_id"))
        ordinals = pa.array(households.ordinals[changes])
        found = headers.take(pc.index_in(ordinals, brokers["set_ordinal"].combine_chunks()))
        for place, header in zip(changes.tolist(), found.to_pylist(), strict=True):
            digests[place].update((header or "").encode())
    return pa.array([digest.hexdigest() for digest in digests], TEXT)
