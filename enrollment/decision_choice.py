"""Which candidate of each policy is decided, and what that changes among its decisions.

A candidate falls when the exchange does not take it as the policy stands (its table 16), when its
end may not be sent yet or any more, and when the same has been said, or refused by persons. Of the
others the strongest rule is decided. Unsent decisions are compared with that: the same one keeps
its id and its state, one that no longer follows is withdrawn.
"""

import sqlalchemy as sa

from enrollment.decision_requests import CANNOT_REINSTATE, OUTSIDE_WINDOW
from enrollment.decision_words import let_out, same_words, undone

# What was rejected may be said again when something newer has come from the exchange since, which
# an audit is not, when a person says so (of the last attempt, which lets out those before it), or
# when the exchange could not read the interchange: then the words were not at fault. What persons
# refused is said again when a person says so.
_SAME = same_words("d", "c", candidate=True)

_ATTEMPTS = 3  # to have an interchange read, before a person has to look

_SAID = f"""EXISTS (
  SELECT FROM book.decision d
  LEFT JOIN ledger.file f ON f.file_id = d.sent_file_id
  WHERE d.exchange_policy_id = c.exchange_policy_id AND d.partner_id = :partner_id
    AND d.state IN ('sent', 'refused', 'rejected') AND {_SAME}
    AND NOT (d.state = 'sent' AND {undone("d")})
    AND NOT (d.state <> 'sent' AND {let_out("d")})
    AND NOT (d.state = 'rejected' AND (d.rejected_by = 'interchange' AND (
        SELECT count(*) FROM book.decision a
        WHERE a.exchange_policy_id = d.exchange_policy_id AND a.partner_id = d.partner_id
          AND a.kind = d.kind AND a.event_id = d.event_id AND a.rejected_by = 'interchange'
      ) < {_ATTEMPTS}
      OR EXISTS (
        SELECT FROM book.event_set e JOIN ledger.file n ON n.file_id = e.file_id
        WHERE e.exchange_policy_id = c.exchange_policy_id AND e.partner_id = :partner_id
          AND e.state = 'applied' AND e.transaction <> 'audit'
          AND n.direction = 'exchange_to_issuer'
          AND n.recorded_at > f.recorded_at
    )))
)"""

_CHOSEN = sa.text(f"""
CREATE TEMPORARY TABLE chosen ON COMMIT DROP AS
SELECT DISTINCT ON (c.exchange_policy_id) c.*
FROM (
  SELECT c.*, s.event_id, s.standing, s.benefit_begin, s.benefit_end, s.year_end,
    s.insurance_line, r.kind, r.place, a.end_earlier
  FROM candidate c
  JOIN standing s USING (exchange_policy_id)
  JOIN decision_rule r USING (rule)
  JOIN decision_accepts a ON a.kind = r.kind AND a.standing = s.standing
) c
WHERE NOT (c.end_earlier AND c.coverage_end >= coalesce(c.benefit_end, 'infinity'))
  AND (c.kind <> 'termination'
    OR NOT {OUTSIDE_WINDOW.format(reason="c.reason", end="c.coverage_end", aptc="c.aptc")})
  AND (c.rule <> 'paid-in-time' OR {CANNOT_REINSTATE} IS NULL)
  AND NOT {_SAID}
ORDER BY c.exchange_policy_id, c.place
""")

_WITHDRAW = sa.text(f"""
UPDATE book.decision d SET state = 'withdrawn', obstacle = NULL
WHERE d.partner_id = :partner_id AND d.state IN ('open', 'held', 'released')
  AND NOT EXISTS (
    SELECT FROM chosen c WHERE c.exchange_policy_id = d.exchange_policy_id AND {_SAME}
  )
""")

_FIGURES = "rule, responsible_amount, paid_amount, paid_on, paid_through, evidence"
_OF_DECISION, _OF_CHOSEN = (
    ", ".join(f"{alias}.{name}" for name in _FIGURES.split(", ")) for alias in ("d", "c")
)
_RENEW = sa.text(f"""
UPDATE book.decision d
SET ({_FIGURES}) = ROW({_OF_CHOSEN})
FROM chosen c
WHERE d.partner_id = :partner_id AND d.state IN ('open', 'held', 'released')
  AND c.exchange_policy_id = d.exchange_policy_id
  AND ({_OF_DECISION}) IS DISTINCT FROM ({_OF_CHOSEN})
""")

_MAKE = sa.text(f"""
INSERT INTO book.decision (partner_id, exchange_policy_id, kind, additional_maintenance_reason,
  event_id, coverage_end, run_id, state, {_FIGURES})
SELECT :partner_id, c.exchange_policy_id, c.kind, c.reason, c.event_id, c.coverage_end, :run_id,
  'open', {_OF_CHOSEN}
FROM chosen c
WHERE NOT EXISTS (
  SELECT FROM book.decision d
  WHERE d.exchange_policy_id = c.exchange_policy_id AND d.partner_id = :partner_id
    AND d.state IN ('open', 'held', 'released')
)
ORDER BY c.exchange_policy_id
""")

CHOOSE = (
    sa.text("ANALYZE candidate (exchange_policy_id, rule)"),
    _CHOSEN,
    sa.text("ANALYZE chosen (exchange_policy_id, event_id)"),
)
WITHDRAW, RENEW, MAKE = _WITHDRAW, _RENEW, _MAKE
