"""The carrier's core system: its member records and payments, with a few seeded disagreements."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import TextIO

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812

from schemas.partners import Partner
from simulator.disagreements import Disagreement, Row, altered, choose, unknown_row
from simulator.exchange import Amounts, ExchangeInABox, Known
from simulator.payers import Payers, Payment
from simulator.people import Enrollee, Policy
from simulator.requests import Request, Requests
from simulator.transactions import dollars

SCHEMA = "carrier_core"

_TYPES = {
    "birth_date": "date",
    "benefit_begin": "date",
    "benefit_end": "date",
    "received_on": "date",
    "paid_through": "date",
    "coverage_end": "date",
    "requested_on": "date",
    "premium_total": "numeric(12, 2)",
    "aptc": "numeric(12, 2)",
    "csr": "numeric(12, 2)",
    "responsible_amount": "numeric(12, 2)",
    "individual_premium": "numeric(12, 2)",
    "amount": "numeric(12, 2)",
}

_NAMED_LATER = 0.25  # share of the policies that get the issuer's ids some nights later
_RENAMED = 0.93  # above this share of the policies, members get another id once
_ISSUER_IDS = ("issuer_policy_id", "issuer_subscriber_id", "issuer_member_id")

_PAID_IN_FULL = 0.75
_PAID_IN_PART = 0.85  # cumulative


class CarrierCore:
    """What the carrier holds for the policies of one exchange.

    Its records are those of a carrier that read every undamaged file, but for the disagreements.
    """

    def __init__(self, exchange: ExchangeInABox, seed: int) -> None:
        self.exchange = exchange
        self.seed = seed
        self.payers = Payers(exchange, seed)
        self.requests = Requests(exchange, seed)

    def write_tables(self, connection_url: str, partner_id: str, night: int) -> None:
        """Replaces `member_record`, `payment` and `request` in schema `carrier_core` at once.

        Column names are the carrier's, in the case in which the partner's file writes them.
        """
        written = self._written(partner_id, night)
        connection = psycopg2.connect(connection_url)
        try:
            with connection:
                for table, (columns, rows) in written.items():
                    _replace(connection, table, columns, rows)
        finally:
            connection.close()

    def write_extract(self, folder: Path, partner_id: str, night: int) -> None:
        """Writes `members.csv`, `payments.csv` and `requests.csv`, each complete or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        names = {"member_record": "members", "payment": "payments", "request": "requests"}
        for table, (columns, rows) in self._written(partner_id, night).items():
            _write(folder / f"{names[table]}.csv", columns, rows)

    def _written(
        self, partner_id: str, night: int
    ) -> dict[str, tuple[Mapping[str, str], list[Row]]]:
        """The carrier's column names and rows, by table."""
        columns = self._partner(partner_id).carrier_records
        if self.exchange.scenario.life:
            known = self.payers.advance(partner_id, night)
            self.requests.advance(known, night)
        else:
            known = self.exchange.known_to_carrier(partner_id, night)
        written: dict[str, tuple[Mapping[str, str], list[Row]]] = {
            "member_record": (columns.members, list(self._members(partner_id, known, night))),
            "payment": (columns.payments, list(self._payments(partner_id, known, night))),
        }
        if columns.requests is not None:
            requests = [_request_row(one) for one in self.requests.made(partner_id, night)]
            written["request"] = columns.requests, requests
        return written

    def disagreements(self, partner_id: str) -> list[Disagreement]:
        """What is wrong in the carrier's records on purpose, once the first night was sent."""
        known = [item.policy for item in self.exchange.known_to_carrier(partner_id, 1)]
        return choose(f"{self.seed}/{partner_id}", known, heals=self.exchange.scenario.life)

    def _partner(self, partner_id: str) -> Partner:
        return self.exchange.scenario.partners[partner_id]

    def _members(self, partner_id: str, known: list[Known], night: int) -> Iterator[Row]:
        wrong = {
            (item.exchange_policy_id, item.exchange_member_id): item
            for item in self.disagreements(partner_id)
            if not item.is_healed(night)
        }
        day = self.exchange.scenario.day(night)
        for one in known:
            names = self._names(one, night)
            amounts = one.amounts_on(max(one.policy.begin, min(day, one.policy.end or day)))
            for enrollee in one.policy.enrollees:
                row = _member_row(one, enrollee, amounts) | names(enrollee)
                found = wrong.get((row["exchange_policy_id"], row["exchange_member_id"]))
                if found is None:
                    yield row
                elif found.field:
                    yield row | {found.field: altered(found.field, row[found.field])}
        for item in wrong.values():
            if item.kind == "missing_in_book":
                yield unknown_row(self._partner(partner_id), item)

    def _names(self, known: Known, night: int) -> Callable[[Enrollee], Row]:
        """The issuer's ids: of some policies some nights after the enrollment, of some others.

        Whoever was cancelled by then keeps the id: the exchange would not take another one.
        """
        if not self.exchange.scenario.life:
            return lambda _: {}
        random = Random(f"{self.seed}/{known.policy.policy_id}/names")
        share, waits = random.random(), timedelta(days=random.randint(2, 8))
        named_on = self.exchange.scenario.next_night(known.arrived_on + waits)
        is_late = self.exchange.scenario.day(night) < named_on
        told_on = known.policy.end_told_on
        is_gone = known.policy.state == "cancelled" and told_on is not None and told_on <= named_on
        if share < _NAMED_LATER and is_late:
            return lambda _: dict.fromkeys(_ISSUER_IDS, "")
        if share > _RENAMED and not (is_late or is_gone):
            return _another_id
        return lambda _: {}

    def _payments(self, partner_id: str, known: list[Known], night: int) -> Iterator[Row]:
        if self.exchange.scenario.life:
            yield from (_received_row(one) for one in self.payers.received(partner_id, night))
            return
        for one in known:
            amount = self._binder(one.policy)
            if amount:
                yield _payment_row(one, amount)

    def _binder(self, policy: Policy) -> int:
        """Cents that the carrier received for the first month; most pay in full."""
        if policy.state == "cancelled":
            return 0
        share = Random(f"{self.seed}/{policy.policy_id}/binder").random()
        if share < _PAID_IN_FULL:
            return policy.responsible
        return policy.responsible // 2 if share < _PAID_IN_PART else 0


