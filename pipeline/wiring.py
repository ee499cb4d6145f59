"""Settings to things: the database, the landing zone, the partners. Opened once a process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from importlib import import_module
from pathlib import Path

import sqlalchemy as sa

from ledger.server import embedded_url, open_engine, upgrade
from pipeline.guarding import guard_home
from pipeline.one_home import require_known
from pipeline.operators import name_of_operator
from pipeline.settings import Settings, traces_exporter
from schemas.errors import Terminal
from schemas.fault_points import arm
from schemas.partners import Exchange, Partner, load_exchange, load_partner, load_partners
from schemas.rule_versions import RulesInForce, rules_in_force
from sftp_inbox.archives import Limits
from sftp_inbox.landing import LandingZone
from sftp_inbox.mailbox import Mailbox
from sftp_inbox.openpgp import Keys

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_ROOMS = (
    "enrollment",
    "ledger",
    "parsers",
    "reconciliation",
    "replies",
    "schemas",
    "sftp_inbox",
    "strongroom",
    "validators",
)


@dataclass(frozen=True)
class House:
    """Everything that the use cases need."""

    settings: Settings
    engine: sa.Engine
    landing: LandingZone

    @property
    def rules(self) -> RulesInForce:
        """What this process judges by."""
        return rules_in_force(self.settings.partners)

    def partner(self, partner_id: str) -> Partner:
        """The trading partner. Raises Terminal when there is none of that id."""
        return load_partner(partner_id, self.settings.partners)

    def other_receivers(self, partner_id: str) -> frozenset[str]:
        """Our trading partner ids at which files in this partner's mailbox are not addressed."""
        partners = load_partners(self.settings.partners).values()
        own = self.partner(partner_id).trading_partner_id
        return frozenset(partner.trading_partner_id for partner in partners) - {own}

    def exchange(self, partner_id: str) -> Exchange:
        """The partner's exchange."""
        return load_exchange(self.partner(partner_id).exchange)

    def day_of(self, partner_id: str, moment: datetime) -> date:
        """The day at the partner's exchange, by which everything about the partner is judged."""
        return self.exchange(partner_id).day_of(moment)

    def mailbox(self, partner_id: str) -> Mailbox:
        """The partner's mailbox. Raises Terminal when none is configured."""
        known = self.settings.mailboxes.get(partner_id)
        if known is None:
            raise Terminal(
                f"No mailbox for partner {partner_id}. Add [mailboxes.{partner_id}] to edi834.toml."
            )
        return Mailbox(
            partner_id=partner_id,
            host=known.host,
            port=known.port,
            username=known.username,
            private_key=known.private_key,
            host_key=known.host_key,
            outbox=known.outbox,
            inbox=known.inbox,
        )

    def keys(self, partner_id: str) -> Keys | None:
        """The OpenPGP keys of the partner's mailbox; None when files come and go as they are."""
        known = self.settings.mailboxes.get(partner_id)
        if known is None or known.openpgp is None:
            return None
        return Keys(**known.openpgp.model_dump())

    def archive_limits(self, partner_id: str) -> Limits | None:
        """How much an archive of the partner may hold; None when it sends none."""
        known = self.settings.mailboxes.get(partner_id)
        if known is None or known.archives is None:
            return None
        archives = known.archives
        return Limits(archives.max_entries, archives.max_bytes, archives.max_ratio)

    @property
    def partner_ids(self) -> list[str]:
        """The partners that have a mailbox. Raises Terminal when none has one."""
        if not self.settings.mailboxes:
            raise Terminal(
                "No mailbox is configured. Add [mailboxes.<partner>] to edi834.toml, "
                "or try `edi834 demo` first."
            )
        return sorted(self.partner(partner_id).id for partner_id in self.settings.mailboxes)


def require_own_packages() -> None:
    """Raises Terminal when a stranger's package stands in for one of ours.

    `validators` is also a package on PyPI; see docs/decisions/0001.
    """
    here = Path(__file__).resolve().parent.parent
    for name in _ROOMS:
        file = import_module(name).__file__
        if file is None or Path(file).resolve().parent.parent != here:
            raise Terminal(
                f"The package {name} comes from {file}, not from edi834. Remove the package of "
                "that name from the environment."
            )


@contextmanager
def open_house(settings: Settings) -> Iterator[House]:
    """The house with an up-to-date database; closed with the context.

    Raises Terminal when a restore of the home has not ended, or the database is that of another
    home: it may say and send what it must not.
    """
    require_own_packages()
    require_no_restore(settings)
    _arm_fault_point(settings)
    guard_home(settings)
    if traces_exporter() is not None:
        from pipeline.tracing import start_tracing

        start_tracing()
    engine = engine_of(settings)
    try:
        upgrade(engine)
        landing = _folder(settings.landing_folder)
        with engine.connect() as conn:
            require_known(conn, landing)
        yield House(settings, engine, LandingZone(landing))
    finally:
        engine.dispose()


def require_no_restore(settings: Settings) -> None:
    """Raises Terminal when a restore of the home has not ended."""
    if settings.restoring_note.exists():
        raise Terminal(
            f"{settings.home} is being restored, or its restore was interrupted or refused. Wait "
            "until it has ended, or restore into an empty home and an empty database."
        )


def engine_of(settings: Settings) -> sa.Engine:
    """An engine on the database of the settings, as it is: the embedded one, or the one named."""
    if settings.database_url is None:
        url = embedded_url(settings.database_folder.absolute())
    else:
        url = postgresql_url(settings.database_url, "database_url")
    return open_engine(url, name_of_operator(settings))


def reaching_elsewhere(settings: Settings) -> list[str]:
    """The partners whose mailbox is not on this machine: somebody may read what is sent there."""
    return [name for name, box in settings.mailboxes.items() if box.host not in _LOOPBACK]


def _arm_fault_point(settings: Settings) -> None:
    """Lets the process die at the fault point of the settings, if there is one.

    Raises Terminal where that could harm: with a mailbox that is not on this machine.
    """
    strangers = reaching_elsewhere(settings)
    if settings.fault_point is not None and strangers:
        raise Terminal(
            f"EDI834_FAULT_POINT is for tests only, and the mailbox of {strangers[0]} is not on "
            "this machine. Unset the variable."
        )
    try:
        arm(settings.fault_point)
    except ValueError as error:
        raise Terminal(f"{error} Correct EDI834_FAULT_POINT, or unset it.") from None


def postgresql_url(text: str, setting: str) -> str:
    """The URL with the driver that we use. Raises Terminal, without the URL, when it is none."""
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        url = None
    if url is None or url.get_backend_name() not in ("postgresql", "postgres"):
        raise Terminal(
            f"Setting {setting} is no PostgreSQL URL. "
            "Correct it: postgresql://user:password@host:port/database."
        )
    return url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
