"""What the rules look at: the tables of a stretch, and which rows of them belong together.

A rule names a column of its own table, or of another one by way of a member: `member.…` from a
coverage or reporting category; `subscriber.…`, `set.…`, `coverage.…` (the first one) and
`category.NAME` (the first one of that name) from a member.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from parsers.segments import Flags, Ints
from schemas import tables
from schemas.partners import normalise_reason
from schemas.places import BESIDE
from validators.business.columns import (
    AmountColumn,
    Coded,
    CodedColumn,
    Column,
    GatheredColumn,
    TakenColumn,
)

AMOUNT_QUALIFIERS = frozenset({"9V", "9X"})
Clause = bool | str | tuple[str, ...]  # what a column must be: true, "present", or one of these


@dataclass(frozen=True)
class Tables:
    """Members, coverages, reporting categories and set headers, as the parser makes them.

    `counts` tells, for the sets of `set_headers`, how many members and subscribers they have in
    all, where the members here are not all of them.
    """

    members: pa.Table
    coverages: pa.Table
    reporting_categories: pa.Table
    set_headers: pa.Table
    counts: dict[str, Ints] | None = None


_SCHEMAS = {
    "member": tables.MEMBERS,
    "coverage": tables.COVERAGES,
    "reporting_category": tables.REPORTING_CATEGORIES,
    "set_header": tables.TRANSACTION_SETS,
}
_MADE = {"transaction", "normalised_reason", *(place.name for place in BESIDE)}  # of members
_WAYS = {"subscriber": "member", "set": "set_header", "coverage": "coverage"}  # from a member


def is_column(table: str, name: str) -> bool:
    """Whether a rule about rows of a table may name a column so."""
    if table not in _SCHEMAS:  # of elements: their positions
        return name.isdigit()
    way, dot, behind = name.partition(".")
    if not dot:
        return name in _SCHEMAS[table].names or (table == "member" and name in _MADE)
    if way == "member":
        return table in {"coverage", "reporting_category"} and is_column("member", behind)
    return way == "category" or (way in _WAYS and is_column(_WAYS[way], behind))


class Facts:
    """The tables with what is asked of them, each made once."""

    def __init__(self, tables: Tables, meanings: dict[tuple[str, str, str, bool], str]) -> None:
        self.tables = {
            "member": tables.members,
            "coverage": tables.coverages,
            "reporting_category": tables.reporting_categories,
            "set_header": tables.set_headers,
        }
        self._meanings = meanings
        self._given_counts = tables.counts
        self._columns: dict[tuple[str, str], Column] = {}
        self._masks: dict[tuple[str, str, Clause], Flags] = {}
        self._named: dict[str, Ints] = {}

    def count(self, table: str) -> int:
        """Rows of a table."""
        return len(self.tables[table])

    # ---- which rows belong together

    @cached_property
    def ordinals(self) -> Ints:
        """Ordinals of the members, ascending."""
        return _numbers(self.tables["member"], "member_ordinal")

    @cached_property
    def set_of_member(self) -> Ints:
        """Row of each member's set, -1 where its header is not here."""
        return _rows_of(
            _numbers(self.tables["set_header"], "set_ordinal"),
            _numbers(self.tables["member"], "set_ordinal"),
        )

    @cached_property
    def subscriber_of_set(self) -> Ints:
        """Row of the first subscriber of each set, -1 where it has none; the last entry is -1."""
        first = np.full(self.count("set_header") + 1, -1, dtype=np.int64)
        rows = np.flatnonzero(self.column("member", "is_subscriber").flags)[::-1]
        sets = self.set_of_member[rows]
        first[sets] = rows
        first[-1] = -1
        return first

    @cached_property
    def first_coverage(self) -> Ints:
        """Row of each member's first coverage, -1 where it has none."""
        return self._first(np.arange(self.count("coverage")), "coverage")

    def category_rows(self, name: str) -> Ints:
        """Rows of the reporting categories of that name, in file order."""
        if name not in self._named:
            coded = self.column("reporting_category", "name").coded
            number = coded.values.index(name) if name in coded.values else len(coded.values)
            self._named[name] = np.flatnonzero(coded.index[:-1] == number)
        return self._named[name]

    def first_category(self, name: str) -> Ints:
        """Row of each member's first reporting category of that name, -1 where it has none."""
        return self._first(self.category_rows(name), "reporting_category")

    def _first(self, rows: Ints, table: str) -> Ints:
        """Of those rows of a table the first one of each member, -1 where it has none."""
        first = np.full(self.count("member") + 1, -1, dtype=np.int64)
        first[self.owners(table)[rows[::-1]]] = rows[::-1]
        return first[:-1]

    def owners(self, table: str) -> Ints:
        """Row of the member of each coverage or reporting category, -1 where it is not here."""
        key = f"owners of {table}"
        if key not in self._named:
            ordinals = _numbers(self.tables[table], "member_ordinal")
            self._named[key] = _rows_of(self.ordinals, ordinals)
        return self._named[key]

    # ---- columns

    def column(self, table: str, name: str) -> Column:
        """A column by its name, from this table or, by way of a member, from another one."""
        key = (table, name)
        if key not in self._columns:
            self._columns[key] = self._made(table, name)
        return self._columns[key]

    def _made(self, table: str, name: str) -> Column:
        way, dot, behind = name.partition(".")
        if dot:
            return self._gathered(table, way, behind)
        if name == "transaction":
            return CodedColumn(self._transactions())
        if name == "normalised_reason":
            coded = self.column(table, "additional_maintenance_reason").coded
            normalised = [normalise_reason(reason) for reason in coded.values]
            return CodedColumn(Coded(coded.index, pa.array(normalised, pa.large_string())))
        array = _array(self.tables[table], name)
        if table == "reporting_category" and name == "value":
            qualifier = self.column(table, "qualifier").coded
            return AmountColumn(array, qualifier.among(AMOUNT_QUALIFIERS)[:-1])
        return Column(array)

    def _gathered(self, table: str, way: str, name: str) -> Column:
        """A column of the row that belongs to each row of the table, by way of its member."""
        if table == "set_header":
            return GatheredColumn(self.column("member", name), self.subscriber_of_set[:-1])
        if table != "member":
            column = name if way == "member" else f"{way}.{name}"
            return GatheredColumn(self.column("member", column), self.owners(table))
        if way == "category":
            values = self.column("reporting_category", "value")
            return TakenColumn(values, self.first_category(name))
        if way == "coverage":
            there, rows = "coverage", self.first_coverage
        elif way == "subscriber":
            there, rows = "member", self.subscriber_of_set[self.set_of_member]
        else:
            there, rows = "set_header", self.set_of_member
        return GatheredColumn(self.column(there, name), rows)

    def _transactions(self) -> Coded:
        """What each member's combination of INS03, INS04 and ADDL MAINT REASON means."""
        return self._meant(slice(None), self.column("member", "normalised_reason").coded)

    def meanings_of(self, rows: Ints) -> Ints:
        """What the values of those reporting categories, as reasons, make of their members' INS.

        A number that is the same for what means the same, -1 where it means nothing.
        """
        coded = self.column("reporting_category", "value").coded
        normalised = [normalise_reason(reason) for reason in coded.values]
        reasons = Coded(coded.index[rows], pa.array(normalised, pa.large_string()))
        return self._meant(self.owners("reporting_category")[rows], reasons).index.astype(np.int64)

    def _meant(self, members: Ints | slice, additional: Coded) -> Coded:
        """What INS03 and INS04 of these members mean, each with its additional reason."""
        kinds, reasons = (
            Coded(coded.index[members], coded.distinct)
            for coded in (
                self.column("member", "maintenance_type").coded,
                self.column("member", "maintenance_reason").coded,
            )
        )
        is_subscriber = self.column("member", "is_subscriber").flags[members]
        numbers = (kinds.index + 1).astype(np.int64)
        for coded in (reasons, additional):
            numbers = numbers * (len(coded.distinct) + 1) + coded.index + 1
        numbers = numbers * 2 + is_subscriber
        encoded = pa.array(numbers).dictionary_encode()
        index = encoded.indices.to_numpy()
        first = np.zeros(len(encoded.dictionary), dtype=np.int64)
        first[index] = np.arange(len(index))
        names = [
            self._meanings.get((_at(kinds, row), _at(reasons, row), _at(additional, row), flag))
            for row, flag in zip(first.tolist(), is_subscriber[first].tolist(), strict=True)
        ]
        values = sorted({name for name in names if name is not None})
        places = [-1 if name is None else values.index(name) for name in names]
        return Coded(np.array(places, dtype=np.int32)[index], pa.array(values, pa.large_string()))

    # ---- conditions

    def where(self, table: str, clauses: tuple[tuple[str, Clause], ...]) -> Flags | None:
        """Per row of a table: whether all clauses hold; None where there are none."""
        found: Flags | None = None
        for name, clause in clauses:
            mask = self._mask(table, name, clause)
            found = mask if found is None else found & mask
        return found

    def _mask(self, table: str, name: str, clause: Clause) -> Flags:
        key = (table, name, clause)
        if key not in self._masks:
            column = self.column(table, name)
            if isinstance(clause, bool):
                mask = column.flags if clause else ~column.flags
            elif isinstance(clause, tuple):
                mask = column.coded.among(frozenset(clause))
                if "" in clause:
                    mask = mask | ~column.present
            else:
                mask = column.present if clause == "present" else ~column.present
            self._masks[key] = mask[:-1]
        return self._masks[key]

    # ---- sets

    def members_of_sets(self, which: Flags | None = None) -> Ints:
        """How many members each set has: all of them, or those of `which`."""
        sets = self.set_of_member if which is None else self.set_of_member[which]
        return np.bincount(sets + 1, minlength=self.count("set_header") + 1)[1:]

    @cached_property
    def member_counts(self) -> Ints:
        """Members of each set, also of those that are not here."""
        if self._given_counts is not None:
            return self._given_counts["members"]
        return self.members_of_sets()

    @cached_property
    def subscriber_counts(self) -> Ints:
        """Subscribers of each set, also of those that are not here."""
        if self._given_counts is not None:
            return self._given_counts["subscribers"]
        return self.members_of_sets(self.column("member", "is_subscriber").flags[:-1])


def _at(coded: Coded, row: int) -> str:
    place = coded.index[row]
    return coded.values[place] if place >= 0 else ""


def _array(table: pa.Table, name: str) -> pa.Array:
    column = table[name]
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _numbers(table: pa.Table, name: str) -> Ints:
    numbers: Ints = table[name].to_numpy()
    return numbers


def _rows_of(ordinals: Ints, wanted: Ints) -> Ints:
    """The row at which each wanted ordinal stands among ascending ones, -1 where it does not."""
    if not len(ordinals):
        return np.full(len(wanted), -1, dtype=np.int64)
    if ordinals[-1] - ordinals[0] == len(ordinals) - 1:  # of one stretch: none is left out
        rows = wanted - ordinals[0]
        return np.where((rows >= 0) & (rows < len(ordinals)), rows, -1)
    rows = np.searchsorted(ordinals, wanted)
    rows = np.minimum(rows, len(ordinals) - 1)
    return np.where(ordinals[rows] == wanted, rows, -1)
