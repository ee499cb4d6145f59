"""SNIP 7: what the companion guide and the trading partner's file say of the envelope."""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

import pyarrow as pa

from parsers.envelope import Envelope
from schemas.limits import load_limits
from schemas.partners import Exchange, Partner
from validators.envelope_rules import Fault, issue_at, issue_table

_PAYMENTS = "RA"  # GS01 of the 820


def find_partner_faults(
    envelope: Envelope, partner: Partner, exchange: Exchange, other_receivers: Collection[str]
) -> pa.Table:
    """Issues of interchanges and groups that this partner's exchange would not send to us.

    Args:
        envelope: The envelope of the file.
        partner: Whose mailbox the file came from.
        exchange: The partner's exchange.
        other_receivers: Trading partner ids of our other partnerships.
    """
    issues = [
        issue_at(envelope, fault, "interchange_ordinal")
        for row in envelope.interchanges.to_pylist()
        for fault in _interchange_faults(row, partner, exchange, other_receivers)
    ]
    issues += [  # GS02 and GS03 of a HIX 820 name payer and payee, and are not agreed on
        issue_at(envelope, fault, "group_ordinal")
        for row in envelope.functional_groups.to_pylist()
        for fault in _group_faults(row, partner)
        if row["functional_identifier"] != _PAYMENTS
    ]
    return issue_table(issues)


def _interchange_faults(
    row: dict[str, object],
    partner: Partner,
    exchange: Exchange,
    other_receivers: Collection[str],
) -> Iterable[Fault]:
    if row["sender_id"] != exchange.interchange.exchange_id:
        yield Fault("sender-unknown", "ISA", row)
    if row["receiver_id"] in other_receivers:
        yield Fault("receiver-of-another-mailbox", "ISA", row)
    elif row["receiver_id"] != partner.trading_partner_id:
        yield Fault("receiver-unknown", "ISA", row)
    if row["usage_indicator"] in ("P", "T") and row["usage_indicator"] != partner.usage_indicator:
        yield Fault("usage-not-agreed", "ISA", row)


def find_far_dates(envelope: Envelope, day: date | None) -> pa.Table:
    """Issues of interchanges written long before or after the day; without a day there are none.

    An ISA09 that is no date has a rule of its own.
    """
    days = timedelta(days=load_limits().interchange_date_days)
    issues = []
    for row in envelope.interchanges.to_pylist():
        written = _date_of(row)
        if day is not None and written is not None and abs(written - day) > days:
            fault = Fault("interchange-date-far", "ISA", row)
            issues.append(issue_at(envelope, fault, "interchange_ordinal"))
    return issue_table(issues)


def _date_of(row: dict[str, object]) -> date | None:
    try:
        return datetime.strptime(str(row["date"]), "%y%m%d").date()
    except ValueError:
        return None


def _group_faults(row: dict[str, object], partner: Partner) -> Iterable[Fault]:
    if row["sender_code"] != partner.tenant_id:
        yield Fault("group-sender-unknown", "GS", row)
    if row["receiver_code"] not in {plan.plan_id for plan in partner.plans}:
        yield Fault("group-plan-unknown", "GS", row)
