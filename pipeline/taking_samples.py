"""Drawing a sample, with a record of it: who, by which seed and filters, and which rows."""

import hashlib

import pyarrow.compute as pc

from ledger.sign_offs import Export, Signer, record_export
from pipeline.wiring import House
from reconciliation.samples import Draw, Sample, draw_sample


def take_sample(house: House, draw: Draw, taken_by: Signer) -> Sample:
    """The sample; the audit trail tells of it, with the hash of its keys.

    Raises Terminal for a partner or a population that is not known.
    """
    for partner_id in draw.asked.partner_ids:
        house.partner(partner_id)
    with house.engine.begin() as conn:
        drawn = draw_sample(conn, draw)
        keys = "\n".join(pc.fill_null(drawn.rows["key"], "").to_pylist())
        counts = {"sample": drawn.rows.num_rows, "population": drawn.population}
        digest = hashlib.sha256(keys.encode()).hexdigest()
        export = Export(f"sample of {draw.population}", "rows", draw.filters, [], counts, digest)
        record_export(conn, export, taken_by)
    return drawn
