"""`edi834 disputes`: what the exchange is asked to mend, drafted of breaks and cases."""

from typing import Annotated, Literal

import typer

from pipeline import terminal
from pipeline.work_command import By, Ids, Reason, tell_all, work_house

disputes = typer.Typer(
    no_args_is_help=True,
    help="What the exchange is to mend: drafts of `breaks dispute` and `cases dispute`.",
)


@disputes.command("list")
def list_all(
    partner: Annotated[str | None, typer.Option(help="Only this partner's.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Decided ones too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One object a line.")] = False,
) -> None:
    """List drafts of disputes, without values.

    Exit code 0: there is none; 1: there is one.
    """
    from ledger.disputes import list_disputes
    from pipeline.disputes_report import dispute_object, disputes_table

    with work_house() as house, house.engine.connect() as conn:
        partners = None if partner is None else [partner]
        found = list_disputes(conn, partners, () if everything else ("draft",))
    tell_all(found, dispute_object, disputes_table, "There is no such dispute.", as_json=as_json)


@disputes.command()
def release(ids: Ids, by: By, reason: Reason) -> None:
    """Let drafts into the partner's next file of disputes (`edi834 month disputes`).

    Above the bound of `schemas/work.toml` another person than has drafted it must.
    """
    _decide(ids, "released", by, reason)


@disputes.command()
def drop(ids: Ids, by: By, reason: Reason) -> None:
    """Claim nothing after all."""
    _decide(ids, "dropped", by, reason)


def _decide(ids: list[int], decision: Literal["released", "dropped"], by: str, reason: str) -> None:
    from ledger.corrections import Word
    from pipeline.disputes import decide
    from pipeline.operators import account

    with work_house() as house, house.engine.begin() as conn:
        word = Word(by, account(), reason)
        told = [decide(conn, number, decision, word) for number in sorted(set(ids))]
    for sentence in told:
        terminal.out.print(sentence, soft_wrap=True)
