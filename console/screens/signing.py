"""An auditor's own work: samples that can be drawn again, and periods that two persons sign."""

from typing import Any

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from console.report_filters import filters_of
from console.visits import Admitted, Visit
from ledger.sign_offs import SignedPeriod, Signer, signed_periods
from pipeline.signing import (
    changed_since,
    prepare_period,
    require_period,
    review_period,
    take_signed,
)
from pipeline.taking_samples import take_sample
from reconciliation.samples import POPULATIONS, Draw
from schemas.errors import Terminal
from schemas.persons import is_same_person

router = APIRouter()

_MOST = 1_000  # rows of a sample on a page


@router.get("/reconciliation/sample")
def sample(visit: Admitted) -> Response:
    """The form."""
    return _sample_page(visit, visit.request.query_params, None)


@router.post("/reconciliation/sample")
def draw(visit: Admitted) -> Response:
    """The sample, once the audit trail has who draws it."""
    filters = filters_of(visit, visit.form)
    size, seed = visit.form.get("n", ""), visit.form.get("seed", "").strip()
    if not (size.isascii() and size.isdigit() and 0 < int(size[:18]) <= _MOST):
        raise Terminal(f"A sample has 1 to {_MOST:,} rows. Nothing was drawn.")
    if not seed:
        raise Terminal("A sample needs a seed, so that it can be drawn again. Nothing was drawn.")
    population = visit.form.get("population", "")
    drawn = Draw(population, filters.asked, seed[:80], int(size[:18]), filters.line or None)
    found = take_sample(visit.house, drawn, _signer(visit))
    return _sample_page(visit, visit.form, {"draw": drawn, "sample": found})


def _sample_page(visit: Visit, given: Any, drawn: dict[str, Any] | None) -> Response:
    return visit.page(
        "sample.html",
        filters=filters_of(visit, given),
        populations=list(POPULATIONS),
        population=given.get("population", "members"),
        seed=given.get("seed", ""),
        n=given.get("n", "25"),
        drawn=drawn,
    )


@router.get("/reconciliation/periods")
def periods(visit: Admitted) -> Response:
    """What is signed, and by whom."""
    with visit.reading() as conn:
        found = signed_periods(conn, visit.partners) if visit.partners else []
    return visit.page(
        "periods.html", periods=found, filters=filters_of(visit, visit.request.query_params)
    )


@router.post("/reconciliation/periods")
def prepare(visit: Admitted) -> Response:
    """Freezes the report of a partner's days, signed by its preparer."""
    filters = filters_of(visit, visit.form)
    if not filters.partner:
        raise Terminal("A period is one partner's. Choose one; nothing was signed.")
    number = prepare_period(visit.house, filters.asked, _signer(visit), visit.reason)
    return visit.go(f"/reconciliation/periods/{number}", "Prepared. Another person reviews it.")


@router.get("/reconciliation/periods/{period_id}")
def period(visit: Admitted, period_id: int) -> Response:
    """One period: who signed which bytes, and, when asked, what its figures are by now.

    To compare, the whole report is made again. Whoever signs has that done, asked or not.
    """
    one, changed = _mine(visit, period_id), None
    if visit.request.query_params.get("compare"):
        with visit.reading() as conn:
            changed = changed_since(visit.house, conn, one)
    me = (visit.person.name, visit.account)
    is_own = is_same_person(*me, one.prepared_by, one.prepared_account)
    return visit.page("period.html", period=one, changed=changed, is_own=is_own)


@router.post("/reconciliation/periods/{period_id}/report")
def report(visit: Admitted, period_id: int) -> Response:
    """The bytes that were signed; the audit trail has who took them."""
    one = _mine(visit, period_id)
    headers = {"Content-Disposition": f'attachment; filename="period-{period_id}.json"'}
    content = take_signed(visit.house, one, _signer(visit))
    return Response(content, media_type="application/json", headers=headers)


@router.post("/reconciliation/periods/{period_id}")
def review(visit: Admitted, period_id: int) -> Response:
    """The reviewer's signature."""
    _mine(visit, period_id)
    review_period(visit.house, period_id, _signer(visit), visit.reason)
    return visit.go(f"/reconciliation/periods/{period_id}", "Signed.")


def _mine(visit: Visit, period_id: int) -> SignedPeriod:
    """The period, when it is one of the person's partners."""
    with visit.reading() as conn:
        try:
            one = require_period(conn, period_id)
        except Terminal as unknown:
            raise HTTPException(404) from unknown
    if one.partner_id not in visit.partners:
        raise HTTPException(404)
    return one


def _signer(visit: Visit) -> Signer:
    return Signer(visit.person.name, visit.account)
