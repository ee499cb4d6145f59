"""The figures that are watched, for Prometheus: no page, and no session."""

import hmac

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from console.visits import Admitted, Visit
from pipeline.exposition import CONTENT_TYPE, exposition
from pipeline.figures import figures

router = APIRouter()

_LOOPBACK = ("127.0.0.1", "::1")
_BEARER = "Bearer "


@router.get("/metrics")
def metrics(visit: Admitted) -> Response:
    """The figures, for whoever brings the token of the settings.

    Without that setting this machine may read them, as long as no proxy stands before the console,
    behind which everybody comes from this machine.
    """
    if not _may_read(visit.request, visit):
        raise HTTPException(403)
    return Response(exposition(figures(visit.house)), media_type=CONTENT_TYPE)


def _may_read(request: Request, visit: Visit) -> bool:
    known = visit.house.settings.console
    if known.metrics_token is not None:
        given = request.headers.get("authorization", "")
        token = known.metrics_token.get_secret_value()
        return given.startswith(_BEARER) and hmac.compare_digest(
            given.removeprefix(_BEARER).encode(), token.encode()
        )
    client = request.client.host if request.client else ""
    return known.public_url is None and client in _LOOPBACK
