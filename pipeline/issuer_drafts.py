"""A file to the exchange as it may leave: written and proved, without what cannot be sent.

One decision that cannot be written or proved must not keep back the others. It is left out, and the
file is written anew without it, under the same control numbers: those of an attempt are given back.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.issuer_proof import Disproof, Proof, prove_issuer_transactions
from pipeline.outgoing import Writer
from replies.issuer834 import count_groups, count_sets, write_issuer_transactions
from replies.issuer_requirements import obstacles
from replies.x12_writer import ControlNumbers, Envelope
from schemas import tables


@dataclass(frozen=True)
class Draft:
    """A proved file with its rows (tables.ISSUER_TRANSACTIONS) and control numbers."""

    rows: pa.Table
    content: bytes
    envelope: Envelope
    control: ControlNumbers
    proof: Proof


def draft_of(writer: Writer, rows: pa.Table) -> tuple[Draft | None, pa.Table]:
    """The file of all rows that can be sent, None when none can, and what hinders the others.

    The latter as tables.OBSTACLES. Raises Terminal when the file cannot be proved as a whole.
    """
    hindered = [tables.OBSTACLES.empty_table(), obstacles(rows, writer.exchange)]
    rows = _without(rows, hindered[-1])
    while rows.num_rows:
        attempt = writer.conn.begin_nested()
        draft = _written(writer, rows)
        if isinstance(draft, Draft):
            attempt.commit()
            return draft, pa.concat_tables(hindered)
        attempt.rollback()
        hindered.append(draft.obstacles)
        rows = _without(rows, draft.obstacles)
    return None, pa.concat_tables(hindered)


def _written(writer: Writer, rows: pa.Table) -> Draft | Disproof:
    control = ControlNumbers(
        writer.numbers("group", count_groups(rows)),
        writer.numbers("transaction_set", count_sets(rows)),
    )
    (envelope,) = writer.envelopes(1)
    content = write_issuer_transactions(rows, envelope, control)
    proof = prove_issuer_transactions(content, rows, envelope, control)
    if isinstance(proof, Disproof):
        return proof
    return Draft(rows, content, envelope, control, proof)


def _without(rows: pa.Table, hindered: pa.Table) -> pa.Table:
    is_hindered = pc.is_in(rows["decision_id"], value_set=hindered["decision_id"].combine_chunks())
    return rows.filter(pc.invert(is_hindered))
