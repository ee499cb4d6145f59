"""The application: every screen, what stands before them, and the pages of what goes wrong."""

from collections.abc import Iterable
from importlib import resources

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException as StarletteException
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from console.access import load_access
from console.defects import Defects
from console.headers import Headers
from console.openid import Provider
from console.pages import Pages
from console.screens import (
    account,
    accounts,
    again,
    disputes,
    evidence,
    files,
    held,
    looked_at,
    metrics,
    pairs,
    partners,
    policies,
    reconciliation,
    reveal,
    rules,
    sign_in,
    signing,
    tonight,
    triage,
    views,
)
from console.visits import Console, Visit, admit
from pipeline.wiring import House
from schemas.errors import EnrollmentError, Terminal

SCREENS = (
    *(disputes, pairs, views),  # before triage, whose addresses hold theirs
    *(tonight, files, held, triage, reconciliation, evidence, signing, rules),
    *(policies, looked_at),
    *(partners, again),
    *(sign_in, account, accounts, reveal, metrics),
)

_SAID = {
    401: "You have been signed out, as nothing happened for a while. Sign in again.",
    403: "Your roles do not allow this. An administrator of the console can change them.",
    404: "There is no such page, or it is about a partner that you do not see.",
    405: "There is no such page.",
    413: "That form was too large.",
}


def build_app(house: House) -> FastAPI:
    """The console over a house whose engine works as the console's role.

    Raises Terminal when a route has no row in `access.toml`, or a row no route.
    """
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(admit)],
        redirect_slashes=False,
    )
    known = house.settings.console.openid
    app.state.console = Console(house, load_access(), Pages(), Provider(known) if known else None)
    for screen in SCREENS:
        app.include_router(screen.router)
    app.state.console.access.require(endpoints(app))
    static = StaticFiles(directory=str(resources.files("console").joinpath("static")))
    app.mount("/static", static, name="static")
    app.add_exception_handler(StarletteException, _refused)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(EnrollmentError, _failed)
    app.add_middleware(Defects, answer=_broken)
    app.add_middleware(Headers)
    return app


def endpoints(app: FastAPI) -> Iterable[str]:
    """`METHOD /path` of everything that is served, but for static files."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            yield from (f"{method} {route.path}" for method in route.methods or ())


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException | StarletteException) else 404
    visit = getattr(request.state, "visit", None)
    if status == 401 and request.method == "GET":
        return RedirectResponse("/sign-in", status_code=303)
    detail = error.detail if isinstance(error, HTTPException) else ""
    said = detail if detail and status == 403 and " " in detail else _SAID.get(status, _SAID[404])
    return await run_in_threadpool(_page, request, visit, status, said)


async def _failed(request: Request, error: Exception) -> Response:
    """A failure of ours or of a person's: said on a page, and nothing is changed."""
    status = 409 if isinstance(error, Terminal) else 503
    return await run_in_threadpool(_page, request, _visit(request), status, str(error))


async def _broken(request: Request, kind: str) -> Response:
    """A defect of ours: its kind only, as the message may hold a value."""
    said = (
        f"Something is wrong with this page ({kind}). Nothing was changed, and the log says more."
    )
    return await run_in_threadpool(_page, request, _visit(request), 500, said)


def _visit(request: Request) -> Visit | None:
    return getattr(request.state, "visit", None)


def _page(request: Request, visit: Visit | None, status: int, said: str) -> Response:
    shown = visit or Visit(request, request.app.state.console, None, "", "")
    return shown.page("refused.html", status=status, sentence=said)
