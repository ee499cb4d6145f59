"""`edi834 check`: files to verdicts without any database, as JSON Lines, tables and answers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from replies.ack999 import count_groups, write_999
from replies.ta1 import answered_interchanges, write_ta1
from replies.x12_writer import ControlNumbers, Envelope
from schemas.partners import Exchange, Partner, load_exchange, load_partners
from schemas.tables import ISSUES
from schemas.verdict import Verdict
from validators.check import Checked, Sink, Tell, Terms, check_file
from validators.crews import Crew

Judge = Callable[[Path, Terms, Sink | None, Tell], Checked]


@dataclass(frozen=True)
class CheckOptions:
    """What to check under, and where to."""

    partner: Partner | None
    as_of: datetime
    out: Path | None = None


def terms_of(options: CheckOptions) -> Terms:
    """The terms under which the files are checked."""
    return Terms(options.partner, day=options.as_of.date())


def judge_by(crew: Crew) -> Judge:
    """Judges files with that crew."""
    return partial(check_file, crew=crew)


def check_one(path: Path, options: CheckOptions, judge: Judge, tell: Tell) -> Checked:
    """The verdict on one file; with `out`, tables, answers and reports go to `<out>/<name>/`."""
    terms = terms_of(options)
    if options.out is None:
        return judge(path, terms, None, tell)
    from pipeline.checked_tables import ParquetSink

    folder = options.out / path.name
    with ParquetSink(folder) as sink:
        checked = judge(path, terms, sink, tell)
        sink.write_verdict(checked.verdict)
    _write_answers(folder, checked.verdict, options)
    _write_reports(folder, path, checked.verdict, options)
    return checked


def _write_reports(folder: Path, path: Path, verdict: Verdict, options: CheckOptions) -> None:
    """`issues.csv` for programs; `errors.csv`, `.xlsx` and `.html` for people."""
    from pipeline.error_files import findings_in
    from replies.error_report import ErrorReport, Heading
    from replies.spreadsheets import CsvWriter

    with (folder / "issues.csv").open("wb") as stream, CsvWriter(stream, ISSUES) as issues:
        issues.write(verdict.issues)
    heading = Heading(f"Error report: {path.name}", options.as_of)
    with (
        findings_in(path, path.name, folder, verdict, verdict.dispositions) as findings,
        ErrorReport(folder, heading) as report,
    ):
        report.add(findings)


def _write_answers(folder: Path, verdict: Verdict, options: CheckOptions) -> None:
    """`ta1.edi` and `999.edi`: what would be answered, with control numbers that begin at 1."""
    answered = set(answered_interchanges(verdict)["interchange_ordinal"].to_pylist())
    received = verdict.interchanges.to_pylist()
    senders = [row for row in received if row["interchange_ordinal"] in answered]
    if not senders:
        return
    envelopes = [_envelope(row, number, options) for number, row in enumerate(senders, start=1)]
    (folder / "ta1.edi").write_bytes(write_ta1(verdict, envelopes))
    groups = count_groups(verdict)
    if not groups:
        return
    control = ControlNumbers(range(1, groups + 1), range(1, groups + 1))
    report = write_999(verdict, _envelope(senders[0], len(senders) + 1, options), control)
    if report is not None:
        (folder / "999.edi").write_bytes(report)


def _envelope(received: dict[str, Any], number: int, options: CheckOptions) -> Envelope:
    """The way back: as agreed with the partner, or with the parties of the received interchange."""
    if options.partner is not None:
        exchange = load_exchange(options.partner.exchange)
        return Envelope(options.partner, exchange, number, options.as_of)
    any_partner = next(iter(load_partners().values()))
    partner = any_partner.model_copy(
        update={
            "trading_partner_id": received["receiver_id"] or "",
            "interchange_qualifier": received["receiver_qualifier"] or "ZZ",
        }
    )
    return Envelope(partner, _sender_as_exchange(partner, received), number, options.as_of)


def _sender_as_exchange(partner: Partner, received: dict[str, Any]) -> Exchange:
    exchange = load_exchange(partner.exchange)
    facts = exchange.interchange.model_copy(
        update={
            "exchange_id": received["sender_id"] or "",
            "qualifier": received["sender_qualifier"] or "ZZ",
        }
    )
    return exchange.model_copy(update={"interchange": facts})


def worst_issues(issues: pa.Table) -> list[dict[str, Any]]:
    """Rules broken, the worst and most frequent first, each with its first place."""
    if not len(issues):
        return []
    ranks = pa.array(["reject", "error", "warning", "info"], pa.large_string())
    ranked = issues.append_column("rank", pc.index_in(issues["severity"], ranks))
    grouped = ranked.group_by(["rank", "severity", "rule"], use_threads=False).aggregate(
        [([], "count_all"), ("message", "first"), ("byte_start", "first"), ("segment_id", "first")]
    )
    order = [("rank", "ascending"), ("count_all", "descending"), ("rule", "ascending")]
    rows: list[dict[str, Any]] = grouped.sort_by(order).to_pylist()
    return rows
