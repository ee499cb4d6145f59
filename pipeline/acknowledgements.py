"""Answers of the exchange that came: TA1, 999 and business acknowledgements, to the ledger."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
import structlog

from ledger.answers import record_answers, set_answer_file
from parsers.acknowledgements import Acknowledgements, read_acknowledgements
from parsers.business_acknowledgements import (
    BusinessAcknowledgement,
    read_business_acknowledgement,
)
from parsers.reading import open_received
from pipeline.journal import journal
from pipeline.runs import Run, writing
from pipeline.wiring import House
from schemas.catalog import load_rules
from schemas.tables import ANSWERS, BUSINESS_ANSWER_ISSUES, TEXT

log = structlog.get_logger()

_TA1_CODES = pa.array(["A", "E", "R"], TEXT)
_OF_BUSINESS = {
    "interchange_number": "interchange_control_number",
    "group_number": "group_control_number",
    "set_number": "transaction_set_control_number",
    "note": "code",
    "exchange_policy_id": "exchange_policy_id",
    "exchange_member_id": "exchange_member_id",
    "element": "element",
}


def take_acknowledgement(house: House, run: Run, row: sa.Row[Any], path: Path) -> str:
    """Records the exchange's answers to what we sent. The word `acknowledgement`.

    A business acknowledgement that cannot be read, and TA1 or 999 that are not the exchange's to
    this partner, are quarantined, with what is wrong with them: numbers of partners are alike. So
    is a file of which some is not read; the answers of its good interchanges hold.
    """
    exchange = house.exchange(row.partner_id)
    is_business = row.function_code == exchange.function_codes.business_acknowledgement
    with writing(house, run, row.partner_id, "answers read") as conn:
        if is_business:
            told = read_business_acknowledgement(path, house.partner(row.partner_id), exchange)
            _record(conn, row, _as_answers(told))
            set_answer_file(conn, row.file_id, told.issues, is_refused=told.is_refused)
        else:
            said = read_acknowledgements(path)
            issues = _told(_strange(said, house, row.partner_id))
            if not issues.num_rows:
                _record(conn, row, _known(said))
                issues = _told(said.unread)
            set_answer_file(conn, row.file_id, issues, is_refused=bool(issues.num_rows))
        journal(conn, run, "file checked", file=row.file_id)
    return "acknowledgement"


def record_answers_within(conn: sa.Connection, row: sa.Row[Any], path: Path) -> None:
    """Records answers that came in the same file as enrollments."""
    with open_received(path) as received:
        brings_answers = received.brings_acknowledgements
    if brings_answers:
        _record(conn, row, _known(read_acknowledgements(path)))


def _strange(said: Acknowledgements, house: House, partner_id: str) -> list[str]:
    """The rules that say who the interchanges are from or for instead."""
    partner, exchange = house.partner(partner_id), house.exchange(partner_id)
    broken = set()
    for party in said.parties.to_pylist():
        if party["sender_id"] != exchange.interchange.exchange_id:
            broken.add("sender-unknown")
        if party["receiver_id"] in house.other_receivers(partner_id):
            broken.add("receiver-of-another-mailbox")
        elif party["receiver_id"] != partner.trading_partner_id:
            broken.add("receiver-unknown")
    return sorted(broken)


def _told(broken: Sequence[str]) -> pa.Table:
    """What is wrong with the file, a row a rule (BUSINESS_ANSWER_ISSUES)."""
    rules = [load_rules()[name] for name in broken]
    rows = [{"rule": one.id, "severity": "reject", "message": one.wording} for one in rules]
    return pa.Table.from_pylist(rows, schema=BUSINESS_ANSWER_ISSUES)


def _known(said: Acknowledgements) -> pa.Table:
    """tables.ANSWERS. A TA1 that says nothing that X12 knows is passed over.

    So is an answer that is cut off: the exchange's whole one is yet to come, and the first counts.
    """
    return replace(
        said,
        interchanges=said.interchanges.filter(pc.is_in(said.interchanges["code"], _TA1_CODES)),
        groups=said.groups.filter(pc.is_valid(said.groups["ack"])),
        sets=said.sets.filter(pc.is_valid(said.sets["ack"])),
    ).answers


def _as_answers(said: BusinessAcknowledgement) -> pa.Table:
    """tables.ANSWERS of a business acknowledgement. What is not known as a warning rejects."""
    rows = said.answers
    warns = pc.fill_null(pc.equal(rows["severity"], "warning"), False)
    columns = {ours: rows[theirs] for ours, theirs in _OF_BUSINESS.items()}
    columns["level"] = pa.repeat(pa.scalar("business", TEXT), rows.num_rows)
    columns["code"] = pc.if_else(warns, pa.scalar("W", TEXT), pa.scalar("R", TEXT))
    return pa.table([columns[name] for name in ANSWERS.names], schema=ANSWERS)


def _record(conn: sa.Connection, row: sa.Row[Any], answers: pa.Table) -> None:
    for unknown in record_answers(conn, row.partner_id, row.file_id, answers):
        log.warning("answer to an unknown number", file_id=row.file_id, **vars(unknown))
