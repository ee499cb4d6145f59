"""Settings: the one place that reads the environment and the configuration file.

Every setting has a default that works on one machine; `EDI834_…` variables come first, then
`edi834.toml` (the file that EDI834_CONFIG names, else the one in the current folder, else the one
in EDI834_HOME).
"""

import os
from datetime import date
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from schemas.errors import Terminal
from schemas.partners import Partner, load_partner

CONFIGURATION = "edi834.toml"
Fingerprint = Annotated[str, Field(pattern=r"^([0-9A-F]{40}|[0-9A-F]{64})$")]


class OpenPgpSettings(BaseModel):
    """How a partner's files are encrypted. Keys are named by fingerprint, without spaces.

    With `decrypt_with` all that comes must be encrypted to that key and signed by one of
    `verify_with`; with `sign_with` all that goes is signed by it and encrypted to `encrypt_to`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path  # GNUPGHOME, the partner's own
    decrypt_with: Fingerprint | None = None
    verify_with: tuple[Fingerprint, ...] = ()
    sign_with: Fingerprint | None = None
    encrypt_to: tuple[Fingerprint, ...] = ()
    passphrase_file: Path | None = None
    ending: str = Field(default=".pgp", pattern=r"^\.[a-z0-9]+$")  # of what we send

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.decrypt_with is None) != (not self.verify_with):
            raise ValueError("decrypt_with and verify_with belong together")
        if (self.sign_with is None) != (not self.encrypt_to):
            raise ValueError("sign_with and encrypt_to belong together")
        return self


class ArchiveSettings(BaseModel):
    """That a partner may send archives (zip, gzip), and how much may be in one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_entries: int = Field(default=100, ge=1)
    max_bytes: int = Field(default=4 * 1024**3, ge=1)  # of all entries together
    max_ratio: int = Field(default=200, ge=1)  # of their bytes to those of the archive


class MailboxSettings(BaseModel):
    """Where a partner's mailbox is. `host_key` is the server's public key, one OpenSSH line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    port: int = 22
    username: str
    private_key: Path
    host_key: str
    outbox: str = "outbox"
    inbox: str = "inbox"
    openpgp: OpenPgpSettings | None = None  # none: files come and go as they are
    archives: ArchiveSettings | None = None  # none: an archive is a file that nobody can read
    key_last_day: date | None = None  # on which the exchange takes our key; none: it has no end


class CarrierSettings(BaseModel):
    """Where the carrier's own records are.

    For `file`, members, payments and requests are paths of CSV or Parquet files; for `table`, they
    are schema.table names in `database_url`, or in our own database when that is not set.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["file", "table"]
    members: str
    payments: str
    requests: str | None = None
    database_url: str | None = None
    smallest_share: float = Field(default=0.5, ge=0, le=1)  # of the rows of the last reading
    stale_after_days: int = Field(default=3, ge=0)  # that the same rows may be read
    payments_stale_after_days: int | None = Field(default=None, ge=0)  # none: as for all of them

    @property
    def payments_may_stand_still(self) -> int:
        """For how many days the same payments may be read, whatever else has changed."""
        return (
            self.stale_after_days
            if self.payments_stale_after_days is None
            else self.payments_stale_after_days
        )


class GroupGrant(BaseModel):
    """What a group of the OpenID provider may in the console. Partners: `*` is all of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: list[str]
    partners: list[str] = ["*"]


class OpenIdSettings(BaseModel):
    """By whom people sign in to the console, and what their groups grant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str  # its discovery document is below this address
    client_id: str
    client_secret: str | None = None
    scope: str = "openid email profile"
    groups_claim: str = "groups"
    grants: dict[str, GroupGrant]  # by group


class EncryptionSettings(BaseModel):
    """By which keys landing zone, tables and reports are encrypted; see docs/how-to.

    `key_file` lies outside of the home, as `edi834 keys new` has made it. With `command` the keys
    in it are wrapped: the program is called with `wrap` or `unwrap`, and reads and writes base64.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_file: Path
    command: list[str] = []


class ConsoleSettings(BaseModel):
    """The console in a browser."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database_url: str | None = None  # as a role of console/database_role.sql; none: see there
    public_url: str | None = None  # https://… by which browsers reach it; none: loopback only
    # Addresses or networks of what stands before it there, whose X-Forwarded-For is believed.
    proxies: list[IPv4Network | IPv6Network] = [IPv4Network("127.0.0.1"), IPv6Network("::1")]
    openid: OpenIdSettings | None = None  # none: local accounts
    metrics_token: SecretStr | None = None  # of whoever reads /metrics; none: loopback only


class WebhookSettings(BaseModel):
    """Who hears of alerts by HTTP: each is one POST of JSON, signed with the secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str  # https://…, or http:// on this machine
    secret: SecretStr


class EmailSettings(BaseModel):
    """Who hears of alerts by e-mail, by which server. Without STARTTLS on this machine only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    port: int = 587
    sender: str
    recipients: list[str] = Field(min_length=1)
    username: str | None = None
    password: SecretStr | None = None
    starttls: bool = True


