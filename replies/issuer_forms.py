"""Which rows hold what: the exchange's facts on each transaction, over all rows at once."""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from schemas.issuer_transactions import IssuerTransaction
from schemas.partners import Exchange


@dataclass(frozen=True)
class Forms:
    """The forms of an exchange, and rows of tables.ISSUER_TRANSACTIONS that are written in them."""

    exchange: Exchange
    rows: pa.Table

    def where(self, holds: Callable[[IssuerTransaction], bool]) -> pa.Array:
        """Per row: whether that holds for the form of its transaction."""
        forms = self.exchange.issuer_transactions.items()
        names = pa.array([name for name, form in forms if holds(form)], pa.large_string())
        return pc.is_in(self.rows["transaction"].combine_chunks(), value_set=names)

    def values(self, of: Callable[[IssuerTransaction], str]) -> pa.Array:
        """Per row: a value of its form."""
        forms = self.exchange.issuer_transactions
        names = pa.array(forms, pa.large_string())
        place = pc.index_in(self.rows["transaction"].combine_chunks(), value_set=names)
        return pa.array([of(form) for form in forms.values()], pa.large_string()).take(place)
