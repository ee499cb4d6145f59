"""Exchanges and trading partners as data: one TOML file each, read and checked once.

`companions/*.toml` say what an exchange adds to the implementation guide; `partners/*.toml` say
who we are to one exchange. Nothing here knows a host, a path or a secret: those are settings.
"""

import re
import tomllib
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.agreements import Bound, Tolerance
from schemas.arrivals import ExpectedFile
from schemas.business_acknowledgements import BusinessAcknowledgementNames
from schemas.decisions import Accepts, Term
from schemas.errors import Terminal
from schemas.issuer_transactions import IssuerTransaction
from schemas.outgoing import Holding, load_holding


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Row = TypeVar("Row", bound=_Row)


class InterchangeFacts(_Row):
    """What ISA must hold, and the delimiters that we write."""

    qualifier: str
    exchange_id: str
    version: str
    usage_indicator: str
    repetition_separator: str
    component_separator: str
    element_separator: str
    segment_terminator: str


class GroupFacts(_Row):
    """What GS must hold."""

    functional_identifier: str
    version: str


class FileNames(_Row):
    """A pattern with named groups for what the exchange sends, a format string for what we send."""

    exchange_to_issuer: str
    issuer_to_exchange: str


class FunctionCodes(_Row):
    """The function code part of file names. `enrollment` is in the order of application."""

    enrollment: tuple[str, ...]
    acknowledgement_interchange: str
    acknowledgement_implementation: str
    business_acknowledgement: str
    issuer_enrollment: str
    issuer_error_report: str


class Schedule(_Row):
    """Drop times of the exchange in its own time zone, as HH:MM."""

    drop_times: tuple[str, ...]
    answers_due_drops: int = Field(ge=1)  # TA1 and 999 come by that drop after a delivery


class Combination(_Row):
    """One allowed (INS03, INS04, ADDL MAINT REASON) and the transaction it means."""

    direction: Literal["exchange_to_issuer", "issuer_to_exchange"]
    transaction: str
    kind: str | None = None  # says more closely what it is
    circumstance: Literal["leaves", "enters"] | None = None
    maintenance_type: str
    maintenance_reason: str
    additional: tuple[str, ...]
    members: Literal["all", "subscriber"]
    source: str | None = None


Condition = Literal[
    "effectuated",  # the policy is, by our word or because it need not be
    "other-enrollment",  # it answers an enrollment of the policy that is not the one in force
    "same-content",  # the policy has had a transaction of this name with these contents
    "said-before",  # and with this REQUEST SUBMIT TIMESTAMP, or both without one
    "said-after",  # its REQUEST SUBMIT TIMESTAMP is later than what made the policy's status
    "said-again",  # it has no such stamp, and something else was said of the household since
    "before-enrollment",  # it was said before the policy was enrolled again
    "completes",  # it brings whom our verdict has kept out of the enrollment in force
    "unknown-member",  # it speaks of a member whom nobody has added to the policy
    "other-subscriber",  # its subscriber is not the one whom the policy was enrolled with
    "other-plan",  # its plan differs in more than the CSR variant
    "end-after-begin",  # its end of coverage, and the first day of the policy
    "end-not-after-begin",
    "end-before-begin",
    "end-later",  # its end of coverage, and the last day of the policy
    "end-equal",
    "end-of-exchange",  # the policy's end was told by the exchange, and not by us
]


class Following(_Row):
    """What becomes of a transaction of which all these conditions hold."""

    when: tuple[Condition, ...] = ()
    then: Literal["applied", "duplicate", "waits"]
    reason: str | None = None
    becomes: Literal["active", "effectuated", "terminated", "cancelled"] | None = None


class ReportingCategory(_Row):
    """A reporting category (2750) that the exchange names: its REF01, and who carries it."""

    name: str
    qualifier: str
    dated: bool = True  # with DTP*007
    members: Literal["all", "subscriber"] = "all"


class Effectuation(_Row):
    """Which enrollments need no effectuation, by their ADDL MAINT REASON, and what one says.

    `continued_for`: those of a subscriber whose policy of the plan year before, with the same
    issuer and line, is effectuated. `last_premium_paid`: what DTP*543 is, by the column of our
    decision: the day of the last payment, or the last day that is paid for.
    """

    not_required_for: tuple[str, ...]
    continued_for: tuple[str, ...] = ()
    last_premium_paid: Literal["paid_on", "paid_through"]


