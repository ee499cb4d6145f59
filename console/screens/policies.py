"""One policy: what was believed of it, of which day and when, and the files that told it."""

from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from console.timeline import months_of, timeline
from console.visits import Admitted, Visit
from enrollment.believed import PolicyKey
from enrollment.finding import policies_of_member
from enrollment.told import ToldSet
from pipeline.book_answer import Answer, Question
from pipeline.book_decisions import decision_lines
from pipeline.book_words import clock_of, effect_of, name_of, state_of

router = APIRouter()

_TODAY = sa.text("SELECT CAST(now() AT TIME ZONE 'UTC' AS date)")
_ID_MOST = 50  # characters of an exchange's id

_OF_ID = """
SELECT DISTINCT partner_id, exchange_policy_id FROM book.event_set
WHERE exchange_policy_id = :id AND partner_id = ANY(:partners) ORDER BY 1
"""
_LAST = """
SELECT partner_id, exchange_policy_id, transaction, state, file_id FROM book.event_set
WHERE partner_id = ANY(:partners) ORDER BY file_id DESC, set_ordinal DESC LIMIT 20
"""
# What is due as the last file of a month was compared with it; what was paid, by all of them.
_MONEY = """
SELECT m.month, m.amount_type, (array_agg(m.expected ORDER BY m.file_id DESC))[1] AS due,
  sum(m.payments + m.charges) AS paid, count(DISTINCT m.file_id) AS files,
  (array_agg(m.category ORDER BY m.file_id DESC))[1] AS category,
  (array_agg(m.difference ORDER BY m.file_id DESC))[1] AS difference,
  max(m.file_id) AS file_id,
  (array_agg(m.byte_start ORDER BY m.file_id DESC))[1] AS byte_start,
  (array_agg(m.byte_end ORDER BY m.file_id DESC))[1] AS byte_end
FROM reconciliation.premium_month m JOIN reconciliation.premium_file f USING (file_id)
WHERE m.exchange_policy_id = :policy AND f.partner_id = :partner
  AND f.partner_id = ANY(:partners)
GROUP BY m.month, m.amount_type ORDER BY m.month DESC NULLS LAST, m.amount_type LIMIT 60
"""


@router.get("/policies")
def policies(visit: Admitted) -> Response:
    """The policies of an id: of the policy, or of a member who stands on them."""
    asked = visit.request.query_params.get("id", "").strip()[:_ID_MOST]
    found = visit.ask(_OF_ID, id=asked) if asked else []
    with visit.reading() as conn:
        rows = policies_of_member(conn, asked, None, None) if asked and not found else []
    of_member = visit.mine(rows, lambda row: str(row["partner_id"]))
    last = [] if asked else visit.ask(_LAST)
    return visit.page("policies.html", asked=asked, found=found, of_member=of_member, last=last)


@router.get("/policies/{partner_id}/{policy}")
def policy(visit: Admitted, partner_id: str, policy: str) -> Response:
    """The policy on the day, and as believed at the moment, that the sliders ask about."""
    if partner_id not in visit.partners:
        raise HTTPException(404)
    key = PolicyKey(policy, partner_id)
    with visit.reading() as conn:
        today = conn.execute(_TODAY).scalar_one()
        now = Answer.to(conn, Question(key, today))
        if not now.told:
            raise HTTPException(404)
        months = months_of(now)
        belief, month = (
            _place(visit, "belief", len(now.learnt)),
            _place(visit, "month", len(months)),
        )
        known_at = now.learnt[belief - 1].row["known_from"] if belief else None
        valid_on = months[month - 1] if month else None
        asked = Question(key, today, valid_on, known_at)
        answer = Answer.to(conn, asked) if belief or month else now
    return visit.page(
        "policy.html",
        answer=answer,
        policy=answer.belief.policy,
        beliefs=now.learnt,
        months=months,
        belief=belief,
        month=month,
        drawing=timeline(answer) if answer.belief.policy else None,
        told=[_told(answer, one) for one in answer.told],
        decisions=[list(decision_lines(row)) for row in answer.decisions],
        number_of=answer.number_of,
        holds=answer.holds,
        money=_money(visit, key),
    )


def _money(visit: Visit, key: PolicyKey) -> list[Any]:
    """What was due and what the exchange paid, month by month, with the file that said so last."""
    asked = {"policy": key.exchange_policy_id, "partner": key.partner_id}
    return visit.ask(_MONEY, **asked)


def _place(visit: Visit, name: str, most: int) -> int:
    """Where a slider stands: 0 asks about nothing in particular."""
    given = visit.request.query_params.get(name, "")
    digits = given.isascii() and given.isdigit()
    return min(int(given[:9]), most) if digits else 0


def _told(answer: Answer, one: ToldSet) -> dict[str, object]:
    first = one.events[0] if one.events else None
    return {
        "number": one.number,
        "name": name_of(one),
        "clock": clock_of(one),
        "state": state_of(answer, one),
        "effect": effect_of(answer, one, "→"),
        "waits": one.waits,
        "file_id": one.row["file_id"],
        "file_name": one.row["file_name"],
        "set": one.row["set_ordinal"],
        "bytes": f"{one.row['file_id']}-{first['byte_start']}-{first['byte_end']}" if first else "",
    }
