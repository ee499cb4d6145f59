"""Nothing leaves unproved: our TA1s and 999s are read back (834s: pipeline/issuer_proof.py)."""

import pyarrow.compute as pc

from parsers.acknowledgements import Acknowledgements, read_acknowledgements
from replies.ack999 import FUNCTIONAL_IDENTIFIER
from replies.ta1 import answered_interchanges
from schemas.errors import Terminal
from schemas.verdict import Verdict
from strongroom.drafts import drafts


def prove_interchange_acknowledgements(content: bytes, verdict: Verdict) -> None:
    """Raises Terminal when a TA1 of ours, read back, says something else than the verdict."""
    said = _read_back(content).interchanges.select(["code", "note"]).to_pylist()
    judged = answered_interchanges(verdict).select(["ta1_code", "ta1_note"]).to_pylist()
    if [tuple(row.values()) for row in said] != [tuple(row.values()) for row in judged]:
        raise Terminal("A TA1 of ours contradicts its verdict; it was not sent. Report this.")


def _read_back(content: bytes) -> Acknowledgements:
    with drafts() as folder:
        path = folder / "outgoing.edi"
        path.write_bytes(content)
        return read_acknowledgements(path)


def prove_acknowledgements(content: bytes, verdict: Verdict) -> None:
    """Raises Terminal when a 999 of ours, read back, says something else than the verdict."""
    answers = _read_back(content)
    refused = verdict.interchange_verdicts.filter(
        pc.equal(verdict.interchange_verdicts["ta1_code"], "R")
    )["interchange_ordinal"].combine_chunks()
    groups = verdict.group_verdicts
    groups = groups.filter(pc.invert(pc.is_in(groups["interchange_ordinal"], refused)))
    received = verdict.functional_groups
    of_999 = received.filter(pc.equal(received["functional_identifier"], FUNCTIONAL_IDENTIFIER))
    known = of_999["group_ordinal"].combine_chunks()
    groups = groups.filter(pc.invert(pc.is_in(groups["group_ordinal"], known)))
    answered = groups["group_ordinal"].combine_chunks()
    sets = verdict.set_verdicts
    sets = sets.filter(pc.is_in(sets["group_ordinal"], answered))
    same = (
        answers.groups["ack"].to_pylist() == groups["ack"].to_pylist()
        and answers.sets["ack"].to_pylist() == sets["ack"].to_pylist()
    )
    if not same:
        raise Terminal("A 999 of ours contradicts its verdict; it was not sent. Report this.")