class Reinstatement(_Row):
    """Which ends may be taken back, by their ADDL MAINT REASON."""

    of_issuer: tuple[str, ...]
    of_exchange: dict[str, tuple[str, ...]] = {}  # by insurance line


class ChangeInCircumstance(_Row):
    """How the two halves of a change in circumstance are told to belong together."""

    days_between_halves_max: int
    source: str


class Exchange(_Row):
    """One exchange and its companion guide.

    A file that `extends` another exchange holds only what is different there. `codes` are values of
    elements by a name; rules refer to them.
    """

    id: str
    extends: str | None = None
    left_out: tuple[str, ...] = ()  # what its guide surely says, but no source at hand confirms
    name: str
    guide: str
    effective_from: date
    time_zone: str
    interchange: InterchangeFacts
    group: GroupFacts
    file_names: FileNames
    function_codes: FunctionCodes
    schedule: Schedule
    combinations: tuple[Combination, ...]
    follows: dict[str, tuple[Following, ...]]  # by <status of the policy>-<transaction>
    effectuation: Effectuation
    change_in_circumstance: ChangeInCircumstance
    issuer_transactions: dict[str, IssuerTransaction] = {}  # what we send, by its name
    business_acknowledgement: BusinessAcknowledgementNames
    accepts: Accepts  # what we may send, and in which status of the policy
    reinstatement: Reinstatement
    reporting_categories: tuple[ReportingCategory, ...] = ()
    codes: dict[str, tuple[str, ...]] = {}

    def day_of(self, moment: datetime) -> date:
        """The day at the exchange: its days begin and end by its own clock."""
        return moment.astimezone(ZoneInfo(self.time_zone)).date()

    @property
    def dated_categories(self) -> tuple[str, ...]:
        """Names of the reporting categories that have a date."""
        return tuple(row.name for row in self.reporting_categories if row.dated)

    @property
    def undated_categories(self) -> tuple[str, ...]:
        """Names of the reporting categories that have none."""
        return tuple(row.name for row in self.reporting_categories if not row.dated)

    @property
    def subscriber_categories(self) -> tuple[str, ...]:
        """Names of the reporting categories that only a subscriber carries."""
        return tuple(row.name for row in self.reporting_categories if row.members == "subscriber")

    @property
    def category_names(self) -> tuple[str, ...]:
        """Names of all reporting categories."""
        return tuple(row.name for row in self.reporting_categories)

    @property
    def category_qualifiers(self) -> tuple[tuple[str, str], ...]:
        """Name and REF01 of each reporting category."""
        return tuple((row.name, row.qualifier) for row in self.reporting_categories)


class Plan(_Row):
    """A plan that the issuer sells: 14 characters, and its insurance line (HD03)."""

    plan_id: str
    insurance_line: str


class CarrierRecordColumns(_Row):
    """Our column names and the carrier's for them: member records, payments, and requests."""

    members: dict[str, str]
    payments: dict[str, str]
    requests: dict[str, str] | None = None  # none: the carrier asks for nothing this way


class Partner(_Row):
    """One trading partnership: an issuer at an exchange."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    exchange: str
    issuer_name: str
    trading_partner_id: str
    interchange_qualifier: str
    issuer_tax_id: str
    hios_issuer_id: str
    state: str
    tenant_id: str
    usage_indicator: Literal["P", "T"]
    on_member_error: Literal["set_reject", "member_reject"]
    on_unknown_sender: Literal["quarantine", "answer"] = "quarantine"
    plans: tuple[Plan, ...]
    carrier_records: CarrierRecordColumns
    tolerances: tuple[Tolerance, ...] = ()
    bounds: tuple[Bound, ...] = ()  # of the gate, in place of those of schemas/gate.toml
    terms: tuple[Term, ...] = ()  # its own, before those of schemas/decisions.toml
    expected_files: tuple[ExpectedFile, ...] = ()  # whose absence is an alarm
    outgoing: dict[str, int | float] = {}  # bounds other than those of schemas/outgoing.toml

    @property
    def holding(self) -> Holding:
        """The bounds above which what ends coverage waits for persons."""
        return load_holding(self.outgoing)

    def bounds_on(self, day: date) -> dict[str, Bound]:
        """By expectation of the gate, the bound that was agreed on for that day."""
        return {row.expectation: row for row in self.bounds if row.holds_on(day)}

    @property
    def standard_components(self) -> tuple[str, ...]:
        """The 14 characters of each plan that the issuer sells."""
        return tuple(plan.plan_id for plan in self.plans)

    @property
    def lines_of_plans(self) -> tuple[tuple[str, str], ...]:
        """The 14 characters of each plan, and its insurance line (HD03)."""
        return tuple((plan.plan_id, plan.insurance_line) for plan in self.plans)

    @property
    def rating_area_prefix(self) -> str:
        """How the rating areas of the issuer's state begin."""
        return f"R-{self.state}"


