"""One received file: checked, its verdict recorded, its TA1 and 999 written."""

from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
import structlog

from ledger.files import file_row, to_check_before
from ledger.operator_words import Release, released_as
from ledger.runs import record_rules
from ledger.sent import SentEnvelopes
from ledger.verdicts import (
    EarlierFiles,
    record_verdict,
    seen_group_control_numbers,
    seen_interchange_control_numbers,
)
from parsers.reading import open_received
from pipeline.acknowledgements import record_answers_within, take_acknowledgement
from pipeline.cases import case_rejections
from pipeline.checked_tables import ParquetSink
from pipeline.journal import journal
from pipeline.month_intake import take_month_answer
from pipeline.outgoing import Letter, Writer, write_for
from pipeline.pre_audit import take_pre_audit
from pipeline.proof import prove_acknowledgements, prove_interchange_acknowledgements
from pipeline.runs import Run, writing
from pipeline.wiring import House
from replies import ack999, ta1
from replies.x12_writer import ControlNumbers
from schemas.catalog import load_rules
from schemas.errors import Terminal
from schemas.fault_points import reach
from schemas.limits import load_limits
from schemas.tables import FUNCTIONAL_GROUPS, INTERCHANGES, TEXT, TRANSACTION_SETS
from schemas.verdict import Verdict
from validators.check import Terms, check_file
from validators.duplicates import Numbers

log = structlog.get_logger()


def check_received(house: House, run: Run, file_id: int) -> str:
    """What became of the file, as a word: its verdict, or `acknowledgement`.

    Verdict, issues, TA1 and 999 appear in the ledger at once or not at all; a file that has a
    verdict already is left as it is. Earlier files with the same interchange control number are
    checked first, so that a repetition is told from the original by arrival alone.
    """
    with house.engine.connect() as conn:
        row = file_row(conn, file_id)
        earlier = to_check_before(conn, file_id)
    if row.verdict is not None:
        return str(row.verdict)
    for earlier_file_id in earlier:
        with suppress(Terminal):  # a damaged one says so in its own step; its number stays taken
            check_received(house, run, earlier_file_id)
    path = house.landing.verified_path(row.storage_key)
    if row.kind == "acknowledgement":
        return take_acknowledgement(house, run, row, path)
    if row.kind == "month_answer":
        return take_month_answer(house, run, file_id)
    if row.kind == "pre_audit":
        return take_pre_audit(house, run, file_id)
    with ParquetSink(house.settings.tables_folder / str(file_id)) as sink:
        terms = terms_of(house, row, path, house.day_of(row.partner_id, run.as_of))
        terms = as_correction(terms) if row.kind == "correction" else terms
        released = _release(house, file_id)
        terms = without_rule(terms, released.rule) if released else terms
        verdict = check_file(path, terms, sink).verdict
        sink.write_verdict(verdict)
        with writing(house, run, row.partner_id, "file checked") as conn:
            judged_by = record_rules(conn, house.rules)
            if not record_verdict(conn, file_id, verdict, run.run_id, judged_by):
                sink.discard()  # the tables are those of the verdict that stands
                return verdict.file_verdict
            sink.put_in_place()
            reach("tables in place")
            if row.kind != "correction":  # ours: the exchange has had its answers to the original
                _acknowledge(write_for(house, run, row.partner_id, conn), file_id, verdict)
                if verdict.is_answered:  # a stranger's answers are no answers
                    record_answers_within(conn, row, path)
            case_rejections(conn, run, row.partner_id, file_id, sink.folder)
            journal(conn, run, "file checked", file=file_id)
    _log(row, verdict)
    return verdict.file_verdict


def _log(row: sa.Row[Any], verdict: Verdict) -> None:
    log.info("file checked", file_id=row.file_id, verdict=verdict.file_verdict)
    if verdict.quarantine is not None:
        rule, known = verdict.quarantine.rule, {"partner": row.partner_id, "file_id": row.file_id}
        is_suspect = load_rules()[rule].quarantine == "silent"
        log.warning("security alert" if is_suspect else "file quarantined", rule=rule, **known)


def terms_of(house: House, row: sa.Row[Any], path: Path, day: date) -> Terms:
    """The terms of the partner that sent the file, with what the ledger knows of earlier files."""

    def seen_groups(pairs: Numbers) -> Numbers:
        with house.engine.connect() as conn:
            return seen_group_control_numbers(conn, _earlier(row), pairs)

    limits = load_limits()
    with house.engine.connect() as conn:
        seen = seen_before(conn, row, path)
    return Terms(
        partner=house.partner(row.partner_id),
        day=day,
        other_receivers=house.other_receivers(row.partner_id),
        seen_interchanges=seen,
        seen_groups=seen_groups,
        is_copy=row.duplicate_of is not None,
        limits=replace(limits, file_bytes=min(limits.file_bytes, house.settings.max_file_bytes)),
    )


