"""A visit: one request of one person, with what the person may see, ask and do.

`admit` runs before every route and refuses what `access.toml` does not allow; a screen asks for it
by the annotation `Admitted`. All that a screen reads goes through `Visit.ask`, which binds the
partners that the person sees, so that no query can forget them.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, unquote

import sqlalchemy as sa
from fastapi import Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console import sessions
from console.access import Access
from console.accounts import ALL_PARTNERS
from console.openid import Provider
from console.pages import Pages
from console.sessions import Guest
from ledger import audit
from ledger.operator_words import PartnerHold, partner_holds
from pipeline.wiring import House
from schemas.errors import Terminal
from schemas.partners import load_partners
from schemas.persons import CONSOLE

SESSION_COOKIE, FORM_COOKIE, SAID_COOKIE = "__Host-edi834", "__Host-edi834-form", "__Host-said"
_READS = ("GET", "HEAD")
_FORM_BYTES_MOST = 1_000_000
_ERRORS = 400  # the status of what goes wrong begins here

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Console:
    """What all requests share. `house.engine` works as the console's role of the database."""

    house: House
    access: Access
    pages: Pages
    provider: Provider | None  # of OpenID Connect

    @cached_property
    def partner_ids(self) -> list[str]:
        """All trading partners."""
        return sorted(load_partners(self.house.settings.partners))


@dataclass(frozen=True)
class Visit:
    """One request. `guest` is None before somebody has signed in; `token` proves forms.

    `endpoint` is its row in `access.toml`, `POST /files/{file_id}/raw`.
    """

    request: Request
    console: Console
    guest: Guest | None
    token: str
    endpoint: str
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def house(self) -> House:
        """The use cases' house."""
        return self.console.house

    @property
    def roles(self) -> frozenset[str]:
        """The roles in effect."""
        return self.guest.roles if self.guest else frozenset()

    @property
    def person(self) -> Guest:
        """Who has signed in."""
        if self.guest is None:
            raise HTTPException(401)
        return self.guest

    @cached_property
    def partners(self) -> list[str]:
        """The partners that the person sees, in an emergency all; acts are about its own alone."""
        own = self.person.partners
        is_widened = self.person.emergency_until and self.console.access.is_widened(self.endpoint)
        if ALL_PARTNERS in own or is_widened:
            return self.console.partner_ids
        return sorted(set(own) & set(self.console.partner_ids))

    def may(self, endpoint: str) -> bool:
        """Whether the person may use an endpoint, `POST /files/{file_id}/retry`: for templates."""
        return self.console.access.admits(endpoint, self.roles)

    def shows(self, name: str) -> bool:
        """Whether a field is shown to the person without a mask."""
        return self.console.access.shows(name, self.roles)

    def reveals(self, name: str) -> bool:
        """Whether the person may uncover a field."""
        return self.console.access.reveals(name, self.roles)

    # ------------------------------------------------------------------------------- reading

    def ask(self, statement: str, **parameters: Any) -> list[Any]:
        """The rows of a query, which must bind `:partners`, the partners that the person sees."""
        if ":partners" not in statement:
            raise AssertionError("A query of the console names :partners, or is ask_house.")
        return self.ask_house(statement, partners=self.partners, **parameters)

    def ask_house(self, statement: str, **parameters: Any) -> list[Any]:
        """The rows of a query that is about no partner: accounts, sessions, rules."""
        with self.reading() as conn:
            return list(conn.execute(sa.text(statement), parameters).all())

    def find(self, statement: str, **parameters: Any) -> Any:
        """The one row of a query; without any, there is no such page for this person."""
        found = self.ask(statement, **parameters)
        if not found:
            raise HTTPException(404)
        return found[0]

    def mine(self, things: Iterable[Thing], partner_of: Callable[[Thing], str]) -> list[Thing]:
        """Those things of a use case that belong to partners that the person sees."""
        return [one for one in things if partner_of(one) in self.partners]

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that cannot write. Prefer `ask`: here nobody looks after partners."""
        engine = self.house.engine.execution_options(postgresql_readonly=True)
        with engine.connect() as conn:
            yield conn

    # ------------------------------------------------------------------------------- writing

    @contextmanager
    def acting(self) -> Iterator[sa.Connection]:
        """A transaction in the person's name, for a use case; the audit trail names the person."""
        with self.house.engine.begin() as conn:
            name = self.guest.name if self.guest else "console"
            conn.execute(sa.select(sa.func.set_config("edi834.actor", name, True)))
            yield conn

    @property
    def reason(self) -> str:
        """The reason that the form gives. Raises Terminal without one."""
        given = self.form.get("reason", "").strip()
        if not given:
            raise Terminal("This needs a reason, in a sentence without anybody's data.")
        return given

    @property
    def account(self) -> str:
        """The account beside the person's name, in what decisions keep."""
        return f"{CONSOLE}{self.person.account_id}"

    def note(
        self, conn: sa.Connection, action: str, kind: str, number: int, **details: Any
    ) -> None:
        """Appends an entry to the audit trail: ids, counts and hashes only."""
        audit.note(conn, action, kind, number, account=self.account, **details)

    @staticmethod
    def told(reason: str) -> dict[str, str]:
        """What the audit trail keeps of a reason, which may name somebody: its hash."""
        return {"reason_sha256": hashlib.sha256(reason.encode()).hexdigest()}

    # ----------------------------------------------------------------------------- answering

    def page(self, template: str, *, status: int = 200, **shown: Any) -> Response:
        """A page of that template."""
        said = unquote(self.request.cookies.get(SAID_COOKIE, ""))
        held = self._held_partners() if self.guest and status < _ERRORS else ()
        html = self.console.pages.render(
            template, visit=self, said=said, status=status, held_partners=held, **shown
        )
        answer = HTMLResponse(html, status_code=status)
        if said:
            answer.delete_cookie(SAID_COOKIE, secure=True, httponly=True, samesite="lax")
        return answer

    def _held_partners(self) -> Iterable[PartnerHold]:
        """The partners that are held, of those that the person sees: every page says so."""
        with self.reading() as conn:
            return partner_holds(conn, self.partners).values()

    def go(self, path: str, said: str = "") -> Response:
        """On to another page, where a sentence is told."""
        answer = RedirectResponse(path, status_code=303)
        if said:
            set_cookie(answer, SAID_COOKIE, quote(said), seconds=60)
        return answer

    @property
    def csrf(self) -> str:
        """What a form of ours sends back."""
        return sessions.form_token(self.token)


