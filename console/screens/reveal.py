"""Uncovering one masked value: a reason first, a row in the audit trail, then that value alone."""

from collections.abc import Callable

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from console.visits import Admitted, Visit

router = APIRouter()

_SHOWN_MOST = 4_000  # characters

# One segment of a received or sent file, named by the file and its first and last byte.
_FILE = """
SELECT file_id, storage_key, size_bytes FROM ledger.file
WHERE file_id = :file_id AND partner_id = ANY(:partners)
"""


def _segment(visit: Visit, of: str) -> tuple[str, int, str]:
    """The bytes of `<file>-<start>-<end>`."""
    parts = of.split("-")
    if len(parts) != 3 or not all(part.isdigit() and part.isascii() for part in parts):
        raise HTTPException(404)
    file_id, start, end = (int(part[:18]) for part in parts)
    row = visit.find(_FILE, file_id=file_id)
    if not 0 <= start < end <= row.size_bytes:
        raise HTTPException(404)
    with visit.house.landing.verified_path(row.storage_key).open("rb") as content:
        content.seek(start)
        raw = content.read(min(end - start, _SHOWN_MOST))
    return "file", file_id, raw.decode("utf-8", "replace")


_BREAK = """
SELECT break_id, book_value, carrier_value FROM reconciliation.break
WHERE break_id = :break_id AND partner_id = ANY(:partners)
"""


def _break(visit: Visit, of: str) -> tuple[str, int, str]:
    """Both sides' values of a break."""
    if not (of.isascii() and of.isdigit()):
        raise HTTPException(404)
    row = visit.find(_BREAK, break_id=int(of[:18]))
    sides = (("Book", row.book_value), ("Other side", row.carrier_value))
    told = "\n".join(f"{side}: {'nothing' if value is None else value}" for side, value in sides)
    return "break", row.break_id, told


# By field of `access.toml`: kind and id of the object, as the audit trail names it, and the value
# of `of`, which names it in the form. A screen with a field of its own adds a row here.
REVEALS: dict[str, Callable[[Visit, str], tuple[str, int, str]]] = {
    "segment": _segment,
    "break_values": _break,
}


def _asked(visit: Visit, given: dict[str, str]) -> tuple[str, str]:
    name, of = given.get("field", ""), given.get("of", "")
    if name not in REVEALS:
        raise HTTPException(404)
    if not visit.reveals(name):
        raise HTTPException(403)
    return name, of


@router.get("/reveal")
def ask(visit: Admitted) -> Response:
    """The form that asks for a reason; the address names ids only."""
    name, of = _asked(visit, dict(visit.request.query_params))
    REVEALS[name](visit, of)  # there is such a value, and the person sees its partner
    return visit.page("reveal.html", field=name, of=of, value=None)


@router.post("/reveal")
def reveal(visit: Admitted) -> Response:
    """One value, once the audit trail has noted who saw it."""
    name, of = _asked(visit, dict(visit.form))
    reason = visit.reason
    kind, number, value = REVEALS[name](visit, of)
    with visit.acting() as conn:
        visit.note(conn, "revealed", kind, number, field=name, of=of, **visit.told(reason))
    return visit.page("reveal.html", field=name, of=of, value=value)
