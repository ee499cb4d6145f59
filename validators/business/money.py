"""Texts of amounts to cents, without a loop over them."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.segments import KEY_BYTES, Flags, Ints, Keys
from parsers.text_keys import low_bytes, text_keys

NO_AMOUNT = np.int64(-(2**62))
AMOUNT = r"^-?([0-9]{1,10}(\.[0-9]{0,2})?|\.[0-9]{1,2})$"

_SHORTEST = 3  # .05
_ZEROS = np.uint64(0x3030303030303030)  # the digit 0 in each byte
_ABOVE_NINE, _HIGH_BITS = np.uint64(0x7676767676767676), np.uint64(0x8080808080808080)
_DOLLARS, _CENTS = np.uint64(0x000000FFFFFFFFFF), np.uint64(0xFFFF000000000000)
_POINT, _POINT_AT = np.uint64(ord(".")), np.uint64(8 * 5)
_BYTE, _NINE = np.uint64(0xFF), np.uint64(ord("9"))


def cents_of(texts: pa.Array, rows: Ints | None = None) -> Ints:
    """The amounts in cents, of all texts or those in `rows`; `NO_AMOUNT` for what is no amount.

    An amount has at most one decimal point and two decimals (X12.6, data type R; CMS guide 7.2,
    table 17: REF02 of the amounts).
    """
    keys, lengths = text_keys(texts)
    rows = np.arange(len(texts)) if rows is None else rows
    cents, is_read = _cents_of_usual(keys[rows], lengths[rows])
    others = np.flatnonzero(~is_read)
    if len(others):
        encoded = texts.take(pa.array(rows[others])).dictionary_encode()
        distinct = np.append(_cents_of_distinct(encoded.dictionary), NO_AMOUNT)
        cents[others] = distinct[encoded.indices.fill_null(-1).to_numpy()]
    return cents


def _cents_of_usual(keys: Keys, lengths: Ints) -> tuple[Ints, Flags]:
    """Cents of the amounts of up to eight characters with a point and two digits behind it.

    Also per text whether it is one of these or begins with a letter, so that it is no amount; all
    others are still to be read. The eight bytes are moved so that the last character stands in the
    highest one, the point is taken out, and the digits are added up two, four and eight at a time.
    """
    fits = (lengths >= _SHORTEST) & (lengths <= KEY_BYTES)
    empty = KEY_BYTES - np.minimum(lengths, KEY_BYTES)
    words = keys << (8 * np.minimum(empty, KEY_BYTES - 1)).astype(np.uint64)
    fits &= ((words >> _POINT_AT) & _BYTE) == _POINT
    words = ((words & _DOLLARS) << np.uint64(8)) | (words & _CENTS)
    words |= _ZEROS & low_bytes(empty + 1)
    words -= _ZEROS
    fits &= (((words + _ABOVE_NINE) | words) & _HIGH_BITS) == 0
    pairs = words * np.uint64(10) + (words >> np.uint64(8))
    odd, even = (part & np.uint64(0x000000FF000000FF) for part in (pairs, pairs >> np.uint64(16)))
    odd *= np.uint64(0x000F424000000064)
    even *= np.uint64(0x0000271000000001)
    cents = ((odd + even) >> np.uint64(32)).astype(np.int64)
    is_name = (keys & _BYTE) > _NINE  # RATING AREA has the qualifier of amounts
    cents[is_name] = NO_AMOUNT
    return cents, fits | is_name


def _cents_of_distinct(texts: pa.Array) -> Ints:
    fits = pc.match_substring_regex(texts, AMOUNT)
    dollars = pc.if_else(fits, texts, None).cast(pa.float64())
    amounts = pc.fill_null(dollars, np.nan).to_numpy(zero_copy_only=False)
    known = ~np.isnan(amounts)
    cents = np.rint(np.where(known, amounts, 0) * 100).astype(np.int64)
    return np.where(known, cents, NO_AMOUNT)
