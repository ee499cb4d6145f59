"""Somebody who uses the console: by plain HTTP, or with a cookie for a browser."""

from dataclasses import dataclass
from typing import Any

import requests
import sqlalchemy as sa
from fastapi import FastAPI

from console import sessions
from console.access import EMERGENCY, load_access
from console.visits import SESSION_COOKIE
from schemas.console import account
from tests.cases.world import World

ALL = "everything"  # a person with all roles, of all partners
_SECONDS = 30

# What a browser, a database or the order of letters would follow, if it were not shown harmlessly.
HOSTILE = "<img src=x onerror=alert(1)>\N{RIGHT-TO-LEFT OVERRIDE}'; DROP TABLE x; --=1+1"
HOSTILE_ID = "<b>91</b>"


def make_accounts(world: World) -> dict[str, int]:
    """The ids of accounts: one for each role by its name, and one with all of them."""
    roles = load_access().roles
    held = {role: [role] for role in roles} | {ALL: [r for r in roles if r != EMERGENCY]}
    return {name: make_account(world, name, granted) for name, granted in held.items()}


def make_account(
    world: World, name: str, roles: list[str], partners: tuple[str, ...] = ("*",)
) -> int:
    """The id of a new account for which another issuer vouches."""
    row = account.insert().values(
        issuer="https://people.example.com",
        subject=name,
        name=name,
        roles=roles,
        partners=list(partners),
        created_by="tests",
    )
    with world.house.engine.begin() as conn:
        return int(conn.execute(row.returning(account.c.account_id)).scalar_one())


@dataclass(frozen=True)
class Opened:
    """A console that is served, and the world behind it."""

    url: str
    app: FastAPI
    world: World
    accounts: dict[str, int]

    def token(self, role: str) -> str:
        """A new session of the account of that role."""
        with self.world.house.engine.begin() as conn:
            token = sessions.begin(conn, self.accounts[role])
            if role == EMERGENCY:
                guest = sessions.guest_of(conn, token)
                assert guest is not None
                sessions.declare_emergency(conn, guest.session_id, "The night is red.")
        return token

    def cookie(self, role: str) -> dict[str, Any]:
        """The cookie of a new session, for a browser."""
        return {
            "name": SESSION_COOKIE,
            "value": self.token(role),
            "url": self.url.replace("http:", "https:"),  # so that Chromium takes it
            "secure": True,
            "httpOnly": True,
            "sameSite": "Lax",
        }

    def get(self, path: str, token: str | None = None, **headers: str) -> requests.Response:
        """What a GET answers."""
        return self._send("GET", path, token, None, headers)

    def post(
        self, path: str, token: str | None, form: dict[str, str], **headers: str
    ) -> requests.Response:
        """What a form of ours answers, when it is sent."""
        csrf = {"csrf": sessions.form_token(token)} if token else {}
        return self._send("POST", path, token, csrf | form, headers)

    def _send(
        self,
        method: str,
        path: str,
        token: str | None,
        form: dict[str, str] | None,
        headers: dict[str, str],
    ) -> requests.Response:
        cookie = {"Cookie": f"{SESSION_COOKIE}={token}"} if token else {}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.request(
            method,
            self.url + path,
            data=form,
            headers=cookie | given,
            allow_redirects=False,
            timeout=_SECONDS,
        )

    def rows(self, statement: str, **parameters: object) -> list[Any]:
        """What a query on the database gives."""
        with self.world.house.engine.connect() as conn:
            return list(conn.execute(sa.text(statement), parameters).all())
