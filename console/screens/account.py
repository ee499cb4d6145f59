"""One's own account: what it may, another password, and access in an emergency."""

from fastapi import APIRouter
from starlette.responses import Response

from console import sessions
from console.access import EMERGENCY
from console.accounts import LOCAL, change_password
from console.visits import Admitted
from schemas.errors import Terminal

router = APIRouter()


@router.get("/account")
def own(visit: Admitted) -> Response:
    """Who one is here."""
    return visit.page(
        "account.html",
        minutes=sessions.EMERGENCY_MINUTES,
        may_declare=EMERGENCY in visit.person.all_roles,
        is_local=visit.person.issuer == LOCAL,
        sentence="",
    )


@router.post("/account/password")
def password(visit: Admitted) -> Response:
    """Changes the password, and ends all other sessions of the account."""
    old, new = visit.form.get("old", ""), visit.form.get("new", "")
    if visit.person.issuer != LOCAL:
        raise Terminal("This account has no password here. Change it where you sign in.")
    with visit.acting() as conn:
        wrong = change_password(conn, visit.person.account_id, old, new)
        if wrong is None:
            sessions.end_all(conn, visit.person.account_id, but=visit.person.session_id)
    if wrong is not None:
        raise Terminal(wrong)
    return visit.go("/account", "The password is changed. Other sessions have ended.")


@router.post("/account/emergency")
def emergency(visit: Admitted) -> Response:
    """Break-glass: wider rights for a while, with a reason, for whom the account allows it."""
    if EMERGENCY not in visit.person.all_roles:
        raise Terminal("Your account has no emergency access. Ask an administrator.")
    reason = visit.reason
    with visit.acting() as conn:
        sessions.declare_emergency(conn, visit.person.session_id, reason)
    return visit.go("/", f"Emergency access for {sessions.EMERGENCY_MINUTES} minutes. It is noted.")