def as_correction(terms: Terms) -> Terms:
    """The same terms for a set that a person has corrected: its numbers came with the original."""
    return replace(terms, seen_interchanges=frozenset(), seen_groups=lambda _: frozenset())


def without_rule(terms: Terms, rule_id: str) -> Terms:
    """The same terms for a file that a person has released: what set it apart does not hold."""
    known = terms.rulebook
    rules = {name: rule for name, rule in known.rules.items() if name != rule_id}
    return replace(terms, rulebook=replace(known, rules=rules))


def _release(house: House, file_id: int) -> Release | None:
    with house.engine.connect() as conn:
        return released_as(conn, file_id)


def seen_before(conn: sa.Connection, row: sa.Row[Any], path: Path) -> frozenset[tuple[str, str]]:
    """Those interchanges of the file that an earlier file of the partner brought already."""
    with open_received(path) as received:
        return seen_interchange_control_numbers(conn, _earlier(row), received.interchange_keys)


def _earlier(row: sa.Row[Any]) -> EarlierFiles:
    return EarlierFiles(
        partner_id=row.partner_id,
        before_file_id=row.file_id,
        since=row.recorded_at - timedelta(days=load_limits().control_number_days),
    )


def _acknowledge(writer: Writer, file_id: int, verdict: Verdict) -> None:
    """Writes the TA1 of every interchange, and the 999 of every group of an accepted one."""
    codes = writer.exchange.function_codes
    count = ta1.count_ta1(verdict)
    if not count:
        return  # nothing of it was X12: the quarantine answers, not the protocol
    envelopes = writer.envelopes(count)
    answer = ta1.write_ta1(verdict, envelopes)
    prove_interchange_acknowledgements(answer, verdict)
    letter = Letter("ta1", codes.acknowledgement_interchange, file_id)
    numbers = [envelope.interchange_control_number for envelope in envelopes]
    writer.send(letter, answer, numbers[0], sent_envelopes(numbers, [], []))
    count = ack999.count_groups(verdict)
    if not count:
        return
    control = ControlNumbers(
        writer.numbers("group", count), writer.numbers("transaction_set", count)
    )
    (envelope,) = writer.envelopes(1)
    report = ack999.write_999(verdict, envelope, control)
    assert report is not None  # there are groups
    prove_acknowledgements(report, verdict)
    number = envelope.interchange_control_number
    letter = Letter("999", codes.acknowledgement_implementation, file_id)
    groups = list(control.groups)
    writer.send(
        letter, report, number, sent_envelopes([number], groups, list(enumerate(control.sets, 1)))
    )


def sent_envelopes(
    interchanges: list[int], groups: list[int], sets: list[tuple[int, int]]
) -> SentEnvelopes:
    """Control numbers of a sent file for the ledger; all groups stand in its only interchange.

    `sets` holds (group ordinal, ST02) in file order.
    """
    return SentEnvelopes(
        pa.table(
            {
                "interchange_ordinal": pa.array(range(1, len(interchanges) + 1), pa.int64()),
                "control_number": pa.array([f"{n:09d}" for n in interchanges], TEXT),
            },
            schema=_columns(INTERCHANGES, "interchange_ordinal", "control_number"),
        ),
        pa.table(
            {
                "interchange_ordinal": pa.array([1] * len(groups), pa.int64()),
                "group_ordinal": pa.array(range(1, len(groups) + 1), pa.int64()),
                "control_number": pa.array([str(n) for n in groups], TEXT),
            },
            schema=_columns(
                FUNCTIONAL_GROUPS, "interchange_ordinal", "group_ordinal", "control_number"
            ),
        ),
        pa.table(
            {
                "interchange_ordinal": pa.array([1] * len(sets), pa.int64()),
                "group_ordinal": pa.array([group for group, _ in sets], pa.int64()),
                "set_ordinal": pa.array(range(1, len(sets) + 1), pa.int64()),
                "control_number": pa.array([f"{n:09d}" for _, n in sets], TEXT),
            },
            schema=_columns(
                TRANSACTION_SETS,
                *("interchange_ordinal", "group_ordinal", "set_ordinal", "control_number"),
            ),
        ),
    )


def _columns(schema: pa.Schema, *names: str) -> pa.Schema:
    return pa.schema([schema.field(name) for name in names])
