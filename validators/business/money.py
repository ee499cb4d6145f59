"""Texts of amounts to cents, without a loop over them."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.segments import Ints

NO_AMOUNT = np.int64(-(2**62))
AMOUNT = r"^-?([0-9]{1,10}(\.[0-9]{0,2})?|\.[0-9]{1,2})$"


def cents_of(texts: pa.Array) -> Ints:
    """The amounts in cents; `NO_AMOUNT` for what is no amount.

    An amount has at most one decimal point and two decimals (X12.6, data type R; CMS guide 7.2,
    table 17: REF02 of the amounts).
    """
    encoded = texts.dictionary_encode()
    distinct = np.append(_cents_of_distinct(encoded.dictionary), NO_AMOUNT)
    cents: Ints = distinct[encoded.indices.fill_null(-1).to_numpy()]
    return cents


def _cents_of_distinct(texts: pa.Array) -> Ints:
    fits = pc.match_substring_regex(texts, AMOUNT)
    dollars = pc.if_else(fits, texts, None).cast(pa.float64())
    amounts = pc.fill_null(dollars, np.nan).to_numpy(zero_copy_only=False)
    known = ~np.isnan(amounts)
    cents = np.rint(np.where(known, amounts, 0) * 100).astype(np.int64)
    return np.where(known, cents, NO_AMOUNT)
