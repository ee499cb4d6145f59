"""Saved views of the queue: filters under a name, for oneself or for all who hold a role."""

from dataclasses import dataclass

import sqlalchemy as sa
from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from console.queue import address_of, filters_in
from console.visits import Admitted, Visit
from schemas.console import saved_view
from schemas.errors import Terminal

router = APIRouter()

_MOST = 40  # of one person
_NAME_LONGEST = 60
_STANDING = [
    ("All open", {"show": "open"}),
    ("Mine", {"owner": ""}),
    ("Without an owner", {"owner": "-"}),
    ("Due today", {"due": "today"}),
    ("Rejected and waiting", {"work": "case"}),
    ("Breaks", {"work": "break"}),
    ("For a second person", {"show": "asked"}),
]
_SAVED = """
SELECT v.*, a.name AS keeper FROM console.saved_view v JOIN console.account a USING (account_id)
WHERE v.account_id = :account
UNION
SELECT v.*, a.name FROM console.saved_view v JOIN console.account a USING (account_id)
WHERE v.role = ANY(:roles)
ORDER BY name, view_id
"""


@dataclass(frozen=True)
class View:
    """A view: its name and address, and, of a saved one, whose it is."""

    name: str
    address: str
    view_id: int | None = None
    keeper: str = ""
    role: str | None = None
    is_default: bool = False
    is_mine: bool = False


def views_of(visit: Visit) -> list[View]:
    """The views that everybody has, those of the person, and those shared with its roles."""
    me = visit.person
    standing = [
        View(name, address_of({"owner": me.name} if name == "Mine" else filters))
        for name, filters in _STANDING
    ]
    found = visit.ask_house(_SAVED, account=me.account_id, roles=sorted(visit.roles))
    saved = [
        View(
            row.name,
            address_of(filters),
            row.view_id,
            row.keeper,
            row.role,
            row.is_default and row.account_id == me.account_id,
            row.account_id == me.account_id,
        )
        for row in found
        for filters in [filters_in(row.query)]
        if not filters["partner"] or filters["partner"] in visit.partners
    ]
    return standing + saved


@router.post("/triage/views")
def save(visit: Admitted) -> Response:
    """Keeps the filters of the page under a name; the same name again is the same view."""
    name = visit.form.get("name", "").strip()
    role = visit.form.get("role") or None
    if not name or len(name) > _NAME_LONGEST:
        raise Terminal(f"A view needs a name of at most {_NAME_LONGEST} characters.")
    if role is not None and role not in visit.roles:
        raise Terminal("A view is shared with a role that you hold yourself.")
    filters = filters_in(visit.form.get("query", ""))
    # Without any filter its address would be the queue's own, which goes to what opens first.
    address = address_of(filters if any(filters.values()) else {"show": "open"})
    made = {
        "account_id": visit.person.account_id,
        "name": name,
        "query": address.partition("?")[2],
        "role": role,
    }
    mine = saved_view.c.account_id == visit.person.account_id
    with visit.acting() as conn:
        kept = sa.select(sa.func.count()).where(mine, saved_view.c.name != name)
        if conn.execute(kept).scalar_one() >= _MOST:
            raise Terminal(f"You keep {_MOST} views already. Remove one first.")
        conn.execute(sa.delete(saved_view).where(mine, saved_view.c.name == name))
        is_default = visit.form.get("default") == "yes"
        if is_default:
            conn.execute(sa.update(saved_view).where(mine).values(is_default=False))
        conn.execute(sa.insert(saved_view).values(**made, is_default=is_default))
    return visit.go(address_of(filters, show=filters["show"] or "open"), f"Saved: {name}.")


@router.post("/triage/views/{view_id}")
def change(visit: Admitted, view_id: int) -> Response:
    """Removes one of the person's own views, or makes it the one that opens first, or not."""
    mine = saved_view.c.account_id == visit.person.account_id
    this = mine & (saved_view.c.view_id == view_id)
    do = visit.form.get("do", "")
    with visit.acting() as conn:
        if not conn.execute(sa.select(saved_view.c.view_id).where(this)).first():
            raise HTTPException(404)
        if do == "remove":
            conn.execute(sa.delete(saved_view).where(this))
            return visit.go("/triage?show=open", "The view is removed.")
        conn.execute(sa.update(saved_view).where(mine).values(is_default=False))
        conn.execute(sa.update(saved_view).where(this).values(is_default=do == "default"))
    return visit.go("/triage?show=open", "Noted.")
