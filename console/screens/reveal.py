"""Uncovering one masked value: a reason first, a row in the audit trail, then that value alone."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from console.screens.evidence import other_row
from console.visits import Admitted, Visit
from pipeline.corrections import changed_segments
from pipeline.matches_report import compared_records
from pipeline.three_sides import of_work, three_sides

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
    with visit.house.landing.open(row.storage_key) as content:
        content.seek(start)
        raw = content.read(min(end - start, _SHOWN_MOST))
    return "file", file_id, raw.decode("utf-8", "replace")


_BREAK = """
SELECT break_id, book_value, carrier_value, source, last_run_id, partner_id, exchange_policy_id,
  exchange_member_id
FROM reconciliation.break
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


def _carrier_row(visit: Visit, of: str) -> tuple[str, int, str]:
    """The carrier's row behind a break, a field a line."""
    if not (of.isascii() and of.isdigit()):
        raise HTTPException(404)
    row = visit.find(_BREAK, break_id=int(of[:18]))
    found = other_row(visit, row._mapping)  # noqa: SLF001 - SQLAlchemy's name for it
    if found is None:
        raise HTTPException(404)
    told = "\n".join(f"{name}: {value}" for name, value in found.items() if value is not None)
    return "break", row.break_id, told


_CORRECTION = """
SELECT correction_id, case_id FROM ledger.correction
WHERE correction_id = :number AND partner_id = ANY(:partners)
"""


def _correction(visit: Visit, of: str) -> tuple[str, int, str]:
    """The segments that a correction changes, as they came and as they are to be."""
    if not (of.isascii() and of.isdigit()):
        raise HTTPException(404)
    row = visit.find(_CORRECTION, number=int(of[:18]))
    changed = changed_segments(visit.house, row.correction_id)
    told = "\n".join(f"Came as: {was}\nBecomes: {becomes}" for was, becomes in changed)
    return "case", row.case_id, told


_ITEMS = {
    "case": """
SELECT * FROM ledger.case WHERE case_id = :number AND partner_id = ANY(:partners)
""",
    "break": """
SELECT * FROM reconciliation.break WHERE break_id = :number AND partner_id = ANY(:partners)
""",
}
_PAIR = """
SELECT * FROM reconciliation.match WHERE match_id = :number AND partner_id = ANY(:partners)
"""
_SIDES = (("file", "File"), ("book", "Book"), ("carrier", "Carrier"))


def _item(visit: Visit, of: str) -> tuple[str, int, str]:
    """A member's field of `<case or break>-<number>-<name>`, on its three sides."""
    work, _, rest = of.partition("-")
    number, _, name = rest.partition("-")
    if work not in _ITEMS or not (number.isascii() and number.isdigit()):
        raise HTTPException(404)
    row = visit.find(_ITEMS[work], number=int(number[:18]))
    with visit.reading() as conn:
        sides = three_sides(visit.house, conn, of_work(work, row._mapping))  # noqa: SLF001 - SQLAlchemy's name for it
    found = [one for one in sides.fields if one.name == name]
    return work, int(number[:18]), _told(found, _SIDES)


def _pair(visit: Visit, of: str) -> tuple[str, int, str]:
    """A field of `<pair>-<name>`, of both records."""
    number, _, name = of.partition("-")
    if not (number.isascii() and number.isdigit()):
        raise HTTPException(404)
    row = visit.find(_PAIR, number=int(number[:18]))
    fields = compared_records(visit.house.settings.reports_folder, row._mapping)  # noqa: SLF001
    found = [one for one in fields if one.name == name]
    return "match", row.match_id, _told(found, _SIDES[1:])


def _told(found: Sequence[object], sides: Sequence[tuple[str, str]]) -> str:
    """The one field, a side a line; 404 without it."""
    if not found:
        raise HTTPException(404)
    values = [(title, getattr(found[0], side)) for side, title in sides]
    return "\n".join(
        f"{title}: {value if value is not None else 'nothing'}" for title, value in values
    )


# Where a page of the object is, to go back to it.
BACK = {
    "case": "/triage/case/{}",
    "break": "/triage/break/{}",
    "match": "/triage/pairs/{}",
    "file": "/files/{}",
}


# By field of `access.toml`: kind and id of the object, as the audit trail names it, and the value
# of `of`, which names it in the form. A screen with a field of its own adds a row here.
REVEALS: dict[str, Callable[[Visit, str], tuple[str, int, str]]] = {
    "segment": _segment,
    "break_values": _break,
    "item_values": _item,
    "pair_values": _pair,
    "carrier_row": _carrier_row,
    "correction_values": _correction,
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
    kind, number, _ = REVEALS[name](visit, of)  # 404 where the person does not see its partner
    back = BACK[kind].format(number)
    return visit.page("reveal.html", field=name, of=of, value=None, back=back)


@router.post("/reveal")
def reveal(visit: Admitted) -> Response:
    """One value, once the audit trail has noted who saw it."""
    name, of = _asked(visit, dict(visit.form))
    reason = visit.reason
    kind, number, value = REVEALS[name](visit, of)
    with visit.acting() as conn:
        visit.note(conn, "revealed", kind, number, field=name, of=of, **visit.told(reason))
    back = BACK[kind].format(number)
    return visit.page("reveal.html", field=name, of=of, value=value, back=back)
