"""Signing in and out: by password for local accounts, or by an OpenID provider."""

from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from console import sessions
from console.accounts import TRIES_MINUTES, TooManyTries, account_by_password, keep_guest
from console.visits import FORM_COOKIE, SESSION_COOKIE, Admitted, Visit, set_cookie
from schemas.errors import EnrollmentError, Terminal

router = APIRouter()

_OPENID_COOKIE = "__Host-edi834-openid"
_OPENID_SECONDS = 600
_WRONG = "Name or password is wrong, or the account is disabled."
_TOO_MANY = f"Too many tries. Wait {TRIES_MINUTES} minutes, or ask an administrator."


@router.get("/sign-in")
def form(visit: Admitted) -> Response:
    """The form of sign-in."""
    return _form(visit)


def _form(visit: Visit, sentence: str = "", status: int = 200) -> Response:
    token = visit.request.cookies.get(FORM_COOKIE) or sessions.new_token()
    shown = Visit(visit.request, visit.console, None, token, visit.endpoint)
    answer = shown.page(
        "sign_in.html", status=status, sentence=sentence, provider=visit.console.provider
    )
    set_cookie(answer, FORM_COOKIE, token)
    return answer


@router.post("/sign-in")
def sign_in(visit: Admitted) -> Response:
    """Begins a session, when name and password are those of a local account."""
    name, password = visit.form.get("name", "").strip(), visit.form.get("password", "")
    try:
        with visit.acting() as conn:
            found = account_by_password(conn, name, password, _browser(visit))
    except TooManyTries:
        return _form(visit, _TOO_MANY, 429)
    if found is None:
        return _form(visit, _WRONG, 403)
    return _begin(visit, found)


def _browser(visit: Visit) -> str | None:
    """The browser's address; None behind a proxy that does not name it, or is not believed.

    There everybody comes from the proxy: by its address one visitor would keep out all others.
    """
    address = visit.request.client.host if visit.request.client else None
    if visit.house.settings.console.public_url is None:
        return address
    named = ",".join(visit.request.headers.getlist("x-forwarded-for"))
    return address if address and address in named else None


def _begin(visit: Visit, account_id: int) -> Response:
    with visit.acting() as conn:
        token = sessions.begin(conn, account_id)
    answer = RedirectResponse("/", status_code=303)
    set_cookie(answer, SESSION_COOKIE, token)
    answer.delete_cookie(FORM_COOKIE, secure=True, httponly=True, samesite="lax")
    return answer


@router.get("/sign-in/openid")
def to_provider(visit: Admitted) -> Response:
    """On to the OpenID provider."""
    provider = visit.console.provider
    if provider is None:
        raise Terminal("No OpenID provider is set up. Sign in by name and password.")
    begun = provider.begin(_way_back(visit.request, visit))
    answer = RedirectResponse(begun.url, status_code=303)
    set_cookie(answer, _OPENID_COOKIE, begun.kept, _OPENID_SECONDS)
    return answer


@router.get("/sign-in/answer")
def from_provider(visit: Admitted) -> Response:
    """Begins a session for whom the provider vouches."""
    provider = visit.console.provider
    if provider is None:
        raise Terminal("No OpenID provider is set up. Sign in by name and password.")
    kept = visit.request.cookies.get(_OPENID_COOKIE, "")
    back = _way_back(visit.request, visit)
    try:
        vouched = provider.finish(back, kept, f"{back}?{visit.request.url.query}")
        with visit.acting() as conn:
            account_id = keep_guest(
                conn, provider.settings.issuer, vouched.subject, vouched.name, vouched.grant
            )
    except EnrollmentError as error:
        return _form(visit, str(error), 403)
    answer = _begin(visit, account_id)
    answer.delete_cookie(_OPENID_COOKIE, secure=True, httponly=True, samesite="lax")
    return answer


def _way_back(request: Request, visit: Visit) -> str:
    public = visit.house.settings.console.public_url
    if public is None:
        parts = urlsplit(str(request.url))
        public = f"{parts.scheme}://{parts.netloc}"
    return f"{public.rstrip('/')}/sign-in/answer"


@router.post("/sign-out")
def sign_out(visit: Admitted) -> Response:
    """Ends the session."""
    with visit.acting() as conn:
        sessions.end(conn, visit.person.session_id)
    answer = visit.go("/sign-in", "You are signed out.")
    answer.delete_cookie(SESSION_COOKIE, secure=True, httponly=True, samesite="lax")
    return answer


@router.get("/health")
def health(visit: Admitted) -> Response:
    """Whether the console and its database answer."""
    with visit.reading() as conn:
        conn.execute(sa.select(1))
    return PlainTextResponse("well\n")
