"""When two decisions say the same to the exchange."""


def same_words(one: str, other: str, *, candidate: bool = False) -> str:
    """The condition, as SQL, that two decisions by these aliases say the same of one policy.

    They answer the same enrollment with the same words, for the same request, ids or end to be
    taken back. `candidate`: the other one is a candidate, which has a column `reason`. The policy
    and the partner are not compared.
    """
    reason = "reason" if candidate else "additional_maintenance_reason"
    evidence = " ".join(
        f"AND {one}.evidence -> '{name}' IS NOT DISTINCT FROM {other}.evidence -> '{name}'"
        for name in ("request", "ids", "reverses")
    )
    return (
        f"{one}.event_id = {other}.event_id AND {one}.kind = {other}.kind"
        f" AND {one}.additional_maintenance_reason = {other}.{reason}"
        f" AND {one}.coverage_end IS NOT DISTINCT FROM {other}.coverage_end {evidence}"
    )


def let_out(alias: str) -> str:
    """The condition, as SQL, that a person's word lets a decision be said again.

    The word is about the last attempt to say the same, and lets out those before it.
    """
    return f"""EXISTS (
  SELECT FROM book.decision l
  WHERE l.exchange_policy_id = {alias}.exchange_policy_id AND l.partner_id = {alias}.partner_id
    AND l.again_by IS NOT NULL AND l.decision_id >= {alias}.decision_id
    AND {same_words("l", alias)}
)"""


def undone(alias: str) -> str:
    """The condition, as SQL, that we have unsaid ourselves what a sent decision says.

    An end, by taking it back because its payment came to light; ids, by telling others. What the
    carrier asked to take back, or the exchange took back, is not undone: that goes before what
    follows from payments, also when a later end is taken back because of one.
    """
    return f"""EXISTS (
  SELECT FROM book.decision u
  WHERE u.exchange_policy_id = {alias}.exchange_policy_id AND u.partner_id = {alias}.partner_id
    AND u.event_id = {alias}.event_id AND u.state = 'sent'
    AND u.decision_id > {alias}.decision_id
    AND CASE WHEN {alias}.kind IN ('cancellation', 'termination') THEN u.rule = 'paid-in-time'
        AND NOT EXISTS (
          SELECT FROM book.event_set o JOIN book.event_set r
            ON r.exchange_policy_id = o.exchange_policy_id AND r.partner_id = o.partner_id
            AND r.transaction IN ('reinstatement', 'issuer_reinstatement') AND r.state = 'applied'
            AND r.moment > o.moment AND r.moment < u.evidence ->> 'reverses'
          WHERE o.file_id = {alias}.sent_file_id AND o.set_ordinal = {alias}.set_ordinal)
      ELSE {alias}.kind = 'maintenance' AND u.kind = 'maintenance' END
)"""
