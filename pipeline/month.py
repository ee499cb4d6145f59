"""The month: what we tell the exchange, and what follows from its answer."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from enrollment.monthly_rows import rcni_rows
from enrollment.origins import WANTED, origins
from parsers.monthly_issues import refuses, together
from parsers.rcno import Answered
from pipeline.month_answers import AnswerFormat, format_of, unlike_what_we_sent, unpacked
from pipeline.rcni_proof import prove_rcni
from pipeline.wiring import House
from reconciliation import months
from reconciliation.monthly import Balance, actions_of, balance_of
from reconciliation.snapshots import write_durably
from replies.rcni import RcniHead, write_rcni
from schemas.business_days import load_business_days
from schemas.errors import Terminal
from schemas.monthly_exchanges import load_month
from schemas.monthly_layouts import load_rcni


@dataclass(frozen=True)
class WrittenRcni:
    """An RCNI that was proved: where it is, and its total."""

    month_file_id: int
    path: Path
    sha256: str
    totals: dict[str, str]
    unconfirmed: tuple[str, ...]  # fields that no source confirms


@dataclass(frozen=True)
class LoadedAnswer:
    """What became of an answer. `balance` is None when it is refused."""

    month_file_id: int
    is_new: bool
    state: str
    issues: pa.Table  # tables.MONTHLY_ISSUES
    balance: Balance | None
    actions: dict[str, int]  # how many of each kind follow


def build_rcni(
    house: House, partner_id: str, coverage_year: int, as_of: datetime, out: Path
) -> WrittenRcni:
    """Writes the partner's RCNI of the year to the folder, proved, and remembers it.

    The same belief at the same moment gives the same bytes. Raises Terminal when the exchange's
    layout is not known, when the book has nothing to tell, or when the proof fails.
    """
    partner = house.partner(partner_id)
    month = load_month(partner.exchange)
    if month.rcni is None:
        raise Terminal(
            f"How {partner.exchange} wants its monthly file is not known. Write its layout into "
            "schemas/monthly and name it there."
        )
    layout = load_rcni(month.rcni)
    with house.engine.connect() as conn:
        rows = rcni_rows(conn, partner_id, coverage_year, as_of)
    if not rows.num_rows:
        raise Terminal(
            f"The book of {partner_id} has no coverage that begins in {coverage_year}, so there is "
            "nothing to tell. Check --year and --as-of."
        )
    head = RcniHead(partner, coverage_year, as_of.astimezone(month.zone))
    content = write_rcni(rows, head, layout)
    totals = prove_rcni(content, rows, layout)
    stored = house.landing.store([content])
    path = out / month.name_for(partner, coverage_year, as_of)
    file = months.MonthFile(
        partner_id, "rcni", f"{layout.id} {layout.version}", path.name, coverage_year,
        stored.sha256, stored.size_bytes, stored.storage_key, as_of, None, rows.num_rows,
        totals, "written",
    )  # fmt: skip
    with house.engine.begin() as conn:
        known = months.known_file(conn, partner_id, "rcni", stored.sha256)
        month_file_id = known if known is not None else months.remember(conn, file)
    write_durably(path, content)
    return WrittenRcni(month_file_id, path, stored.sha256, totals, layout.unconfirmed)


def load_answer(
    house: House, partner_id: str, coverage_year: int, path: Path, came_at: datetime
) -> LoadedAnswer:
    """Takes an answer of the exchange in: its records, and what follows from each.

    The same bytes again change nothing. A file that is refused leaves what the answer before it
    left; its bytes and what is wrong with it are remembered.
    """
    partner = house.partner(partner_id)
    month = load_month(partner.exchange)
    form = format_of(month)
    content = unpacked(path.read_bytes(), house.settings.max_file_bytes)
    sha256 = hashlib.sha256(content).hexdigest()
    with house.engine.connect() as conn:
        known = months.known_file(conn, partner_id, "answer", sha256)
        asked = months.last_written(conn, partner_id, coverage_year)
    answered = form.read(content, partner)
    if asked is not None and not answered.is_refused:
        answered = unlike_what_we_sent(house, asked, answered)
    if known is not None:
        return _known(answered, known)
    stored = house.landing.store([content])
    balance = None if answered.is_refused else balance_of(answered.records)
    file = months.MonthFile(
        partner_id, "answer", form.version, path.name, coverage_year,
        stored.sha256, stored.size_bytes, stored.storage_key, came_at,
        asked["month_file_id"] if asked is not None else None, answered.records.num_rows,
        _told(balance, answered.issues), "refused" if answered.is_refused else "loaded",
    )  # fmt: skip
    with house.engine.begin() as conn:
        month_file_id = months.remember(conn, file)
        actions = _keep(conn, month_file_id, file, answered, form, asked, month.dispute)
    return LoadedAnswer(month_file_id, True, file.state, answered.issues, balance, actions)


def _known(answered: Answered, month_file_id: int) -> LoadedAnswer:
    refused = refuses(together([answered.issues]))
    balance = None if refused else balance_of(answered.records)
    state = "refused" if refused else "loaded"
    return LoadedAnswer(month_file_id, False, state, answered.issues, balance, {})


def _keep(  # noqa: PLR0913 - what an answer is kept with
    conn: sa.Connection,
    month_file_id: int,
    file: months.MonthFile,
    answered: Answered,
    form: AnswerFormat,
    asked: Any,
    dispute: Any,
) -> dict[str, int]:
    """How many actions of each kind were kept."""
    if answered.is_refused:
        return {}
    actions = actions_of(answered.records, answered.fields, form.id, form.dollars)
    believed_at = asked["as_of"] if asked is not None else file.as_of
    event_ids = _event_ids(conn, file.partner_id, believed_at, actions, form)
    since = file.as_of.date()
    due_on = load_business_days().deadline(since, dispute.days, dispute.when_closed)
    months.keep_actions(conn, month_file_id, actions, event_ids, due_on)
    return dict(Counter(actions["action"].to_pylist()))


def _event_ids(
    conn: sa.Connection,
    partner_id: str,
    believed_at: datetime,
    actions: pa.Table,
    form: AnswerFormat,
) -> pa.Array:
    """The event behind our value of each action; null where the book has none."""
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
    return found["event_id"].combine_chunks().take(places)


def _told(balance: Balance | None, issues: pa.Table) -> dict[str, Any]:
    """Balance and issues as the database keeps them: figures and rules."""
    told: dict[str, Any] = {"issues": dict(Counter(issues["rule"].to_pylist()))}
    if balance is not None:
        told["rows"] = balance.rows
        told["dollars"] = {
            fate: [str(amount) for amount in amounts] for fate, amounts in balance.dollars.items()
        }
    return told
