"""What the reporting categories (loops 2750) of a file say of each member, as columns.

A file has several times as many categories as members, and the book wants four things of them: when
the set was submitted, the rating area, which amounts it tells, and whether it says the same as
another one.
"""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.tables import TEXT

_SUBMITTED = "REQUEST SUBMIT TIMESTAMP"
_RATING_AREA = "RATING AREA"
_NUMBER = "^-?([0-9]{1,10}([.][0-9]{0,2})?|[.][0-9]{1,2})$"
_AMOUNT_QUALIFIERS = pa.array(["9V", "9X"], TEXT)


def submitted_at(categories: pa.Table, places: np.ndarray, count: int) -> pa.Array:
    """REQUEST SUBMIT TIMESTAMP as sent, for each of `count` members; null where there is none.

    `places` says which member each category is of. Of several the greatest counts.
    """
    is_one = pc.and_(_is_submission(categories), pc.is_valid(categories.column("value")))
    told = pa.table({"place": places, "value": categories.column("value")}).filter(is_one)
    told = told.sort_by([("place", "ascending"), ("value", "descending")])
    members, first = np.unique(told.column("place").to_numpy(), return_index=True)
    return _spread(told.column("value").take(first), members, count)


def rating_areas(categories: pa.Table, places: np.ndarray, count: int) -> pa.Array:
    """RATING AREA as sent, for each of `count` members; null where there is none. The last counts.

    `places` says which member each category is of (CMS guide 7.2, table 10: on the subscriber).
    """
    is_one = pc.and_(
        pc.fill_null(pc.equal(categories.column("name"), _RATING_AREA), False),
        pc.is_valid(categories.column("value")),
    )
    told = pa.table({"place": places, "value": categories.column("value")}).filter(is_one)
    members, from_end = np.unique(told.column("place").to_numpy()[::-1], return_index=True)
    return _spread(told.column("value").take(len(told) - 1 - from_end), members, count)


def _is_submission(categories: pa.Table) -> pa.ChunkedArray:
    return pc.fill_null(pc.equal(categories.column("name"), _SUBMITTED), False)


def _spread(values: pa.ChunkedArray, members: np.ndarray, count: int) -> pa.Array:
    """The values at the places of their members, null elsewhere."""
    where = np.full(count, -1)
    where[members] = np.arange(len(members))
    return values.combine_chunks().take(pa.array(where, mask=where < 0))


def digests(categories: pa.Table, places: np.ndarray, count: int) -> pa.Array:
    """A number that stands for what all categories of a member say, in whatever order.

    When the set was submitted is left out. Only the distinct ones are written down and hashed, one
    by one.
    """
    told = categories.select(["name", "value", "effective_begin"]).combine_chunks()
    codes = [pc.dictionary_encode(column.combine_chunks(), "encode") for column in told.columns]
    key = np.zeros(len(places), np.int64)
    for each in codes:
        key = key * len(each.dictionary) + each.indices.to_numpy()
    is_other = ~_is_submission(categories).to_numpy()
    _, first, of_key = np.unique(key[is_other], return_index=True, return_inverse=True)
    one_of_each = told.take(np.flatnonzero(is_other)[first])
    said = pc.binary_join_element_wise(
        one_of_each.column("name"),
        one_of_each.column("value"),
        pc.cast(one_of_each.column("effective_begin"), TEXT),
        pa.scalar("=", TEXT),
        null_handling="skip",
    )
    hashes = np.array([_hash(one) for one in said.to_pylist()], np.uint64)
    sums = np.zeros(count, np.uint64)
    np.add.at(sums, places[is_other], hashes[of_key])
    return pa.array(sums.view(np.int64))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def amounts(categories: pa.Table, places: np.ndarray, begins: pa.Array) -> dict[str, pa.Array]:
    """The amounts of each member: lists `amount_names`, `amounts_from` and `amounts`, in step.

    An amount is any category with an amount's qualifier and a number for its value: exchanges name
    more of them than the CMS guide does (7.2, table 10), and an unknown one is kept. It holds from
    its own date on, or else from the member's in `begins`; what has neither is none. Of what a
    member is told twice, name and day, the last counts. All values are text, for a COPY.
    """
    is_amount = pc.and_(
        pc.is_in(categories.column("qualifier"), _AMOUNT_QUALIFIERS),
        pc.match_substring_regex(categories.column("value"), _NUMBER),
    )
    is_amount = pc.fill_null(pc.and_(is_amount, pc.is_valid(categories.column("name"))), False)
    told = categories.select(["name", "value", "effective_begin"])
    told = told.append_column("place", pa.array(places)).filter(is_amount)
    since = pc.coalesce(told.column("effective_begin"), begins.take(told.column("place")))
    told = told.append_column("since", since).filter(pc.is_valid(since)).combine_chunks()
    order = _last_of_each(told)
    told = told.take(order)
    ends = np.searchsorted(told.column("place").to_numpy(), np.arange(len(begins) + 1))
    columns = {"amount_names": "name", "amounts_from": "since", "amounts": "value"}
    return {
        name: pa.ListArray.from_arrays(
            pa.array(ends, pa.int32()), pc.cast(told.column(column), TEXT).combine_chunks()
        )
        for name, column in columns.items()
    }


def _last_of_each(told: pa.Table) -> np.ndarray:
    """The rows in the order of member, name and day; of each the last that was told."""
    distinct = pc.dictionary_encode(told.column("name").combine_chunks())
    ranks = pc.rank(distinct.dictionary).to_numpy()
    names = ranks[distinct.indices.to_numpy()]
    days = pc.cast(told.column("since"), pa.int32()).to_numpy()
    places = told.column("place").to_numpy()
    order = np.lexsort((days, names, places))
    keys = np.stack((places[order], names[order], days[order]))
    is_last = np.ones(len(order), np.bool_)
    is_last[:-1] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    last: np.ndarray = order[is_last]
    return last