def _member_row(known: Known, enrollee: Enrollee, amounts: Amounts) -> Row:
    policy, person = known.policy, enrollee.person
    subscriber = enrollee is policy.subscriber
    return {
        "exchange_policy_id": policy.policy_id,
        "exchange_member_id": person.member_id,
        "issuer_policy_id": f"P{policy.policy_id}",
        "issuer_subscriber_id": f"S{policy.subscriber.person.member_id}",
        "issuer_member_id": f"M{person.member_id}",
        "last_name": person.last_name,
        "first_name": person.first_name,
        "birth_date": person.birth_date.isoformat(),
        "gender_code": person.gender,
        "plan_id": known.plan_of(enrollee),
        "benefit_begin": enrollee.begin.isoformat(),
        "benefit_end": enrollee.end.isoformat() if enrollee.end else "",
        "premium_total": dollars(amounts.premium) if subscriber else "",
        "aptc": dollars(amounts.aptc) if subscriber else "",
    } | _further(policy, enrollee, amounts)


def _further(policy: Policy, enrollee: Enrollee, amounts: Amounts) -> Row:
    """What some carriers keep of a member beside that."""
    person, subscriber = enrollee.person, enrollee is policy.subscriber
    was_never_covered = enrollee.removed and enrollee.end == enrollee.begin
    address, mailing = policy.home_of(enrollee), policy.application.mailing
    return {
        "exchange_subscriber_id": policy.subscriber.person.member_id,
        "relationship_code": person.relationship,
        "middle_name": person.middle_name,
        "name_suffix": person.suffix,
        "ssn": person.ssn or "",
        "address_line_1": address.line_1,
        "address_line_2": address.line_2,
        "city": address.city,
        "state": address.state,
        "postal_code": address.postal_code,
        "county_code": address.county_code,
        "mailing_line_1": mailing.line_1 if mailing else "",
        "mailing_line_2": mailing.line_2 if mailing else "",
        "mailing_city": mailing.city if mailing else "",
        "mailing_state": mailing.state if mailing else "",
        "mailing_postal_code": mailing.postal_code if mailing else "",
        "phone": person.phone,
        "email": person.email if person.phone else "",
        "tobacco_code": ("T" if person.tobacco else "N") if person.phone else "",
        "insurance_line": policy.insurance_line,
        "csr": "",
        "responsible_amount": dollars(amounts.responsible) if subscriber else "",
        "individual_premium": "" if was_never_covered else dollars(enrollee.premium),
    }


def _another_id(enrollee: Enrollee) -> Row:
    """A new member id; who has left a policy keeps the one that the exchange knows.

    Nothing is told of former members, so the exchange could not hear of another one.
    """
    if enrollee.removed:
        known = enrollee.issuer_member_id
        return {} if known is None else {"issuer_member_id": known}
    return {"issuer_member_id": f"N{enrollee.person.member_id}"}


def _payment_row(known: Known, amount: int) -> Row:
    return {
        "exchange_policy_id": known.policy.policy_id,
        "amount": dollars(amount),
        "received_on": known.enrolled_on.isoformat(),
        "paid_through": _end_of_month(known.policy.begin).isoformat(),
    }


def _received_row(payment: Payment) -> Row:
    sign = "-" if payment.amount < 0 else ""
    return {
        "exchange_policy_id": payment.policy_id,
        "amount": sign + dollars(abs(payment.amount)),
        "received_on": payment.received_on.isoformat(),
        "paid_through": payment.paid_through.isoformat(),
    }


def _request_row(request: Request) -> Row:
    end = request.coverage_end
    return {
        "exchange_policy_id": request.policy_id,
        "request": request.request,
        "additional_maintenance_reason": request.reason or "",
        "coverage_end": end.isoformat() if end else "",
        "requested_on": request.requested_on.isoformat(),
    }


def _end_of_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def _write_rows(file: TextIO, columns: Mapping[str, str], rows: Iterable[Row]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns.values())
    writer.writerows([row.get(name, "") for name in columns] for row in rows)


def _write(path: Path, columns: Mapping[str, str], rows: Iterable[Row]) -> None:
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        _write_rows(file, columns, rows)
    unfinished.rename(path)


def _replace(
    connection: Connection, table: str, columns: Mapping[str, str], rows: Iterable[Row]
) -> None:
    """Puts the rows in the place of all that the table holds, in the caller's transaction."""
    name = sql.Identifier(SCHEMA, table)
    definitions = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(theirs), sql.SQL(_TYPES.get(ours, "text")))
        for ours, theirs in columns.items()
    )
    buffer = io.StringIO()
    _write_rows(buffer, columns, rows)
    buffer.seek(0)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(SCHEMA)))
        cursor.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})").format(name, definitions))
        cursor.execute(sql.SQL("DELETE FROM {}").format(name))
        copy = sql.SQL("COPY {} FROM STDIN WITH (FORMAT csv, HEADER)").format(name)
        cursor.copy_expert(copy, buffer)
