"""The command line: the use cases from a terminal. Its contract is in docs/command-line.md."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from pipeline import terminal
from pipeline.audit_command import audit
from pipeline.backup_command import backup, restore
from pipeline.book_command import book
from pipeline.breaks_command import breaks
from pipeline.carrier_command import carrier
from pipeline.cases_command import cases
from pipeline.db_command import db
from pipeline.disputes_command import disputes
from pipeline.files_command import files
from pipeline.gate_command import gate
from pipeline.housekeeping_command import housekeeping
from pipeline.keys_command import keys
from pipeline.matches_command import matches
from pipeline.month_command import month
from pipeline.outgoing_command import outgoing
from pipeline.partners_command import partners
from pipeline.premium_command import premium
from pipeline.replay_command import replay
from pipeline.report_command import report
from pipeline.signing_command import review, sample, sign, signed
from pipeline.watch_command import alerts, metrics
from schemas.errors import AtWork, EnrollmentError, Terminal
from strongroom.guards import ask_for_keys

OK, OPEN_ITEMS, FAILED, LEFT_TO_OTHERS = 0, 1, 2, 3

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The carrier's side of health-insurance enrollment: X12 834 in, a book that balances out.",
)


class CheckEngine(StrEnum):
    """Who works on the stretches of a file."""

    processes = "processes"
    spark = "spark"


class CompareEngine(StrEnum):
    """Who joins two snapshots."""

    duckdb = "duckdb"
    spark = "spark"


Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def main() -> None:
    """Runs the command line; failures of ours are one line and exit code 2, never a traceback."""
    signal.signal(signal.SIGINT, _interrupted)
    ask_for_keys(_guard_home)
    try:
        app()
    except AtWork as error:
        terminal.fail(str(error))
        sys.exit(LEFT_TO_OTHERS)
    except EnrollmentError as error:
        terminal.fail(str(error))
        sys.exit(FAILED)
    except OSError as error:
        terminal.fail_by_system(error)
        sys.exit(FAILED)


def _interrupted(*_: object) -> NoReturn:
    terminal.fail("interrupted. The same command takes up where it stopped.")
    sys.exit(FAILED)


def _moment(as_of: datetime | None) -> datetime:
    """The clock of the command: the given moment, else now. This is where time comes in."""
    if as_of is None:
        return datetime.now(UTC).replace(microsecond=0)
    return as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)


@contextmanager
def _house(**overrides: Any) -> Iterator[Any]:
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    with open_house(load_settings(**overrides)) as house:
        yield house


def _guard_home() -> None:
    """Lets a command that opens no home read what one holds: its keys, once they are needed."""
    from pipeline.guarding import guard_home
    from pipeline.settings import load_settings

    guard_home(load_settings())


@app.command()
def check(  # noqa: PLR0913 - one parameter an option
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="834 files.")],
    partner: Annotated[str | None, typer.Option(help="Check this partner's terms too.")] = None,
    as_of: Annotated[datetime | None, typer.Option(help="Date of the answers.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for tables and answers.")] = None,
    as_json: Json = False,
    reveal: Annotated[bool, typer.Option(help="Show the values that are wrong.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes for a large file; all cores by default.")
    ] = None,
    engine: Annotated[
        CheckEngine, typer.Option(help="Who works: processes of this machine, or a cluster.")
    ] = CheckEngine.processes,
) -> None:
    """Parse and validate files without any database.

    Exit code 0: all accepted; 1: something rejected; 2: a file cannot be read.
    """
    from pipeline.check_command import CheckOptions, check_one
    from pipeline.check_json import json_pieces
    from pipeline.settings import known_partner

    known = known_partner(partner) if partner else None
    options = CheckOptions(known, _moment(as_of), out)
    names = [path.name for path in files]
    if out is not None and len(set(names)) < len(names):
        raise typer.BadParameter("Two files have the same name; --out has one folder for each.")
    if out is not None and not "".join(names).isprintable():
        raise typer.BadParameter(
            "--out has a folder of each file's name. Rename those that cannot be printed."
        )
    worst = OK
    by_spark = engine is CheckEngine.spark
    with _judge_by_spark(files, options) if by_spark else _judge_by(workers) as judge:
        for path in files:
            try:
                with terminal.byte_progress(path) as tell:
                    checked = check_one(path, options, judge, tell)
            except OSError as error:
                terminal.fail_by_system(error, path)
                worst = FAILED
                continue
            if as_json:
                sys.stdout.writelines(json_pieces(path, checked, reveal=reveal))
                sys.stdout.write("\n")
            else:
                terminal.show_checked(path, checked)
            worst = max(worst, _exit_code(checked.verdict.file_verdict))
    raise typer.Exit(worst)


def _judge_by(workers: int | None) -> AbstractContextManager[Any]:
    from pipeline.check_command import judge_by

    return nullcontext(judge_by(_processes(workers)))


def _processes(count: int | None = None) -> Any:
    """So many processes of this machine, or one for each core."""
    from validators.crews import Processes

    return Processes(count or len(os.sched_getaffinity(0)))


def _judge_by_spark(files: list[Path], options: Any) -> AbstractContextManager[Any]:
    from pipeline.check_by_spark import judge_by_spark

    return judge_by_spark(files, options)


def _exit_code(verdict: str) -> int:
    if verdict == "unreadable":
        return FAILED
    return OK if verdict in ("accepted", "accepted_with_errors") else OPEN_ITEMS


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An 834 file.")],
    member: Annotated[str | None, typer.Option(help="Only the member with this id.")] = None,
    segment: Annotated[int | None, typer.Option(help="Only this segment of a set.")] = None,
    reveal: Annotated[bool, typer.Option(help="Show all values, not only codes.")] = False,
) -> None:
    """Show a file as the guide's tree of loops, issues in place, values masked.

    Exit code 0: shown; 1: nothing to show; 2: the file cannot be read.
    """
    from pipeline.show_command import ShowOptions, show_file

    if not file.is_file():
        terminal.fail(f"{file} is no file. Correct the path.")
        raise typer.Exit(FAILED)
    if terminal.show_lines(show_file(file, ShowOptions(member, segment, reveal))):
        raise typer.Exit(OK)
    terminal.fail(
        f"{file} has no such member or segment. Without --member and --segment all is shown."
    )
    raise typer.Exit(OPEN_ITEMS)


@app.command()
def night(
    partner: Annotated[list[str] | None, typer.Option(help="Only these partners.")] = None,
    as_of: Annotated[datetime | None, typer.Option(help="The night's clock.")] = None,
    as_json: Json = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Take the work of another night or scheduler over.")
    ] = False,
) -> None:
    """Run one whole nightly cycle in this process.

    Exit code 0: balanced; 1: balanced with open items, held at the gate, or partners were left to
    another night; 2: not balanced, or something failed; 3: all was left to another night.
    """
    from pipeline.expected import missing_files
    from pipeline.night import run_night
    from pipeline.night_report import show_failures, show_night
    from pipeline.open_items_command import open_items_by_kind
    from pipeline.runs import require_near

    terminal.silence_logs()
    with _house() as house:
        wanted = partner or house.partner_ids
        for partner_id in wanted:
            house.mailbox(partner_id)  # a wrong name is said before anything is done
        moment = _moment(as_of)
        require_near(house, moment)
        with terminal.doing("The night runs") as say:
            result = run_night(house, moment, wanted, say, take_over=take_over)
        items = open_items_by_kind(house)
        missing = missing_files(house, result.run.as_of, wanted)
    if as_json:
        told = _night_object(result) | {"open_items": items, "missing": [*map(vars, missing)]}
        print(json.dumps(told, default=str))  # noqa: T201 - the command's output
        show_failures(result)
    else:
        show_night(result, items, missing)
    for sentence in result.left:
        terminal.fail(sentence)
    codes = {"balanced": OK, "balanced_with_open_items": OPEN_ITEMS, "failed": FAILED}
    raise typer.Exit(max(codes[result.state], OPEN_ITEMS if result.left else OK))


def _night_object(result: Any) -> dict[str, Any]:
    from pipeline.gate_report import gate_object
    from pipeline.night_report import stale_object

    return {
        "run": result.run.run_id,
        "as_of": result.run.as_of.isoformat(),
        "state": result.state,
        "balance": result.balance.to_pylist(),
        "failures": [vars(failure) for failure in result.failures],
        "gate": [gate_object(one) for one in result.at_gate],
        "stale": [stale_object(one) for one in result.stale],
        "held": [vars(one) for one in result.held],
        "audit": str(result.anchor),
        "left": result.left,
    }


@app.command()
def demo(  # noqa: PLR0913 - one option for each of them
    seed: Annotated[int, typer.Option(help="Everything random comes from it.")] = 1,
    nights: Annotated[int, typer.Option(min=1, help="How many nights.")] = 1,
    members: Annotated[int, typer.Option(min=20, help="About how many members.")] = 400,
    faults: Annotated[float, typer.Option(min=0, max=1, help="Rate of further faults.")] = 0.0,
    airflow: Annotated[bool, typer.Option(help="Run the nights by the Airflow DAG.")] = False,
    serve: Annotated[bool, typer.Option(help="Open the console on it afterwards.")] = False,
) -> None:
    """Run nights against an exchange in a box, with a carrier's records beside it.

    Exit code 0 only if every night balances and both sides' books agree.
    """
    from pipeline.demo import run_demo
    from pipeline.demo_home import DemoPlan

    terminal.silence_logs()
    plan = DemoPlan(seed=seed, nights=nights, members=members, faults=faults, airflow=airflow)
    if not run_demo(plan):
        raise typer.Exit(FAILED)
    if serve:  # a process of its own, as always, which takes the place of this one
        os.execv(sys.executable, [sys.executable, "-m", "console.command", "console"])  # noqa: S606
    terminal.out.print(
        "`edi834 console` opens what it left behind in a browser, and prints how to sign in.",
        soft_wrap=True,
    )


@app.command("open-items")
def open_items(
    partner: Annotated[str | None, typer.Option(help="Only this partner.")] = None,
    as_json: Json = False,
) -> None:
    """List what the book waits for, and what somebody has to look at.

    Exit code 0: nothing is open; 1: something is.
    """
    from pipeline.open_items_command import all_open_items, open_items_table

    with _house() as house:
        items = all_open_items(house, partner)
    if as_json:
        print(json.dumps(items.to_pylist()))  # noqa: T201 - the command's output
    elif len(items):
        terminal.out.print(open_items_table(items))
    else:
        terminal.out.print("Nothing is open.")
    raise typer.Exit(OPEN_ITEMS if len(items) else OK)


@app.command()
def reconcile(  # noqa: PLR0913 - one option for each of them
    book_folder: Annotated[Path, typer.Option("--book", help="Folder of the book's snapshot.")],
    carrier: Annotated[Path, typer.Option(help="Folder of the carrier's snapshot.")],
    out: Annotated[Path, typer.Option(help="Folder for the differences.")],
    decisions: Annotated[
        Path | None, typer.Option(help="What persons said of pairs, as a night kept it (Parquet).")
    ] = None,
    as_json: Json = False,
    engine: Annotated[
        CompareEngine, typer.Option(help="Who joins the two: this machine, or a cluster.")
    ] = CompareEngine.duckdb,
) -> None:
    """Compare two snapshots; differences, pairs without common ids and a summary go to --out.

    Exit code 0: no difference; 1: differences; 2: a snapshot cannot be used.
    """
    from reconciliation.comparison import reconcile_folders
    from reconciliation.matching import read_decisions

    said = read_decisions(decisions) if decisions else None
    by_spark = engine is CompareEngine.spark
    with _spark_engine(out) if by_spark else nullcontext() as joined_by:
        comparison = reconcile_folders(book_folder, carrier, out, joined_by, decisions=said)
    if as_json:
        print(json.dumps(comparison.counts))  # noqa: T201 - the command's output
    else:
        for name, count in comparison.counts.items():
            terminal.out.print(f"{name.replace('_', ' '):>20} {count:,}")
    if comparison.is_too_much_alone:
        terminal.fail(
            "so many rows have no partner by their ids that likeness was not tried. Look at the "
            "ids of the two snapshots first."
        )
    raise typer.Exit(OPEN_ITEMS if len(comparison.differences) else OK)


@contextmanager
def _spark_engine(out: Path) -> Iterator[Any]:
    from pipeline.settings import spark_endpoint
    from reconciliation.spark_engine import SparkEngine
    from schemas.spark import spark_session

    with spark_session(spark_endpoint()) as session:
        yield SparkEngine(session, out)


@app.command()
def whatif(  # noqa: PLR0913 - one option for each of them
    folder: Annotated[Path, typer.Option("--rules", help="Folder of changed rows.")],
    since: Annotated[datetime, typer.Option(help="Files received from this day on (UTC).")],
    until: Annotated[datetime | None, typer.Option(help="The last day; today by default.")] = None,
    partner: Annotated[str | None, typer.Option(help="Only this partner's files.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Show the answer in the console.")] = False,
    by: Annotated[str, typer.Option(help="Who keeps it.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    as_json: Json = False,
) -> None:
    """Show what changed rules would have done with the stored files. Nothing is changed by it.

    With --keep the answer, without its members, is a page of the console, for one partner.

    Exit code 0: nothing would be otherwise; 1: something would; 2: the rules cannot be used.
    """
    from ledger.corrections import Word
    from ledger.what_ifs import keep_answer
    from pipeline.operators import account
    from pipeline.whatif import Question, what_if
    from pipeline.whatif_report import as_object, show_answer
    from schemas.rule_sets import changes_in, read_changes

    if until is not None and until < since:
        raise Terminal("--until is before --since, so no file is asked about. Correct the dates.")
    word = Word(by, account(), reason)
    if keep:
        word.require("keep an answer")
        if partner is None:
            raise Terminal("An answer is kept for the people of one partner. Give --partner.")
    terminal.silence_logs()
    with _house() as house:
        if partner:
            house.partner(partner)  # a wrong name is said before anything is done
        partners = house.settings.partners
        last_day = until.date() if until else None
        question = Question(read_changes(folder, partners), since.date(), last_day, partner)
        with terminal.doing("Files are judged by both rulebooks") as say:
            answer = what_if(house, question, say, _processes())
        changes = changes_in(question.rulebook, partners)
        found = as_object(question, answer, changes)
        if keep and partner is not None:
            with house.engine.begin() as conn:
                found["kept_as"] = keep_answer(conn, partner, found, word)
    if as_json:
        print(json.dumps(found))  # noqa: T201 - the command's output
    else:
        show_answer(question, answer, changes)
        if keep:
            terminal.out.print(f"Kept as {found['kept_as']}: the console shows it under Rules.")
    raise typer.Exit(OK if answer.is_the_same else OPEN_ITEMS)


@app.command()
def rules(
    rule_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="Only this rule.")] = None,
    as_json: Json = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="As docs/rules.md.")] = False,
) -> None:
    """List the rules with their source, or one with all of its row and its examples."""
    from pipeline.rules_command import in_order, markdown
    from schemas.catalog import load_rules

    known = load_rules()
    if rule_id is not None and rule_id not in known:
        terminal.fail(f"no rule {rule_id}. `edi834 rules` lists them all.")
        raise typer.Exit(FAILED)
    chosen = [known[rule_id]] if rule_id else in_order(known.values())
    if as_json:
        for rule in chosen:
            print(rule.model_dump_json())  # noqa: T201 - the command's output
    elif as_markdown:
        print(markdown(chosen), end="")  # noqa: T201 - the command's output
    elif rule_id:
        terminal.show_rule(*chosen)
    else:
        terminal.show_rules(chosen)


app.command()(replay)
app.command()(book)
app.command()(housekeeping)
app.command()(restore)
app.add_typer(backup, name="backup")
app.command()(metrics)
app.command()(alerts)
app.add_typer(gate, name="gate")
app.add_typer(outgoing, name="outgoing")
app.add_typer(breaks, name="breaks")
app.add_typer(cases, name="cases")
app.add_typer(disputes, name="disputes")
app.add_typer(matches, name="matches")
app.add_typer(audit, name="audit")
for of_audit in (sample, sign, review, signed):
    audit.command()(of_audit)
app.add_typer(carrier, name="carrier")
app.add_typer(db, name="db")
app.add_typer(partners, name="partners")
app.add_typer(files, name="files")
app.add_typer(keys, name="keys")
app.add_typer(month, name="month")
app.add_typer(premium, name="premium")
app.add_typer(report, name="report")
simulate = typer.Typer(no_args_is_help=True, help="The exchange in a box, piece by piece.")
app.add_typer(simulate, name="simulate")


@simulate.command("file")
def simulate_file(
    path: Annotated[Path, typer.Argument(help="The 834 file to write.")],
    members: Annotated[int, typer.Option(min=1, help="How many members.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Everything random comes from it.")] = 1,
    partner: Annotated[str, typer.Option(help="For which partner.")] = "cedar-valley-tx",
) -> None:
    """Write one file of synthetic initial enrollments, of any size."""
    from pipeline.settings import known_partner
    from simulator.generate import write_enrollment_file

    known = known_partner(partner)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = write_enrollment_file(path, members, seed, known)
    terminal.out.print(f"{path}: {members:,} members, {written:,} bytes", soft_wrap=True)
