"""Columns of tables as numbers: codes of distinct texts, days, cents and flags.

Every array has one more entry than the table has rows: the last one means "no value", so that a
row number of -1 finds it. A column of another table is this column at the rows that belong to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from parsers.segments import KEY_BYTES, Flags, Ints, Keys
from parsers.text_keys import text_keys, texts_of_keys
from validators.business.money import NO_AMOUNT, cents_of

NO_DAY = np.int64(-(2**40))  # far from any day, so that no difference of two days reaches it
Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Coded:
    """Texts as numbers: the place of each in `distinct`, -1 where there is none."""

    index: Numbers
    distinct: pa.Array

    @cached_property
    def values(self) -> list[str]:
        """The distinct texts."""
        texts: list[str] = self.distinct.to_pylist()
        return texts

    def among(self, wanted: frozenset[str]) -> Flags:
        """Per row: whether its text is one of those."""
        return self.where([value in wanted for value in self.values])

    def where(self, known: Sequence[bool] | Flags) -> Flags:
        """Per row: what is said of its text; of no text nothing."""
        flags = np.zeros(len(self.distinct) + 1, dtype=np.bool_)
        flags[:-1] = known
        return np.take(flags, self.index)


def coded_keys(keys: Keys) -> Coded:
    """Texts of up to 8 bytes as numbers, made of their keys; of key 0 there is no text."""
    encoded = pa.array(keys).dictionary_encode()
    distinct = encoded.dictionary.to_numpy()
    places = np.arange(len(distinct) + 1, dtype=np.int32)
    places[-1] = -1
    places[:-1][distinct == 0] = -1
    return Coded(places[np.append(encoded.indices.to_numpy(), -1)], texts_of_keys(distinct))


class Column:
    """One column of a table; what is asked of it is made once."""

    def __init__(self, array: pa.Array) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    @cached_property
    def present(self) -> Flags:
        """Per row: whether there is a value."""
        if self.array.null_count == len(self.array):
            return np.zeros(len(self.array) + 1, dtype=np.bool_)
        return np.append(self.array.is_valid().to_numpy(zero_copy_only=False), False)

    @cached_property
    def coded(self) -> Coded:
        """The texts as numbers."""
        if self.array.null_count == len(self.array):
            return Coded(np.full(len(self.array) + 1, -1, np.int32), self.array[:0])
        encoded = self.array.dictionary_encode()
        indices = encoded.indices.fill_null(-1) if encoded.null_count else encoded.indices
        return Coded(np.append(indices.to_numpy(), np.int32(-1)), encoded.dictionary)

    @cached_property
    def numbers(self) -> Ints:
        """Days since 1970-01-01, or whole numbers; `NO_DAY` where there is none."""
        array = self.array.view(pa.int32()) if pa.types.is_date(self.array.type) else self.array
        whole = array.cast(pa.int64())
        whole = whole.fill_null(int(NO_DAY)) if whole.null_count else whole
        return np.append(whole.to_numpy(), NO_DAY)

    @cached_property
    def keys(self) -> tuple[Keys, Ints]:
        """First 8 bytes of each text as an integer, and its length."""
        return text_keys(self.array)

    @cached_property
    def cents(self) -> Ints:
        """Amounts in cents; `NO_AMOUNT` where there is none, or none that can be read."""
        return np.append(cents_of(self.array), NO_AMOUNT)

    @cached_property
    def flags(self) -> Flags:
        """Per row: whether the value is true."""
        return np.append(pc.fill_null(self.array, False).to_numpy(zero_copy_only=False), False)

    @property
    def texts(self) -> pa.Array:
        """The values themselves."""
        return self.array

    @property
    def root(self) -> "Column":
        """The column of which this one has values, in another order."""
        return self

    @property
    def is_date(self) -> bool:
        """Whether the values are dates."""
        return bool(pa.types.is_date(self.texts.type))


class GatheredColumn(Column):
    """A column of another table, at the row there that belongs to each row here (-1: none)."""

    def __init__(self, source: Column, rows: Ints) -> None:
        self.source = source
        self.rows = rows
        self._padded = np.append(rows, -1)

    @property
    def root(self) -> Column:
        """The column of which this one has values, in another order."""
        return self.source.root

    @property
    def is_date(self) -> bool:
        """Whether the values are dates."""
        return self.source.is_date

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def present(self) -> Flags:
        """Per row: whether there is a value."""
        return np.take(self.source.present, self._padded)

    @cached_property
    def coded(self) -> Coded:
        """The texts as numbers."""
        return Coded(np.take(self.source.coded.index, self._padded), self.source.coded.distinct)

    @cached_property
    def numbers(self) -> Ints:
        """Days since 1970-01-01, or whole numbers; `NO_DAY` where there is none."""
        return np.take(self.source.numbers, self._padded)

    @cached_property
    def cents(self) -> Ints:
        """Amounts in cents; `NO_AMOUNT` where there is none, or none that can be read."""
        return np.take(self.source.cents, self._padded)

    @cached_property
    def flags(self) -> Flags:
        """Per row: whether the value is true."""
        return np.take(self.source.flags, self._padded)

    @property
    def texts(self) -> pa.Array:
        """The values themselves."""
        return self.source.texts.take(pa.array(self.rows, mask=self.rows < 0))


class TakenColumn(GatheredColumn):
    """A gathered column whose texts are numbered by themselves: few of many are looked at."""

    @property
    def root(self) -> Column:
        """Itself: its numbers are its own."""
        return self

    @cached_property
    def coded(self) -> Coded:
        """The texts as numbers."""
        if not len(self.source):
            return Column(self.texts).coded
        keys, lengths = self.source.keys
        lengths = np.where(self.rows >= 0, lengths[self.rows], 0)
        if not len(lengths) or lengths.max() > KEY_BYTES:
            return Column(self.texts).coded
        return coded_keys(np.where(lengths > 0, keys[self.rows], 0))


class AmountColumn(Column):
    """Texts of which only some are amounts: only those are read as cents."""

    def __init__(self, array: pa.Array, is_amount: Flags) -> None:
        super().__init__(array)
        self._is_amount = is_amount

    @cached_property
    def cents(self) -> Ints:
        """Amounts in cents; `NO_AMOUNT` where there is none, or none that can be read."""
        cents = np.full(len(self.array) + 1, NO_AMOUNT)
        rows = np.flatnonzero(self._is_amount)
        cents[rows] = cents_of(self.array, rows)
        return cents


class CodedColumn(Column):
    """A column that is made of numbers and the texts they stand for."""

    def __init__(self, coded: Coded) -> None:
        self._coded = coded

    def __len__(self) -> int:
        return len(self._coded.index) - 1

    @cached_property
    def present(self) -> Flags:
        """Per row: whether there is a value."""
        return self._coded.index >= 0

    @cached_property
    def coded(self) -> Coded:
        """The texts as numbers."""
        return self._coded

    @property
    def texts(self) -> pa.Array:
        """The values themselves."""
        index = self._coded.index[:-1]
        return self._coded.distinct.take(pa.array(index, mask=index < 0))
