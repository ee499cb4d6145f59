"""What the gate says of a batch: in sentences and tables for people, as objects for programs."""

from typing import Any

from rich.table import Table

from ledger.gates import AtGate
from pipeline import terminal
from schemas.gate import Finding, figure, load_gate


def show_at_gate(one: AtGate) -> None:
    """Where a batch stands, why, and who does what next."""
    terminal.out.print(_standing(one), soft_wrap=True)
    for finding in one.outside:
        row = load_gate().by_id.get(finding.expectation)
        fix = row.fix if row else ""
        said = f"  {finding.sentence} {fix} ({finding.expectation}, {finding.severity})"
        terminal.out.print(said, soft_wrap=True)


def _standing(one: AtGate) -> str:
    batch = one.batch
    files = f"{batch.files} file" + "s" * (batch.files != 1)
    name = f"batch {batch.batch_id} of {batch.partner_id} ({files})"
    if batch.state == "held":
        return (
            f"Held: {name}. Nothing of it is in the book. A second person decides: edi834 gate "
            f"release {batch.batch_id} --by NAME --reason TEXT, or refuse."
        )
    if batch.state == "waiting":
        behind = f"batch {batch.waits_for}" if batch.waits_for else "the next night"
        return f"Waiting: {name} waits for {behind}."
    if batch.state == "passed":
        where = "is in the book" if batch.settled_in_run else "may go into the book"
        unusual = ", and a figure of it is unusual" if one.outside else ""
        return f"Passed: {name} {where}{unusual}."
    by = f"{batch.state.capitalize()} by {batch.decided_by}: {name}"
    if batch.settled_in_run is None:
        return f"{by}. The next night settles it."
    where = "is in the book" if batch.state == "released" else "stays out of the book for good"
    return f"{by} {where}."


def batch_table(batches: list[AtGate]) -> Table:
    """One row a batch, oldest first."""
    table = Table(title="Batches at the gate", title_justify="left")
    for name in ("batch", "partner", "night (UTC)", "files", "state", "why", "settled in run"):
        table.add_column(name, overflow="fold")
    for one in batches:
        batch = one.batch
        behind = f"behind batch {batch.waits_for}" if batch.state == "waiting" else ""
        table.add_row(
            str(batch.batch_id),
            batch.partner_id,
            f"{batch.as_of:%Y-%m-%d %H:%M}",
            str(batch.files),
            batch.state,
            ", ".join(finding.expectation for finding in one.outside) or behind,
            str(batch.settled_in_run or ""),
        )
    return table


def finding_table(findings: tuple[Finding, ...]) -> Table:
    """One row an expectation, in the order of the gate's file."""
    table = Table(title="What great-expectations found", title_justify="left")
    table.add_column("expectation")
    for name in ("rows", "observed", "at least", "at most"):
        table.add_column(name, justify="right")
    table.add_column("severity")
    table.add_column("outcome")
    order = list(load_gate().by_id)
    known = [finding for finding in findings if finding.expectation in order]
    for finding in sorted(known, key=lambda finding: order.index(finding.expectation)):
        kind = load_gate().by_id[finding.expectation].kind
        numbers = (finding.observed, finding.minimum, finding.maximum)
        table.add_row(
            finding.expectation,
            f"{finding.rows:,}",
            *("" if number is None else figure(kind, number) for number in numbers),
            finding.severity,
            finding.outcome.replace("_", " "),
        )
    return table


def gate_object(one: AtGate) -> dict[str, Any]:
    """A batch at the gate for programs."""
    return {**vars(one.batch), "findings": [vars(finding) for finding in one.findings]}
