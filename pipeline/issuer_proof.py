"""Our 834s, proved before they leave: what the bytes say is what was decided.

What is proved. The whole file, by our own parser: SNIP types 1 to 5 and the companion guide's
rules on what an issuer sends (`schemas/rules/issuer_transactions.toml`); its envelope (whose it is,
for whom, one group a plan, the control numbers that were allotted); and that each member, coverage
and id of it is what its row says, column by column. By pyx12, which takes a second for a few
hundred members: the envelope and every group, and of the sets the first one of each shape (which
columns of which of its members are filled, under which codes) until `_MEMBERS_FOR_PYX12` members
are reached; a file of no more members is read whole. GE01 alone is counted anew for that.

What fails for some of the sets is told of these; what fails for the file is our own failure. It
reads the bytes only; the writer is asked nothing but in which order rows stand in a file.
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from enrollment.staged_events import FileTables
from pipeline.issuer_comparison import said_otherwise, told_of_sets
from pipeline.issuer_expectations import Said
from pipeline.issuer_shapes import bytes_for_pyx12, of_the_same_shape
from pipeline.second_opinion import pyx12_accepts, refused_by_pyx12
from replies.issuer_order import PLAN_CHARACTERS, InOrder, in_order
from replies.x12_writer import ControlNumbers, Envelope
from schemas.errors import Terminal
from schemas.verdict import Verdict
from strongroom.drafts import drafts
from validators.check import Terms, check_file

_MEMBERS_FOR_PYX12 = 2_000
_STAGED = ("members", "coverages", "reporting_categories")
_KEPT = (*_STAGED, "references")


@dataclass(frozen=True)
class Proof:
    """What the bytes of a proved file say: the verdict, and the tables that the book stages."""

    verdict: Verdict
    tables: FileTables


@dataclass(frozen=True)
class Disproof:
    """The decisions whose sets are not as they must be (tables.OBSTACLES): none of it may leave."""

    obstacles: pa.Table


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
) -> Proof | Disproof:
    """What the bytes say, when it is what `rows` (tables.ISSUER_TRANSACTIONS) decided.

    Otherwise the decisions of which it is not so. Raises Terminal when something is wrong that
    belongs to no transaction set: an envelope, or sets and members that are not those of the rows.
    """
    verdict, parsed = _judged(content, envelope)
    order = in_order(rows)
    failing = _failing_sets(verdict, order)
    if failing is None:
        _require_envelope(verdict, order.rows, envelope, control)
        said = Said(parsed["members"], parsed["coverages"], parsed["references"])
        failing = said_otherwise(verdict.transaction_sets, said, order, envelope.exchange)
    if failing is None:
        failing = _refused_by_pyx12(content, verdict, order, control)
    if failing is not None:
        return Disproof(failing)
    return Proof(verdict, FileTables(*(parsed[name] for name in _STAGED)))


def _judged(content: bytes, envelope: Envelope) -> tuple[Verdict, _Tables]:
    parsed = _Tables()
    terms = Terms(envelope.partner, day=envelope.local_time.date(), direction="issuer_to_exchange")
    with drafts() as folder:
        path = folder / "outgoing.edi"
        path.write_bytes(content)
        return check_file(path, terms, parsed).verdict, parsed


def _failing_sets(verdict: Verdict, order: InOrder) -> pa.Table | None:
    """The decisions whose sets break a rule (tables.OBSTACLES), None when there is none."""
    issues = verdict.issues.filter(pc.is_in(verdict.issues["severity"], _FAILING))
    if not issues.num_rows and verdict.file_verdict == "accepted":
        return None
    outside = issues.filter(pc.is_null(issues["set_ordinal"]))
    if outside.num_rows or not issues.num_rows:
        rule = outside["rule"][0].as_py() if outside.num_rows else verdict.file_verdict
        raise Terminal(f"An 834 of ours breaks the rule {rule}; it was not sent. Report this.")
    sets, first = np.unique(issues["set_ordinal"].to_numpy(), return_index=True)
    said = [_broken(issue) for issue in issues.take(pa.array(first)).to_pylist()]
    return told_of_sets(order, sets - 1, said)


_FAILING = pa.array(["reject", "error"], pa.large_string())


def _broken(issue: dict[str, object]) -> str:
    """The rule that a set breaks and where, without a value."""
    where = str(issue["segment_id"] or "")
    where += f"{issue['element']:02d}" if where and issue["element"] else ""
    where += f" of loop {issue['loop']}" if where and issue["loop"] not in (None, "HEADER") else ""
    return f"its 834 breaks the rule {issue['rule']}" + (f" at {where}" if where else "")


def _refused_by_pyx12(
    content: bytes, verdict: Verdict, order: InOrder, control: ControlNumbers
) -> pa.Table | None:
    """The decisions whose sets pyx12 refuses, and those of their shape; None when there is none."""
    shown = bytes_for_pyx12(content, verdict, order, _MEMBERS_FOR_PYX12)
    if pyx12_accepts(shown):
        return None
    places = np.flatnonzero(np.isin(list(control.sets), refused_by_pyx12(shown)))
    if not len(places):
        raise Terminal("An 834 of ours is refused by pyx12; it was not sent. Report this.")
    if len(shown) < len(content):
        places = of_the_same_shape(order, places)
    return told_of_sets(order, places, ["pyx12 refuses its 834: report this"] * len(places))


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
