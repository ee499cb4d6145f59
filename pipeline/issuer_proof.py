"""Our 834s, proved before they leave: what the bytes say is what was decided.

What is proved. The whole file, by our own parser: SNIP types 1 to 5 and the companion guide's
rules on what an issuer sends (`schemas/rules/issuer_transactions.toml`); its envelope (whose it is,
for whom, one group a plan, the control numbers that were allotted); and that each member, coverage
and id of it is what its row says, column by column. By pyx12, which takes a second for a few
hundred members: the envelope and every group, and of the sets the first one of each shape (which
columns of which of its members are filled, under which codes) until `_MEMBERS_FOR_PYX12` members
are reached; a file of no more members is read whole. GE01 alone is counted anew for that.

It reads the bytes only; the writer is asked nothing but in which order rows stand in a file.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from enrollment.staged_events import FileTables
from pipeline.issuer_expectations import (
    Said,
    expected_coverages,
    expected_former_ids,
    expected_members,
    expected_sets,
    said_former_ids,
)
from pipeline.issuer_shapes import bytes_for_pyx12
from pipeline.second_opinion import pyx12_accepts
from replies.issuer_order import PLAN_CHARACTERS, in_order
from replies.x12_writer import ControlNumbers, Envelope
from schemas.errors import Terminal
from schemas.verdict import Verdict
from validators.check import Terms, check_file

_MEMBERS_FOR_PYX12 = 2_000
_STAGED = ("members", "coverages", "reporting_categories")
_KEPT = (*_STAGED, "references")


@dataclass(frozen=True)
class Proof:
    """What the bytes of a proved file say: the verdict, and the tables that the book stages."""

    verdict: Verdict
    tables: FileTables


@dataclass
class _Tables:
    """A sink that keeps the tables that are compared."""

    parts: dict[str, list[pa.Table]] = field(default_factory=lambda: {name: [] for name in _KEPT})

    def write(self, name: str, table: pa.Table) -> None:
        """Keeps rows of a table."""
        if name in self.parts:
            self.parts[name].append(table)

    def __getitem__(self, name: str) -> pa.Table:
        return pa.concat_tables(self.parts[name]).combine_chunks()


def prove_issuer_transactions(
    content: bytes, rows: pa.Table, envelope: Envelope, control: ControlNumbers
) -> Proof:
    """What the bytes say, when it is what `rows` (tables.ISSUER_TRANSACTIONS) decided.

    Raises Terminal, with the rule or with policy and column, when an 834 of ours breaks a rule,
    says something else than its row, or is refused by pyx12.
    """
    verdict, parsed = _judged(content, envelope)
    order = in_order(rows)
    _require_envelope(verdict, order.rows, envelope, control)
    first = order.rows.take(pa.array(order.first_rows))
    _require_same("set", expected_sets(first, envelope.exchange), verdict.transaction_sets, first)
    exchange = envelope.exchange
    said = Said(parsed["members"], parsed["coverages"], parsed["references"])
    for what, expected, found in (
        ("member", expected_members(order.rows, exchange), said.members),
        ("former id", expected_former_ids(order.rows, exchange), said_former_ids(said)),
        ("coverage", expected_coverages(order.rows, exchange), said.coverages),
    ):
        _require_same(what, expected, found, order.rows)
    if not pyx12_accepts(bytes_for_pyx12(content, verdict, order, _MEMBERS_FOR_PYX12)):
        raise Terminal("An 834 of ours is refused by pyx12; it was not sent. Report this.")
    staged = (parsed[name] for name in _STAGED)
    return Proof(verdict, FileTables(*staged))


def _judged(content: bytes, envelope: Envelope) -> tuple[Verdict, _Tables]:
    parsed = _Tables()
    terms = Terms(envelope.partner, day=envelope.local_time.date(), direction="issuer_to_exchange")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outgoing.edi"
        path.write_bytes(content)
        verdict = check_file(path, terms, parsed).verdict
    failing = verdict.issues.filter(pc.is_in(verdict.issues["severity"], _FAILING))
    if verdict.file_verdict != "accepted" or failing.num_rows:
        rule = failing["rule"][0].as_py() if failing.num_rows else verdict.file_verdict
        raise Terminal(f"An 834 of ours breaks the rule {rule}; it was not sent. Report this.")
    return verdict, parsed


_FAILING = pa.array(["reject", "error"], pa.large_string())


def _require_envelope(
    verdict: Verdict, rows: pa.Table, envelope: Envelope, control: ControlNumbers
) -> None:
    """ISA, GS and ST say who writes to whom under which numbers (tables 12 to 14)."""
    partner, exchange = envelope.partner, envelope.exchange
    plans = dict.fromkeys(plan[:PLAN_CHARACTERS] for plan in pc.unique(rows["plan_id"]).to_pylist())
    number = f"{envelope.interchange_control_number:09d}"
    addressed = (partner.trading_partner_id, exchange.interchange.exchange_id)
    groups, sets = verdict.functional_groups, verdict.transaction_sets
    interchange = ("sender_id", "receiver_id", "control_number", "usage_indicator")
    group = ("sender_code", "receiver_code", "control_number")
    holds = (
        _tuples(verdict.interchanges, interchange)
        == [(*addressed, number, partner.usage_indicator)]
        and _tuples(groups, group)
        == [
            (plan, partner.tenant_id, str(given))
            for plan, given in zip(plans, control.groups, strict=False)
        ]
        and sets["control_number"].to_pylist() == [f"{given:09d}" for given in control.sets]
    )
    if not holds:
        raise Terminal("The envelope of an 834 of ours is not the one that was made for it.")


def _tuples(table: pa.Table, names: tuple[str, ...]) -> list[tuple[object, ...]]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def _require_same(what: str, expected: pa.Table, said: pa.Table, rows: pa.Table) -> None:
    """Column by column, row by row; an empty value equals an empty value only."""
    if len(expected) != len(said):
        raise Terminal(
            f"An 834 of ours has {len(said)} {what} rows and not {len(expected)}; not sent. "
            "Report this."
        )
    for name in expected.column_names:
        ours, theirs = expected[name].combine_chunks(), said[name].combine_chunks()
        equal = pc.if_else(pc.is_null(ours), pc.is_null(theirs), pc.equal(ours, theirs))
        row = pc.index(pc.fill_null(equal, False), False).as_py()
        if row >= 0:
            policies = expected["exchange_policy_id"] if _knows(expected) else rows[_POLICY]
            raise Terminal(
                f"An 834 of ours says another {name} than was decided (policy "
                f"{policies[row].as_py()}); it was not sent. Report this."
            )


_POLICY = "exchange_policy_id"


def _knows(expected: pa.Table) -> bool:
    return _POLICY in expected.column_names
