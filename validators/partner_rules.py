"""SNIP 7: what the companion guide and the trading partner's file say of the envelope."""

from collections.abc import Iterable

import pyarrow as pa

from parsers.envelope import Envelope
from schemas.partners import Exchange, Partner
from validators.envelope_rules import Fault, issue_at, issue_table


def find_partner_faults(envelope: Envelope, partner: Partner, exchange: Exchange) -> pa.Table:
    """Issues of interchanges and groups that this partner's exchange would not send to us."""
    issues = [
        issue_at(envelope, fault, "interchange_ordinal")
        for row in envelope.interchanges.to_pylist()
        for fault in _interchange_faults(row, partner, exchange)
    ]
    issues += [
        issue_at(envelope, fault, "group_ordinal")
        for row in envelope.functional_groups.to_pylist()
        for fault in _group_faults(row, partner)
    ]
    return issue_table(issues)


def _interchange_faults(
    row: dict[str, object], partner: Partner, exchange: Exchange
) -> Iterable[Fault]:
    if row["sender_id"] != exchange.interchange.exchange_id:
        yield Fault("sender-unknown", "ISA", row)
    if row["receiver_id"] != partner.trading_partner_id:
        yield Fault("receiver-unknown", "ISA", row)
    if row["usage_indicator"] in ("P", "T") and row["usage_indicator"] != partner.usage_indicator:
        yield Fault("usage-not-agreed", "ISA", row)


def _group_faults(row: dict[str, object], partner: Partner) -> Iterable[Fault]:
    if row["sender_code"] != partner.tenant_id:
        yield Fault("group-sender-unknown", "GS", row)
    if row["receiver_code"] not in {plan.plan_id for plan in partner.plans}:
        yield Fault("group-plan-unknown", "GS", row)


def find_repeated_interchanges(envelope: Envelope, seen: frozenset[tuple[str, str]]) -> pa.Table:
    """Issues of interchanges whose (sender, control number) was received before.

    Args:
        envelope: The envelope of the file.
        seen: Pairs of ISA06 and ISA13 of earlier files. Within the file the first one counts.
    """
    known = set(seen)
    issues = []
    for row in envelope.interchanges.to_pylist():
        pair = (row["sender_id"], row["control_number"])
        if pair in known:
            fault = Fault("interchange-duplicate", "ISA", row)
            issues.append(issue_at(envelope, fault, "interchange_ordinal"))
        known.add(pair)
    return issue_table(issues)