class AlertSettings(BaseModel):
    """Whom `edi834 alerts` tells; without any it only shows and remembers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    webhook: WebhookSettings | None = None
    email: EmailSettings | None = None


class RetentionSettings(BaseModel):
    """How long contents are kept: bytes, tables and reports. Ledger, book and trail stay."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    years: int | None = None  # from when they are removed, at least six; none: never
    legal_holds: dict[str, str] = {}  # by partner id, why nothing of the partner is removed


class Settings(BaseSettings):
    """All settings. Paths are relative to the current folder."""

    model_config = SettingsConfigDict(
        env_prefix="EDI834_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    home: Path = Path("var")  # state of this installation
    database_url: str | None = None  # none: the embedded server under `home`
    partners: Path | None = None  # folder of partner files; none: those of the program
    settle_seconds: float = 2.0  # how long a waiting file must keep its size
    look_seconds: float = Field(default=300, gt=0)  # between two looks for files that are expected
    max_file_bytes: int = 4 * 1024**3
    wire_tries: int = Field(default=3, ge=1)  # of a mailbox that cannot be reached or falls silent
    wire_wait_seconds: float = Field(default=5.0, ge=0)  # before the second; then twice as long
    spark_remote: str | None = None  # sc://host:port, for --engine spark; none: one for a trial
    operator: str | None = None  # in whose name nights run; none: the operating system's account
    fault_point: str | None = None  # tests only: where the process dies (schemas/fault_points.py)
    console: ConsoleSettings = ConsoleSettings()
    retention: RetentionSettings = RetentionSettings()
    encryption: EncryptionSettings | None = None  # none: the home is plain, as a trial's may be
    backups: Path | None = None  # folder of backups, each in one of its own; none: nowhere known
    alerts: AlertSettings = AlertSettings()
    mailboxes: dict[str, MailboxSettings] = {}  # by partner id
    carriers: dict[str, CarrierSettings] = {}  # by partner id

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What a command says of them, then the environment, then the configuration file."""
        del dotenv_settings, file_secret_settings
        home = init_settings().get("home")
        file = TomlConfigSettingsSource(settings_cls, configuration_file(home))
        return init_settings, env_settings, file

    @property
    def landing_folder(self) -> Path:
        """Raw bytes of everything received and sent, by hash."""
        return self.home / "landing"

    @property
    def tables_folder(self) -> Path:
        """Parquet tables of each checked file, by its id in the ledger."""
        return self.home / "tables"

    @property
    def reports_folder(self) -> Path:
        """Error reports and reconciliations for people, by run."""
        return self.home / "reports"

    @property
    def sealed_folders(self) -> tuple[Path, ...]:
        """What is encrypted where a key is configured."""
        return self.landing_folder, self.tables_folder, self.reports_folder

    @property
    def restoring_note(self) -> Path:
        """There from the beginning of a restore to its end: meanwhile nobody opens the home."""
        return self.home / "restoring"

    @property
    def database_folder(self) -> Path:
        """Data of the embedded PostgreSQL server."""
        return self.home / "postgresql"

    @property
    def has_database(self) -> bool:
        """Whether one is named, or the embedded server has been here."""
        return self.database_url is not None or self.database_folder.exists()


def configuration_file(home: Path | None = None) -> Path | None:
    """The configuration file in force, or None; of `home`, if that is not the one that is set."""
    named = os.environ.get("EDI834_CONFIG")
    if named:
        if not Path(named).is_file():
            raise Terminal(f"EDI834_CONFIG names {named}, which is no file. Correct the variable.")
        return Path(named)
    home = home or Path(os.environ.get("EDI834_HOME", "var"))
    places = (Path(CONFIGURATION), home / CONFIGURATION)
    return next((place for place in places if place.is_file()), None)


def load_settings(**overrides: Any) -> Settings:
    """The settings in force. Raises Terminal with the first wrong one, never with its value."""
    home = overrides.get("home")
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        variable = "__".join(str(part).upper() for part in first["loc"])
        raise Terminal(
            f"Setting {place}: {first['msg']}. Correct it in "
            f"{configuration_file(home) or CONFIGURATION} or in EDI834_{variable}."
        ) from None
    except SettingsError as error:  # not JSON in a variable
        raise Terminal(f"The settings cannot be read: {error}. Correct the variable.") from None
    except ValueError as error:
        raise Terminal(
            f"{configuration_file(home)} is not TOML: {error}. Correct the file."
        ) from None


def environment_for(home: Path, **more: str) -> dict[str, str]:
    """The environment of a child process that works on the same home."""
    return {**os.environ, "EDI834_HOME": str(home.absolute()), **more}


def spark_endpoint() -> str | None:
    """Where `--engine spark` works; None for an endpoint of its own, which then tells errors."""
    remote = load_settings().spark_remote
    if remote is None:
        os.environ.setdefault("RUST_LOG", "error")
    return remote


def known_partner(partner_id: str) -> Partner:
    """The partner of that id, of the folder that is set. Raises Terminal when there is none."""
    return load_partner(partner_id, load_settings().partners)


def traces_exporter() -> str | None:
    """Where spans go, by the standard variables of OpenTelemetry: `otlp`, `console` or None.

    `OTEL_TRACES_EXPORTER` names it; without it, an endpoint for OTLP is enough.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    named = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if named:
        return named if named in ("otlp", "console") else None
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return "otlp" if any(os.environ.get(name) for name in endpoints) else None
