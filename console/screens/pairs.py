"""Pairs: a member of the book and a record of the carrier that share no id, merged or split."""

from fastapi import APIRouter
from starlette.responses import Response

from console.screens.files import number_of
from console.screens.triage_items import OF_COVERAGE
from console.visits import Admitted, Visit
from pipeline.matches_report import compared_records
from reconciliation.matches import MatchWord, read_match, say, waiting_for_second
from schemas.errors import Terminal
from schemas.matches import STATES

router = APIRouter()

_ROWS = 25
_PAGE = """
SELECT match_id, partner_id, book_policy_id, book_member_id, carrier_policy_id, carrier_member_id,
  how, state, weight, runner_up, first_seen
FROM reconciliation.match
WHERE state = :state AND partner_id = ANY(:partners) AND match_id > :after
ORDER BY match_id LIMIT :rows
"""
_MINE = """
SELECT match_id FROM reconciliation.match WHERE match_id = :number AND partner_id = ANY(:partners)
"""
_WORDS = {"merge": "accept", "split": "refuse"}


@router.get("/triage/pairs")
def pairs(visit: Admitted) -> Response:
    """Pairs of one state; without more those at which a person has to look."""
    asked = visit.request.query_params.get("state", "")
    state = asked if asked in STATES else "proposed"
    after = number_of(visit.request.query_params.get("after", ""))
    rows = visit.ask(_PAGE, state=state, after=after, rows=_ROWS + 1)
    shown = rows[:_ROWS]
    with visit.reading() as conn:
        waiting = waiting_for_second(conn, [row.match_id for row in shown])
    last = shown[-1].match_id if len(rows) > _ROWS else None
    return visit.page(
        "pairs.html",
        rows=shown,
        waiting=waiting,
        state=state,
        states=STATES,
        following=f"/triage/pairs?state={state}&after={last}" if last else "",
    )


@router.get("/triage/pairs/{match_id}")
def pair(visit: Admitted, match_id: int) -> Response:
    """Both records side by side, how alike they are and why, and what was said."""
    return _shown(visit, match_id)


def _shown(visit: Visit, match_id: int, *, status: int = 200, wrong: str = "") -> Response:
    visit.find(_MINE, number=match_id)
    with visit.reading() as conn:
        found = read_match(conn, match_id)
        waiting = waiting_for_second(conn, [match_id])
    assert found is not None
    row, words = found
    try:
        fields = compared_records(visit.house.settings.reports_folder, row)
    except Terminal as error:
        fields, wrong = [], wrong or str(error)
    return visit.page(
        "pair.html",
        status=status,
        row=row,
        words=words,
        fields=fields,
        asked_by=waiting.get(match_id),
        of_coverage=OF_COVERAGE,
        wrong=wrong,
    )


@router.post("/triage/pairs/{match_id}")
def speak(visit: Admitted, match_id: int) -> Response:
    """Merges the two records into one member, or keeps them apart."""
    visit.find(_MINE, number=match_id)
    version = visit.form.get("version", "")
    word = _WORDS.get(visit.form.get("word", ""))
    if word is None:
        raise Terminal("It is merged or split. Choose one of them.")
    try:
        said = MatchWord(word, visit.person.name, visit.account, visit.reason)
        with visit.acting() as conn:
            is_told = version.isascii() and version.isdigit()
            done = say(conn, [match_id], said, int(version[:9]) if is_told else None)
    except Terminal as error:
        return _shown(visit, match_id, status=409, wrong=str(error))
    told = "The next night goes by it." if done else "Another person must say so, too."
    return visit.go(f"/triage/pairs/{match_id}", f"Noted. {told}")
