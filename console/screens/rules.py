"""The rules: what each one says, where it comes from, and what it found in the last nights."""

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from console.visits import Admitted, Visit
from pipeline.rules_command import LEVELS, answer, facts, in_order, sentence
from schemas.catalog import Rule, load_rules

router = APIRouter()

_KEPT = """
SELECT what_if_id, partner_id, since, until, person, asked_at, reason, changes, totals
FROM ledger.what_if
WHERE partner_id = ANY(:partners) AND what_if_id < coalesce(:before, 9223372036854775807)
ORDER BY what_if_id DESC LIMIT :limit
"""
_ONE_KEPT = """
SELECT * FROM ledger.what_if WHERE what_if_id = :what_if_id AND partner_id = ANY(:partners)
"""
_KEPT_SHOWN = 10
_PAGE = 50

NIGHTS = 30  # runs of which hits are counted
_SEVERITIES = ("reject", "error", "warning", "info")

# The files of the last runs, by their index; then their issues, by the key of the issues.
_RECENT = """
WITH recent AS (
  SELECT file_id, partner_id, name, recorded_at FROM ledger.file
  WHERE run_id > (SELECT max(run_id) FROM ledger.run) - :nights AND partner_id = ANY(:partners)
)
"""
_HITS = f"""{_RECENT}
SELECT i.rule, sum(i.hits) AS hits, count(*) AS files
FROM recent CROSS JOIN LATERAL (SELECT rule, count(*) AS hits FROM ledger.issue i
  WHERE i.file_id = recent.file_id GROUP BY rule) i
GROUP BY i.rule
"""  # noqa: S608
_WHERE = f"""{_RECENT}
SELECT r.file_id, r.name, r.partner_id, r.recorded_at, i.hits
FROM recent r CROSS JOIN LATERAL (SELECT count(*) AS hits FROM ledger.issue i
  WHERE i.file_id = r.file_id AND i.rule = :rule) i
WHERE i.hits > 0 ORDER BY r.file_id DESC LIMIT 20
"""  # noqa: S608


@router.get("/rules")
def rules(visit: Admitted) -> Response:
    """All rules by SNIP type, or those that the address asks for."""
    asked = {
        name: visit.request.query_params.get(name, "").strip()
        for name in ("search", "severity", "hit")
    }
    hits = {row.rule: row for row in visit.ask(_HITS, nights=NIGHTS)}
    found = [rule for rule in load_rules().values() if _is_asked(rule, asked)]
    if asked["hit"]:
        found = [rule for rule in found if rule.id in hits]
    levels = [
        (title, [rule for rule in in_order(found) if rule.snip == level])
        for level, title in LEVELS.items()
    ]
    return visit.page(
        "rules.html",
        asked=asked,
        severities=_SEVERITIES,
        levels=[(title, chosen) for title, chosen in levels if chosen],
        count=len(found),
        hits=hits,
        nights=NIGHTS,
        answer=answer,
        sentence=sentence,
        kept=visit.ask(_KEPT, before=None, limit=_KEPT_SHOWN),
    )


@router.get("/what-ifs")
def what_ifs(visit: Admitted, before: int | None = None) -> Response:
    """All answers that were kept, the newest first."""
    found = visit.ask(_KEPT, before=before, limit=_PAGE + 1)
    pages = {
        "first": "/what-ifs" if before else "",
        "next": f"/what-ifs?before={found[_PAGE - 1].what_if_id}" if len(found) > _PAGE else "",
    }
    return visit.page("what_ifs.html", kept=found[:_PAGE], pages=pages)


@router.get("/what-ifs/{what_if_id}")
def what_if(visit: Admitted, what_if_id: int) -> Response:
    """What changed rules would have done: in sum, and by rule."""
    asked = visit.find(_ONE_KEPT, what_if_id=what_if_id)
    return visit.page("what_if.html", asked=asked, known=load_rules())


def _is_asked(rule: Rule, asked: dict[str, str]) -> bool:
    text = f"{rule.id} {rule.wording} {rule.source} {answer(rule)}".lower()
    return asked["search"].lower() in text and asked["severity"] in ("", rule.severity)


@router.get("/rules/{rule_id}")
def rule(visit: Admitted, rule_id: str) -> Response:
    """One rule as a whole, with its examples and the files that broke it last."""
    shown = load_rules().get(rule_id)
    if shown is None:
        raise HTTPException(404)
    return visit.page(
        "rule.html",
        rule=shown,
        sentence=sentence(shown),
        facts=list(facts(shown)),
        files=_where(visit, rule_id),
        nights=NIGHTS,
    )


def _where(visit: Visit, rule_id: str) -> list[object]:
    return visit.ask(_WHERE, nights=NIGHTS, rule=rule_id)
