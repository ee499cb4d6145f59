"""`edi834 carrier`: a person's word about the carrier's own records."""

from typing import Annotated

import typer

from pipeline import terminal

carrier = typer.Typer(no_args_is_help=True, help="The carrier's own records.")


@carrier.callback()
def _() -> None:
    """Keeps `accept` a command of its own while it is the only one."""


@carrier.command()
def accept(
    partner: Annotated[str, typer.Argument(metavar="PARTNER", help="Whose records.")],
    by: Annotated[str, typer.Option(help="Who says so.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence without anybody's data.")],
) -> None:
    """Let records in that are true although they have shrunk, or have not changed for long.

    They are read now, and counted. The partner's next night judges what it reads by these numbers,
    once.
    """
    from ledger.carrier_readings import Acceptance
    from ledger.carrier_readings import accept as record_acceptance
    from pipeline.carrier import read_carrier_records
    from pipeline.operators import account
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    terminal.silence_logs()
    with open_house(load_settings()) as house:
        records = read_carrier_records(house, house.partner(partner).id)
        members, payments = len(records.members), len(records.payments)
        said = Acceptance(partner, members, payments, by.strip(), account(), reason.strip())
        with house.engine.begin() as conn:
            record_acceptance(conn, said)
    terminal.out.print(
        f"{members:,} member records and {payments:,} payments of {partner} are accepted. "
        "The next `edi834 night` judges by that, once.",
        soft_wrap=True,
    )
