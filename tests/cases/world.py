"""A small world: an exchange's SFTP server, a carrier's records, a database, and the command."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from pipeline.guarding import leave_home
from pipeline.night import NightResult, run_night
from pipeline.settings import CarrierSettings, EncryptionSettings, MailboxSettings, Settings
from pipeline.wiring import House, open_house
from schemas.database import file
from schemas.partners import load_exchange, partners_of
from simulator.carrier import CarrierCore
from simulator.exchange import ExchangeInABox
from simulator.server import Endpoint, serve
from tests.cases.commands import Ended, run_edi834

FIRST_NIGHT = date(2026, 12, 1)
CEDAR, HARBOR = "cedar-valley-tx", "harbor-light-nc"


@dataclass(frozen=True)
class World:
    """An exchange with two partners on one side, our house on the other, all under `folder`."""

    folder: Path
    endpoint: Endpoint
    exchange: ExchangeInABox
    carrier: CarrierCore
    house: House

    def clock(self, night: int) -> datetime:
        """Midnight UTC, which is 19:00 on the exchange's clock."""
        return datetime(2026, 12, 2, tzinfo=UTC) + timedelta(days=night - 1)

    def send(self, night: int) -> None:
        """The exchange sends, and the carrier's records follow."""
        self.exchange.send(night)
        self.write_carrier_records(night)

    def write_carrier_records(self, night: int) -> None:
        """The extracts of both carriers."""
        for partner_id in self.house.partner_ids:
            self.carrier.write_extract(self.folder / "carrier" / partner_id, partner_id, night)

    def run(self, night: int) -> NightResult:
        """One nightly cycle of ours."""
        return run_night(self.house, self.clock(night))

    def outbox(self, partner_id: str) -> Path:
        """Where the exchange leaves files."""
        return self.exchange.mailboxes.outbox(partner_id)

    def inbox(self, partner_id: str) -> Path:
        """Where our files arrive."""
        return self.exchange.mailboxes.root / partner_id / "inbox"

    def processed(self, partner_id: str) -> Path:
        """Where the exchange keeps our files once it has read them."""
        return self.exchange.mailboxes.processed(partner_id)

    def rows(self, statement: str, **parameters: object) -> list[tuple]:
        """What a query on our database gives."""
        with self.house.engine.connect() as conn:
            return [tuple(row) for row in conn.execute(sa.text(statement), parameters)]

    def file_named(self, name: str) -> sa.Row:
        """The one file of that name in the ledger."""
        with self.house.engine.connect() as conn:
            return conn.execute(sa.select(file).where(file.c.name == name)).one()

    def answer(self, kind: str, answered: str) -> str | None:
        """The text of our TA1 or 999 that answers the received file of that name."""
        found = self.rows(
            "SELECT a.storage_key FROM ledger.file a JOIN ledger.file r"
            " ON r.file_id = a.answers_file_id WHERE a.kind = :kind AND r.name = :answered",
            kind=kind,
            answered=answered,
        )
        if not found:
            return None
        ((key,),) = found
        return (self.house.settings.landing_folder / key).read_text("ascii")

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a command that works in this world."""
        url = self.house.engine.url.render_as_string(hide_password=False)
        return {
            "EDI834_CONFIG": str(self.write_configuration()),
            "EDI834_HOME": str(self.house.settings.home),
            "EDI834_DATABASE_URL": url,
            **more,
        }

    def edi834(self, *arguments: object) -> Ended:
        """A real `edi834` in this world, with whatever it printed."""
        return run_edi834(self.folder, arguments, self.environment())

    def write_configuration(self, **changes: dict[str, object]) -> Path:
        """`edi834.toml` of this world; `changes` by partner id (with _ for -) win."""
        lines = ["settle_seconds = 0", "wire_wait_seconds = 0"]
        for partner_id, mailbox in self.house.settings.mailboxes.items():
            changed = mailbox.model_dump(exclude_none=True) | changes.get(
                partner_id.replace("-", "_"), {}
            )
            lines += [f"[mailboxes.{partner_id}]", *(_toml(*item) for item in changed.items())]
            carrier = self.house.settings.carriers[partner_id].model_dump(exclude_none=True)
            lines += [f"[carriers.{partner_id}]", *(_toml(*item) for item in carrier.items())]
        if self.house.settings.encryption is not None:
            lines += ["[encryption]", f'key_file = "{self.house.settings.encryption.key_file}"']
        path = self.folder / "edi834.toml"
        path.write_text("\n".join(lines) + "\n")
        return path


def _toml(name: str, value: object) -> str:
    return f"{name} = {value}" if isinstance(value, int | float) else f'{name} = "{value}"'


@contextmanager
def opened_world(
    folder: Path,
    database_url: str,
    members: int = 60,
    mass_ending: int | None = None,
    partner_ids: tuple[str, ...] = (CEDAR, HARBOR),
    partner_files: Path | None = None,
    faults: float = 0.0,
    key_file: Path | None = None,
) -> Iterator[World]:
    """A world of about that many members; nothing has been sent.

    `partner_files` is a folder of our partners' files, in place of those of the program; with a
    `key_file` the home is encrypted.
    """
    known = partners_of("ffe")
    partners = {partner_id: known[partner_id] for partner_id in partner_ids}
    exchange = ExchangeInABox(
        folder / "exchange",
        seed=7,
        members=members,
        first_night=FIRST_NIGHT,
        faults=faults,
        partners=partners,
        exchange=load_exchange("ffe"),
        mass_ending=mass_ending,
    )
    with serve(folder / "exchange", partners) as endpoint:
        settings = Settings(
            home=folder / "home",
            database_url=database_url,
            settle_seconds=0,
            wire_wait_seconds=0,
            partners=partner_files,
            encryption=EncryptionSettings(key_file=key_file) if key_file else None,
            mailboxes={partner_id: _mailbox(endpoint, partner_id) for partner_id in partners},
            carriers={partner_id: _carrier(folder, partner_id) for partner_id in partners},
        )
        try:
            with open_house(settings) as house:
                yield World(folder, endpoint, exchange, CarrierCore(exchange, 7), house)
        finally:
            leave_home(settings)  # the next world of this process may have no keys


def _mailbox(endpoint: Endpoint, partner_id: str) -> MailboxSettings:
    username, key = endpoint.users[partner_id]
    return MailboxSettings(
        host=endpoint.host,
        port=endpoint.port,
        username=username,
        private_key=key,
        host_key=endpoint.host_key,
    )


def _carrier(folder: Path, partner_id: str) -> CarrierSettings:
    extracts = folder / "carrier" / partner_id
    return CarrierSettings(
        kind="file", members=f"{extracts}/members.csv", payments=f"{extracts}/payments.csv"
    )
