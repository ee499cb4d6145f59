"""The home of a demo: its own, or not touched; its configuration, and what it has done so far."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from ledger.server import drop_embedded
from pipeline import terminal
from pipeline.settings import CONFIGURATION, Settings, configuration_file
from reconciliation.snapshots import write_durably
from schemas.errors import Terminal
from simulator.server import Endpoint
from strongroom.keyring import Keyring

FIRST_KEY = date(2026, 12, 1)  # of the demo's days; keys are named by it
BY_TABLE = "cedar-valley-tx"  # this carrier gives us a table, the others extracts


@dataclass(frozen=True)
class DemoPlan:
    """What to play. The same plan gives the same nights, byte for byte."""

    seed: int
    nights: int
    members: int
    faults: float
    airflow: bool


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """The home for this demo only; another one in the same home is waited for.

    The lock ends with the process that holds it, however it ends.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with terminal.doing(f"Another demo is at work in {settings.home}; it is waited for"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def require_own_configuration(settings: Settings) -> None:
    """Raises Terminal when real mailboxes are configured: a demo must never come near them."""
    file = configuration_file()
    if settings.database_url:
        raise Terminal("The demo uses its own database. Unset EDI834_DATABASE_URL for it.")
    own = (settings.home / CONFIGURATION).resolve()
    if file is not None and (file.resolve() != own or not _is_demos(settings)):
        raise Terminal(
            f"{file} configures an installation, and a demo must not touch it. "
            "Set EDI834_HOME to another folder, and call the demo from there."
        )
    if file is None and (settings.mailboxes or settings.carriers):
        raise Terminal("EDI834_MAILBOXES or EDI834_CARRIERS is set. Unset it for a demo.")


def _is_demos(settings: Settings) -> bool:
    return _marker(settings).is_file()


def _marker(settings: Settings) -> Path:
    return settings.home / "demo.json"


def mark(settings: Settings, plan: DemoPlan, *, finished: bool) -> None:
    """Notes in the home which demo it belongs to, and whether that one came to its end."""
    content = json.dumps({"plan": asdict(plan), "finished": finished}, indent=2)
    write_durably(_marker(settings), f"{content}\n".encode())


def prepare_home(settings: Settings, plan: DemoPlan) -> None:
    """Leaves the home of an unfinished demo of the same plan as it is; else begins anew.

    Raises Terminal when the home is in use by something else than a demo.
    """
    marker = _marker(settings)
    used = settings.landing_folder, settings.database_folder
    if not _is_demos(settings) and any(folder.exists() for folder in used):
        raise Terminal(
            f"{settings.home} holds an installation. Set EDI834_HOME to another folder for a demo."
        )
    known = None
    with suppress(OSError, ValueError):
        known = json.loads(marker.read_text())
    if known == {"plan": asdict(plan), "finished": False}:
        terminal.out.print(
            f"An unfinished demo in {settings.home} is taken up where it stopped "
            "(remove that folder to begin anew).",
            soft_wrap=True,
        )
        return
    if known is not None:
        _clear(settings)
    mark(settings, plan, finished=False)


def _clear(settings: Settings) -> None:
    drop_embedded(settings.database_folder.absolute())
    for folder in (
        settings.landing_folder,
        settings.tables_folder,
        settings.reports_folder,
        exchange_home(settings),
        settings.home / "carrier",
        settings.home / "airflow",
    ):
        shutil.rmtree(folder, ignore_errors=True)


def exchange_home(settings: Settings) -> Path:
    """The folder of the exchange in a box."""
    return settings.home / "exchange"


def write_configuration(settings: Settings, endpoint: Endpoint) -> None:
    """`edi834.toml` in the home: where the exchange in a box and the carrier's records are."""
    lines = [
        "# Written by `edi834 demo`: the exchange in a box of the last run.\n",
        "settle_seconds = 0.5  # it renames its files in place, so they do not grow\n",
    ]
    lines += ["[encryption]", f'key_file = "{_key_file(settings).absolute()}"\n']
    for partner_id, (username, key) in endpoint.users.items():
        lines += [
            f"[mailboxes.{partner_id}]",
            f'host = "{endpoint.host}"',
            f"port = {endpoint.port}",
            f'username = "{username}"',
            f'private_key = "{key.absolute()}"',
            f'host_key = "{endpoint.host_key}"\n',
            f"[carriers.{partner_id}]",
            *_carrier_lines(settings, partner_id),
        ]
    write_durably(settings.home / CONFIGURATION, "\n".join(lines).encode())


def _key_file(settings: Settings) -> Path:
    """The keys of the demo, beside its home and not in it; made when there are none."""
    home = settings.home.absolute()
    path = home.with_name(f"{home.name}.keys.toml")
    if not path.exists():
        Keyring(path).with_new_key(FIRST_KEY)
    return path


def _carrier_lines(settings: Settings, partner_id: str) -> list[str]:
    if partner_id == BY_TABLE:
        kind, members, payments = "table", "carrier_core.member_record", "carrier_core.payment"
        requests = "carrier_core.request"
    else:
        folder = extract_folder(settings, partner_id).absolute()
        kind, members, payments = "file", f"{folder}/members.csv", f"{folder}/payments.csv"
        requests = f"{folder}/requests.csv"
    return [  # so few people may go from one month's premiums to the next without a payment
        f'kind = "{kind}"',
        "payments_stale_after_days = 62",
        f'members = "{members}"',
        f'payments = "{payments}"',
        f'requests = "{requests}"\n',
    ]


def extract_folder(settings: Settings, partner_id: str) -> Path:
    """Where the carrier of that partner leaves its extracts."""
    return settings.home / "carrier" / partner_id
