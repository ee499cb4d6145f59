"""Who may use the console: accounts with their roles and partners."""

import sqlalchemy as sa
from fastapi import APIRouter
from starlette.responses import Response

from console import sessions
from console.visits import Admitted
from schemas.console import account
from schemas.errors import Terminal

router = APIRouter()

_ACCOUNTS = """
SELECT account_id, issuer, subject, name, roles, partners, state, last_seen_at
FROM console.account ORDER BY account_id LIMIT 500
"""


@router.get("/accounts")
def accounts(visit: Admitted) -> Response:
    """All accounts."""
    return visit.page(
        "accounts.html", accounts=visit.ask_house(_ACCOUNTS), roles=visit.console.access.roles
    )


@router.post("/accounts/{account_id}")
def change(visit: Admitted, account_id: int) -> Response:
    """Disables an account, which ends its sessions, or lets it in again."""
    state = visit.form.get("state", "")
    if state not in ("active", "disabled"):
        raise Terminal("An account is active or disabled. Choose one of them.")
    if account_id == visit.person.account_id:
        raise Terminal("Nobody changes his own account. Ask another administrator.")
    reason = visit.reason
    with visit.acting() as conn:
        changed = sa.update(account).where(account.c.account_id == account_id)
        conn.execute(changed.values(state=state, last_seen_at=sa.func.now()))
        if state == "disabled":
            sessions.end_all(conn, account_id)
        visit.note(conn, "account reason", "account", account_id, **visit.told(reason))
    return visit.go("/accounts", f"Account {account_id} is {state}.")