def normalise_reason(reason: str) -> str:
    """An ADDL MAINT REASON in the form in which spellings of the guide are equal.

    The guide itself writes the same value with blanks, hyphens and dashes
    (CMS guide 7.2, section 6.10 and appendix C), so only letters, digits and brackets count.
    """
    return re.sub(r"[\s\-\u2010-\u2015]+", "", reason).upper()


def _read(path: Path, kind: type[Row]) -> Row:
    content = _content(path)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Terminal(f"{path}: {place}: {first['msg']}. Correct the file.") from error


def _content(path: Path) -> dict[str, Any]:
    """The content of a file, laid table by table over that of the one it extends."""
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except FileNotFoundError as error:
        raise Terminal(f"No configuration file {path}. Check the name.") from error
    except tomllib.TOMLDecodeError as error:
        raise Terminal(f"{path} is not valid TOML: {error}. Correct the file.") from error
    if "extends" not in content:
        return content
    below = _content(path.with_name(f"{content['extends']}.toml"))
    return below | {
        key: below[key] | value if isinstance(value, dict) and key in below else value
        for key, value in content.items()
    }


def _folder(name: str) -> Path:
    return Path(str(files("schemas"))) / name


@cache
def load_exchange(exchange_id: str) -> Exchange:
    """The exchange of that id. Raises Terminal when its file is missing or wrong."""
    return _read(_folder("companions") / f"{exchange_id}.toml", Exchange)


def load_exchanges() -> dict[str, Exchange]:
    """All exchanges by id, in the order of their ids."""
    names = sorted(path.stem for path in _folder("companions").glob("*.toml"))
    return {name: load_exchange(name) for name in names}


@cache
def load_partners(folder: Path | None = None) -> dict[str, Partner]:
    """All trading partners by id, in the order of their files.

    Reads `folder`, or the partners shipped with the program. Raises Terminal when a file is wrong,
    names an exchange that does not exist, or has the id of another file, or its trading partner id
    at the same exchange: control numbers of both would be those of one sender there, and repeat.
    """
    partners: dict[str, Partner] = {}
    for path in sorted((folder or _folder("partners")).glob("*.toml")):
        partner = _read(path, Partner)
        load_exchange(partner.exchange)
        _require_new(path, partner, partners)
        partners[partner.id] = partner
    return partners


def _require_new(path: Path, partner: Partner, known: dict[str, Partner]) -> None:
    if partner.id in known:
        raise Terminal(
            f"{path}: the id {partner.id!r} is that of another file in {path.parent}. Give each "
            "partner an id of its own."
        )
    sender = (partner.exchange, partner.trading_partner_id)
    for other in known.values():
        if (other.exchange, other.trading_partner_id) == sender:
            raise Terminal(
                f"{path}: trading_partner_id {partner.trading_partner_id!r} at {partner.exchange} "
                f"is that of {other.id} already. Who is one sender there is one partner here."
            )


def partners_of(exchange_id: str) -> dict[str, Partner]:
    """The trading partners at one exchange, by id."""
    known = load_partners().items()
    return {partner_id: one for partner_id, one in known if one.exchange == exchange_id}


def load_partner(partner_id: str, folder: Path | None = None) -> Partner:
    """The trading partner of that id. Raises Terminal and names the known ones if there is none."""
    partners = load_partners(folder)
    if partner_id not in partners:
        known = ", ".join(partners) or "none"
        raise Terminal(f"No trading partner {partner_id!r}. Known partners: {known}.")
    return partners[partner_id]
