"""Nothing leaves unproved: what we wrote is read back, by our own parser and by pyx12."""

import io
import logging
import tempfile
from pathlib import Path

import pyarrow.compute as pc

from enrollment.staged_events import FileTables
from parsers.acknowledgements import Acknowledgements, read_acknowledgements
from pipeline.checked_tables import ParquetSink, read_table
from replies.ack999 import FUNCTIONAL_IDENTIFIER
from replies.ta1 import answered_interchanges
from schemas.errors import Terminal
from schemas.verdict import Verdict
from validators.check import Terms, check_file

_TABLES = ("members", "coverages", "reporting_categories")


def prove_enrollment(content: bytes) -> FileTables:
    """The tables of an 834 of ours, read back.

    Raises Terminal when it is not accepted by our own check and by pyx12.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outgoing.edi"
        path.write_bytes(content)
        with ParquetSink(Path(folder) / "tables") as sink:
            verdict = check_file(path, Terms(), sink).verdict
            sink.put_in_place()
        read = FileTables(*(read_table(Path(folder) / "tables", name) for name in _TABLES))
    if verdict.file_verdict != "accepted":
        rule = verdict.issues["rule"][0].as_py()
        raise Terminal(f"An 834 of ours breaks the rule {rule}; it was not sent. Report this.")
    if not _pyx12_accepts(content):
        raise Terminal("An 834 of ours is refused by pyx12; it was not sent. Report this.")
    return read


def _pyx12_accepts(content: bytes) -> bool:
    import pyx12.params
    import pyx12.x12n_document

    logging.getLogger("pyx12").setLevel(logging.CRITICAL)
    accepted: bool = pyx12.x12n_document.x12n_document(
        param=pyx12.params.params(),
        src_file=io.StringIO(content.decode("ascii")),
        fd_997=None,
        fd_html=None,
    )
    return accepted


def prove_interchange_acknowledgements(content: bytes, verdict: Verdict) -> None:
    """Raises Terminal when a TA1 of ours, read back, says something else than the verdict."""
    said = _read_back(content).interchanges.select(["code", "note"]).to_pylist()
    judged = answered_interchanges(verdict).select(["ta1_code", "ta1_note"]).to_pylist()
    if [tuple(row.values()) for row in said] != [tuple(row.values()) for row in judged]:
        raise Terminal("A TA1 of ours contradicts its verdict; it was not sent. Report this.")


def _read_back(content: bytes) -> Acknowledgements:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outgoing.edi"
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