def set_cookie(answer: Response, name: str, value: str, seconds: int | None = None) -> None:
    """Sets a cookie that scripts, other sites and plain HTTP cannot use."""
    answer.set_cookie(
        name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax"
    )


async def admit(request: Request) -> Visit:
    """The visit, when the table allows it; HTTPException 401, 403 or 413 when not."""
    console: Console = request.app.state.console
    if "\0" in request.url.path or b"%00" in request.scope["query_string"]:
        raise HTTPException(404)  # no text of the database has it
    endpoint = f"{request.method.replace('HEAD', 'GET')} {request.scope['route'].path}"
    token = request.cookies.get(SESSION_COOKIE, "")
    guest = await run_in_threadpool(_guest, console.house, token) if token else None
    if guest is None:
        token = request.cookies.get(FORM_COOKIE, "")
    form = {} if request.method in _READS else await _form(request)
    visit = Visit(request, console, guest, token, endpoint, form)
    request.state.visit = visit
    if form is not None and request.method not in _READS:
        _require_own_form(request, visit)
    if endpoint in console.access.open:
        return visit
    if guest is None:
        raise HTTPException(401)
    if not console.access.admits(endpoint, guest.roles):
        raise HTTPException(403)
    return visit


def _guest(house: House, token: str) -> Guest | None:
    with house.engine.begin() as conn:
        return sessions.guest_of(conn, token)


async def _form(request: Request) -> Mapping[str, str]:
    length = request.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()) or int(length) > _FORM_BYTES_MOST:
        raise HTTPException(413)
    content = await request.form(max_files=0, max_fields=2_000)
    texts = {name: value for name, value in content.items() if isinstance(value, str)}
    return {name: value.replace("\0", "") for name, value in texts.items()}


def _require_own_form(request: Request, visit: Visit) -> None:
    """Only forms of our own pages are taken: no other site can write one."""
    from_elsewhere = request.headers.get("sec-fetch-site", "same-origin") not in (
        "same-origin",
        "none",
    )
    given = visit.form.get("csrf", "")
    if (
        from_elsewhere
        or not visit.token
        or not hmac.compare_digest(given.encode(), visit.csrf.encode())
    ):
        raise HTTPException(403, "The form was too old, or not one of ours. Try again from here.")


Admitted = Annotated[Visit, Depends(admit)]
