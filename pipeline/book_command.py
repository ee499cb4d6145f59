"""`edi834 book`: what we believe about a policy, for which dates, since when, and who told us."""

import json
import re
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from pipeline import terminal
from schemas.errors import Terminal

if TYPE_CHECKING:
    import sqlalchemy as sa

OK, NOTHING = 0, 1

_PLAIN_WIDTH = 80  # of a report that goes into a file or a pipe
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

Day = Annotated[
    str | None, typer.Option(metavar="DATE", help="What holds on this day: 2027-03-15.")
]
Moment = Annotated[
    str | None,
    typer.Option(
        metavar="T",
        help="What was believed then: 2027-03-03 (to the end of that day in UTC), or a moment with "
        "its zone, 2027-03-03T06:00Z.",
    ),
]


def book(  # noqa: PLR0913 - one parameter an option
    policy: Annotated[
        str | None, typer.Argument(metavar="[POLICY]", help="Exchange policy id.")
    ] = None,
    member: Annotated[
        str | None, typer.Option(help="List the policies of this member or subscriber id.")
    ] = None,
    partner: Annotated[
        str | None, typer.Option(help="Where two partners have the same policy id.")
    ] = None,
    valid_on: Day = None,
    known_at: Moment = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Unmask names and the like; the audit trail notes it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Show what is believed of one policy, a picture of it, and every file that told us.

    Exit code 0: shown; 1: nothing is believed of it, or of anybody with that id; 2: wrong usage.
    """
    day, moment = day_of(valid_on), moment_of(known_at)
    if (policy is None) == (member is None):
        raise Terminal("`edi834 book` is about one policy: name its id, or a person by --member.")
    if member is not None and (reveal or day is not None):
        raise Terminal("--member lists policies; --reveal and --valid-on are for one POLICY.")
    with _house() as house:
        if partner:
            house.partner(partner)  # a wrong name is said before anything is looked for
        if member is not None:
            _show_policies(house, member, partner, moment, as_json=as_json)
        elif policy is not None:
            asked = (policy, partner, day, moment)
            _show_policy(house, asked, reveal=reveal, as_json=as_json)


def day_of(text: str | None) -> date | None:
    """The day that --valid-on names. Raises Terminal with the form."""
    if text is None:
        return None
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Terminal("--valid-on is no day of the calendar. Give it as 2027-03-15.")


def moment_of(text: str | None) -> datetime | None:
    """The moment that --known-at names; a date is its last microsecond in UTC.

    Raises Terminal with the form, also when a moment has no zone.
    """
    if text is None:
        return None
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        told = datetime.fromisoformat(text)
        if told.tzinfo is not None:
            return told.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Terminal(
        "--known-at is neither a date nor a moment with its zone. Give it as 2027-03-03 (to the "
        "end of that day in UTC), 2027-03-03T06:00Z or 2027-03-03T01:00-05:00."
    )


def _show_policy(
    house: Any,
    asked: tuple[str, str | None, date | None, datetime | None],
    *,
    reveal: bool,
    as_json: bool,
) -> None:
    from enrollment.believed import PolicyKey
    from pipeline.book_answer import Answer, Question, note_reveal
    from pipeline.book_json import as_object

    policy, partner, day, moment = asked
    today = datetime.now(UTC).date()
    with house.engine.connect() as conn:
        found = _partner_of(conn, policy, partner)
        question = Question(PolicyKey(policy, found), today, day, moment, reveal)
        answer = Answer.to(conn, question)
    if reveal:
        with house.engine.begin() as conn:
            note_reveal(conn, question)
    if as_json:
        print(json.dumps(as_object(answer), default=str))  # noqa: T201 - the command's output
    else:
        _print_report(answer, house)
    if answer.belief.policy is None:
        terminal.fail(_not_believed(answer))
        raise typer.Exit(NOTHING)


def _print_report(answer: Any, house: Any) -> None:
    from pipeline.book_picture import BLOCKS, PLAIN
    from pipeline.book_report import Report

    out = terminal.out
    width = out.width if out.is_terminal else _PLAIN_WIDTH
    signs = PLAIN if out.options.ascii_only else BLOCKS
    report = Report(answer, house.settings.landing_folder, width, signs)
    for line in report.lines():
        out.print(terminal.visible(line), soft_wrap=True)


def _not_believed(answer: Any) -> str:
    """Why there is nothing in the book about a policy of which something was told."""
    policy, when = answer.question.key.exchange_policy_id, answer.question.known_at
    if answer.waiting:
        return (
            f"policy {policy} is not in the book: what was told of it waits. The reasons are above."
        )
    if when is not None:
        return (
            f"nothing was believed of policy {policy} at {when:%Y-%m-%d %H:%M:%S} UTC. "
            "Without --known-at it says since when something is."
        )
    return f"policy {policy} is not in the book: nothing that was told of it applied."


def _partner_of(conn: "sa.Connection", policy: str, partner: str | None) -> str:
    """The trading partner whose policy it is. Ends the command where that cannot be said."""
    from enrollment.finding import partners_of_policy

    partners = partners_of_policy(conn, policy)
    if partner in partners:
        return str(partner)
    if not partners:
        _unknown(conn, policy)
    if partner is not None:
        terminal.fail(f"{partner} has no policy {policy}; {' and '.join(partners)} has. Ask there.")
        raise typer.Exit(NOTHING)
    if len(partners) > 1:
        raise Terminal(
            f"{' and '.join(partners)} each have a policy {policy}. Add --partner with one of them."
        )
    return partners[0]


def _unknown(conn: "sa.Connection", policy: str) -> NoReturn:
    from enrollment.finding import policies_of_issuer_id, policies_of_member, similar_policies

    said = f"no policy {policy} in the book, and nothing was told of one."
    if policies_of_member(conn, policy, None, None):
        said += f" It is the id of a member: edi834 book --member {policy}."
    elif ours := policies_of_issuer_id(conn, policy):
        said += f" It is our own id of policy {', '.join(ours)}."
    elif similar := similar_policies(conn, policy):
        said += f" Similar ids: {', '.join(similar)}."
    else:
        said += (
            " Check the id (REF*1L); a file that was rejected as a whole is in the error report, "
            "and one that has not come is nowhere."
        )
    terminal.fail(said)
    raise typer.Exit(NOTHING)


def _show_policies(
    house: Any, member: str, partner: str | None, moment: datetime | None, *, as_json: bool
) -> None:
    from enrollment.finding import policies_of_member
    from pipeline.book_members import policy_table

    with house.engine.connect() as conn:
        rows = policies_of_member(conn, member, partner, moment)
    if as_json:
        told = {"member": member, "policies": rows}
        print(json.dumps(told, default=str))  # noqa: T201 - the command's output
    elif rows:
        terminal.out.print(policy_table(member, rows))
        terminal.out.print(f"edi834 book {rows[0]['exchange_policy_id']} shows the first of them.")
    if not rows:
        terminal.fail(
            f"no member or subscriber {member} in the book. Give the exchange's id (REF*17 or "
            "REF*0F); who waits or was rejected is not in the book yet."
        )
        raise typer.Exit(NOTHING)


def _house() -> Any:
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    terminal.silence_logs()
    return open_house(load_settings())
