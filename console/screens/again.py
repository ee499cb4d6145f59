"""One file judged again beside the verdict that stands, and its way out of the quarantine."""

from fastapi import APIRouter
from starlette.responses import Response

from console.screens.files import FILE
from console.visits import Admitted, Visit
from ledger.corrections import Word
from pipeline.judged_twice import ACCEPTED, REJECTED
from pipeline.releases import let_in, try_release
from pipeline.reprocess import Again, Basis, reprocess
from pipeline.reprocess_report import changes, figures, heading
from schemas.errors import Terminal

router = APIRouter()

_SHOWN = 50
_BYTES_MOST = 25_000_000  # what a page judges while somebody waits for it
_BASES: dict[str, Basis] = {"then": "then", "today": "today", "released": "released"}


@router.get("/files/{file_id}/again")
def again(visit: Admitted, file_id: int) -> Response:
    """The file by the rules of its day, of today, or without the rule that set it apart."""
    row = _small(visit, file_id)
    basis = _BASES.get(visit.request.query_params.get("rules", "today"), "today")
    told = reprocess(visit.house, file_id, basis)
    members = told.members.slice(0, _SHOWN).to_pylist()
    return visit.page(
        "again.html",
        file=row,
        again=told,
        heading=heading(told),
        figures=figures(told),
        changes=changes(told),
        answers=told.answers.slice(0, _SHOWN).to_pylist(),
        issues=_issues(told),
        members=members,
        words={ACCEPTED: "accepted now", REJECTED: "rejected now"},
        most=_SHOWN,
    )


def _issues(told: Again) -> list[dict[str, object]]:
    both = (("new", told.new_issues), ("no longer", told.gone_issues))
    return [
        row | {"change": word}
        for word, issues in both
        for row in issues.slice(0, _SHOWN).to_pylist()
    ]


@router.post("/files/{file_id}/release")
def release(visit: Admitted, file_id: int) -> Response:
    """Lets the next night take the file in without the rule that set it apart."""
    word = Word(visit.person.name, visit.account, visit.reason)
    _small(visit, file_id)
    tried = try_release(visit.house, file_id)
    with visit.acting() as conn:
        let_in(conn, tried, word)
    return visit.go(f"/files/{file_id}", f"File {file_id} is released. The next night takes it in.")


def _small(visit: Visit, file_id: int) -> object:
    """The file's row. Raises Terminal when judging it takes longer than a page may."""
    row = visit.find(FILE, file_id=min(file_id, 2**62))
    if row.size_bytes > _BYTES_MOST:
        raise Terminal(
            f"File {file_id} has {row.size_bytes:,} bytes: too many to be judged while a page "
            f"waits. `edi834 files reprocess {file_id}` does it, `edi834 files release` lets it in."
        )
    return row
