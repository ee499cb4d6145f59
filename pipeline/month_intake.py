"""The month, what we are answered: an RCNO, or a state's discrepancy file, is taken in once."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
import structlog

from enrollment.origins import WANTED, origins
from ledger.files import file_row, month_of, set_of_month
from parsers.monthly_issues import refuses, together
from parsers.rcno import Answered
from pipeline.journal import journal
from pipeline.month_answers import (
    AnswerFormat,
    format_of,
    read_answer,
    unlike_what_we_sent,
    unpacked,
)
from pipeline.runs import Run, writing
from pipeline.wiring import House
from reconciliation import months
from reconciliation.breaks import Scope, Sighting, meet
from reconciliation.monthly import Balance, actions_of, balance_of, differences_of, sides_of
from schemas.business_days import load_business_days
from schemas.monthly_exchanges import MonthlyExchange, load_month
from strongroom.files import read_clear

log = structlog.get_logger()


@dataclass(frozen=True)
class LoadedAnswer:
    """What became of an answer. `balance` is None when it is refused."""

    month_file_id: int
    is_new: bool
    state: str
    issues: pa.Table  # tables.MONTHLY_ISSUES
    balance: Balance | None
    actions: dict[str, int]  # how many of each kind follow
    breaks: Mapping[str, int]  # how many were found, found again, and are gone


def take_month_answer(house: House, run: Run, file_id: int, year: int | None = None) -> str:
    """Takes in an answer of the mailbox. The word `month_answer`."""
    load(house, run, file_id, year)
    return "month_answer"


def load(house: House, run: Run, file_id: int, year: int | None = None) -> LoadedAnswer:
    """What became of a received answer. `year`: where its name does not tell the coverage year."""
    with house.engine.connect() as conn:
        row = file_row(conn, file_id)
        partner = house.partner(row.partner_id)
        month = load_month(partner.exchange)
        on_day = house.day_of(partner.id, run.as_of)
        coverage_year = month.year_of(row.name, run.as_of) or year or on_day.year
        asked = months.last_told(conn, partner.id, coverage_year)
    form = format_of(month)
    came = read_clear(house.landing.verified_path(row.storage_key))
    content = unpacked(came, house.settings.max_file_bytes)
    answered = read_answer(content, form, partner)
    if asked is not None and not answered.is_refused:
        answered = unlike_what_we_sent(house, asked, answered)
    digest = hashlib.sha256(came if content is None else content).hexdigest()
    answer = _Answer(row, digest, coverage_year, on_day, form, asked, answered, month)
    with writing(house, run, partner.id, "answers read") as conn:
        loaded = _keep(conn, run, answer)
        journal(conn, run, "file checked", file=file_id)
    log.info("month answered", partner=partner.id, file_id=file_id, state=loaded.state)
    return loaded


@dataclass(frozen=True)
class _Answer:
    """An answer that was read, with all that it is judged by."""

    row: sa.Row[Any]  # of ledger.file
    sha256: str  # of what it says, however it was packed
    coverage_year: int
    on_day: date  # on which it is read, at the exchange
    form: AnswerFormat
    asked: Any  # the row of our file that it answers; None when there is none
    read: Answered
    month: MonthlyExchange


def _keep(conn: sa.Connection, run: Run, answer: _Answer) -> LoadedAnswer:
    """The answer as it is known from now on, or has been: a copy changes nothing."""
    read, row = answer.read, answer.row
    known = months.known_file(conn, row.partner_id, "answer", month_of(row), answer.sha256)
    is_refused = refuses(together([read.issues]))
    balance = None if is_refused else balance_of(read.records)
    if known is not None:
        set_of_month(conn, row.file_id, copy_of=known["file_id"])
        return LoadedAnswer(
            known["month_file_id"], False, known["state"], read.issues, balance, {}, {}
        )
    file = months.MonthFile(
        row.partner_id, "answer", answer.form.version, row.name, answer.coverage_year,
        month_of(row), answer.sha256, row.size_bytes, row.storage_key, run.as_of,
        answer.asked["month_file_id"] if answer.asked is not None else None,
        read.records.num_rows, _told(balance, read),
        "refused" if is_refused else "loaded", row.file_id,
    )  # fmt: skip
    month_file_id = months.remember(conn, file)
    refusals = read.issues.filter(pc.equal(read.issues["severity"], "reject"))
    note = refusals["message"][0].as_py() if is_refused else None
    set_of_month(conn, row.file_id, refused_as=note)
    actions: dict[str, int] = {}
    breaks: Mapping[str, int] = {}
    if not is_refused:
        actions, breaks = _follow(conn, run, month_file_id, file, answer)
    return LoadedAnswer(month_file_id, True, file.state, read.issues, balance, actions, breaks)


def _follow(
    conn: sa.Connection, run: Run, month_file_id: int, file: months.MonthFile, answer: _Answer
) -> tuple[dict[str, int], Mapping[str, int]]:
    """How many actions of each kind were kept, and what became of breaks."""
    form = answer.form
    actions = actions_of(answer.read.records, answer.read.fields, form.id, form.dollars)
    believed_at = answer.asked["as_of"] if answer.asked is not None else file.as_of
    found = _origins(conn, file.partner_id, believed_at, actions, form)
    dispute = answer.month.dispute
    due_on = load_business_days().deadline(answer.on_day, dispute.days, dispute.when_closed)
    months.keep_actions(conn, month_file_id, actions, found["event_id"], due_on)
    sighting = Sighting(
        run.run_id, file.partner_id, "monthly", run.as_of, answer.on_day, is_news=True,
        sha256=file.sha256, scope=Scope((str(file.coverage_year),)), file_id=file.file_id,
    )  # fmt: skip
    differences = differences_of(actions, file.coverage_year, found["file_id"])
    became = meet(conn, sighting, differences)
    months.name_breaks(conn, month_file_id)
    return dict(Counter(actions["action"].to_pylist())), became


def _origins(
    conn: sa.Connection,
    partner_id: str,
    believed_at: datetime,
    actions: pa.Table,
    form: AnswerFormat,
) -> pa.Table:
    """Event and file behind our value of each action; null where the book has none."""
    sources = [form.told_by.get(field, ("policy", None)) for field in actions["field"].to_pylist()]
    wanted = pa.table(
        {
            "ordinal": actions["action_ordinal"],
            "exchange_policy_id": actions["exchange_policy_id"],
            "exchange_member_id": actions["exchange_member_id"],
            "told_by": [kind for kind, _ in sources],
            "name": [name for _, name in sources],
        },
        schema=WANTED,
    )
    found = origins(conn, partner_id, believed_at, wanted)
    places = pc.index_in(actions["action_ordinal"].combine_chunks(), found["ordinal"])
    return found.combine_chunks().take(places).combine_chunks()


def _told(balance: Balance | None, read: Answered) -> dict[str, Any]:
    """Balance and issues as the database keeps them: figures and rules."""
    told: dict[str, Any] = {"issues": dict(Counter(read.issues["rule"].to_pylist()))}
    if balance is not None:
        told["rows"] = balance.rows
        told["dollars"] = {
            fate: [str(amount) for amount in amounts] for fate, amounts in balance.dollars.items()
        }
        told["sides"] = sides_of(read.records)
    return told
