"""The exchange's pre-audit file is taken in: read once, frozen, and held where it leaves out much.

It changes nothing and ends nobody. What it says is compared each night (`pre_audit_breaks.py`).
"""

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
import structlog

from enrollment.omitted import NAMED, WhoIsNamed, omitted
from ledger.files import file_row, month_of, set_of_month, settle_held
from parsers.monthly_issues import issues
from parsers.pre_audit import PreAudit, nothing_of, read_pre_audit
from pipeline.journal import journal
from pipeline.month_answers import unpacked
from pipeline.operators import name_of_operator
from pipeline.runs import Run, writing
from pipeline.wiring import House
from reconciliation import months
from reconciliation.pre_audit import frozen_pre_audit
from schemas.gate import Finding, load_gate
from schemas.monthly_exchanges import load_month
from schemas.partners import Partner
from schemas.pre_audit import PreAuditLayout, load_pre_audit
from strongroom.files import read_clear
from validators.gate import judge_batch

log = structlog.get_logger()


def take_pre_audit(house: House, run: Run, file_id: int) -> str:
    """Takes in a pre-audit file of the mailbox, once. The word `pre_audit`.

    One that is refused is set apart with the reason; so is one that leaves out more than the gate
    or the partner's bounds allow, until a second person decides. The one before it goes on to hold.
    """
    with house.engine.connect() as conn:
        row = file_row(conn, file_id)
    partner = house.partner(row.partner_id)
    on_day = house.day_of(partner.id, run.as_of)
    year = load_month(partner.exchange).year_of(row.name, run.as_of) or on_day.year
    read, digest = _read(house, partner, row.storage_key)
    key = None
    if not read.is_refused:
        key = house.landing.store([frozen_pre_audit(read.rows, read.not_compared)]).storage_key
    with writing(house, run, partner.id, "answers read") as conn:
        known = months.known_file(conn, partner.id, "pre_audit", month_of(row), digest)
        if known is not None:  # a copy changes nothing
            set_of_month(conn, file_id, copy_of=known["file_id"])
        else:
            found = [] if read.is_refused else _left_out(conn, on_day, partner, year, read)
            taken = _Taken(row, digest, year, read, found, key, name_of_operator(house.settings))
            _keep(conn, run, partner, taken)
        journal(conn, run, "file checked", file=file_id)
    log.info(
        "pre-audit file read",
        partner=partner.id,
        file_id=file_id,
        rows=read.rows.num_rows,
        issues=dict(Counter(read.issues["rule"].to_pylist())),
    )
    return "pre_audit"


def decide_held_file(
    house: House, month_file_id: int, state: Literal["loaded", "refused"], said: months.Said
) -> None:
    """A second person's word about a held pre-audit file: nights compare it, or never do.

    Raises Terminal when it is not held, or the person may not decide.
    """
    with house.engine.begin() as conn:
        row = months.decide_held(conn, month_file_id, state, said)
        note = None if state == "loaded" else "A second person has refused it."
        settle_held(conn, row["file_id"], note)


@dataclass(frozen=True)
class _Taken:
    """A pre-audit file that was read, with what was found about it."""

    row: sa.Row[Any]  # of ledger.file
    sha256: str  # of what it says, however it was packed
    coverage_year: int
    read: PreAudit
    findings: list[Finding]
    frozen_key: str | None
    operator: str

    @property
    def state(self) -> Literal["loaded", "refused", "held"]:
        """What becomes of it."""
        if self.read.is_refused:
            return "refused"
        return "held" if any(finding.holds for finding in self.findings) else "loaded"

    @property
    def note(self) -> str | None:
        """Why it is set apart; None when it is not."""
        refusals = self.read.issues.filter(pc.equal(self.read.issues["severity"], "reject"))
        if refusals.num_rows:
            return str(refusals["message"][0].as_py())
        return " ".join(f.sentence or "" for f in self.findings if f.holds) or None


def _keep(conn: sa.Connection, run: Run, partner: Partner, taken: _Taken) -> None:
    """Remembers the file, with its figures."""
    layout, row, rows = layout_of(partner), taken.row, taken.read.rows
    told = {
        "issues": dict(Counter(taken.read.issues["rule"].to_pylist())),
        "gathered": _gathered(rows),
        "findings": [asdict(finding) for finding in taken.findings],
    }
    file = months.MonthFile(
        partner.id, "pre_audit", f"{layout.id} {layout.version}", row.name, taken.coverage_year,
        month_of(row), taken.sha256, row.size_bytes, row.storage_key, run.as_of, None,
        rows.num_rows, told, taken.state, row.file_id, taken.frozen_key,
        taken.operator if taken.state == "held" else None,
    )  # fmt: skip
    number = months.remember(conn, file)
    note = taken.note
    if taken.state == "held":
        note = f"{note} A second person decides: edi834 month accept {number}, or refuse."
    set_of_month(conn, row.file_id, refused_as=note)


def _gathered(rows: pa.Table) -> str:
    """When the exchange began to gather the file (CCYYMMDDHHMMSSss), on its own clock."""
    day = pc.strftime(rows["created_on"], "%Y%m%d")
    clock = pc.utf8_slice_codeunits(pc.coalesce(rows["created_at"], "00000000"), 0, 8)
    moment = pc.binary_join_element_wise(day, clock.cast(day.type), "")
    return str(pc.min(moment).as_py() or "")


def _read(house: House, partner: Partner, storage_key: str) -> tuple[PreAudit, str]:
    """The file, and the SHA-256 of what it says, however it was packed."""
    came = read_clear(house.landing.verified_path(storage_key))
    content = unpacked(came, house.settings.max_file_bytes)
    if content is None:
        return nothing_of(issues("month-packed", [None])), hashlib.sha256(came).hexdigest()
    read = read_pre_audit(content, layout_of(partner), partner)
    return read, hashlib.sha256(content).hexdigest()


def layout_of(partner: Partner) -> PreAuditLayout:
    """How the exchange lays out its pre-audit file."""
    known = load_month(partner.exchange).pre_audit
    assert known is not None  # its name told what the file is
    return load_pre_audit(known.layout)


def _left_out(
    conn: sa.Connection, on_day: date, partner: Partner, year: int, read: PreAudit
) -> list[Finding]:
    """What the gate finds of whom the file leaves out."""
    whole = pa.table({"exchange_policy_id": read.not_compared})
    told = pa.concat_tables([read.rows.select(NAMED.names), whole], promote_options="default")
    who = WhoIsNamed(partner.id, on_day, load_gate().plan_of_policies, year)
    return judge_batch(omitted(conn, told, who, "pre_audit"), [], partner.bounds_on(on_day))
