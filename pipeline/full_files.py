"""What the exchange's full files say otherwise than the book meets breaks, as any difference does.

Nobody's coverage is ended by what such a file leaves out. One that leaves out more than the gate
or the partner's own bounds allow (`full-file-omits…` in `schemas/gate.toml`, `[[bounds]]` of the
partner) is held as one batch until a person decides.
"""

from datetime import date
from pathlib import Path

import sqlalchemy as sa

from enrollment.full_files import differences_of_full_files, newest_full_files
from pipeline.gate import named_in
from pipeline.runs import Run
from reconciliation.breaks import BOOK_FILES, Sighting, meet
from schemas.database import file
from schemas.postgres_copy import copy_out

# The file behind each member whom an open break is about: what has changed the book since may be
# what ended it.
_BEHIND = sa.text("""
SELECT m.exchange_policy_id, m.exchange_member_id, e.file_id
FROM book.member m JOIN book.event e USING (event_id)
WHERE m.partner_id = :partner AND m.known_to = 'infinity' AND m.exchange_policy_id IN (
  SELECT exchange_policy_id FROM reconciliation.break
  WHERE partner_id = :partner AND source = 'exchange_full' AND state <> 'resolved')
""")


def meet_full_files(
    conn: sa.Connection, run: Run, partner_id: str, on_day: date, checked: Path
) -> None:
    """Meets the breaks of the partner with what its newest full files say, if it sends any.

    `checked` holds the tables of checked files. The same files are seen once, however often the
    book changes below them.
    """
    newest = newest_full_files(conn, partner_id)
    if newest is None:
        return
    file_ids, moment = newest
    found = differences_of_full_files(conn, partner_id, moment, named_in(checked, file_ids))
    sha256, run_id = conn.execute(
        sa.select(file.c.sha256, file.c.run_id).where(file.c.file_id == file_ids[-1])
    ).one()
    is_news = run_id == run.run_id
    sighting = Sighting(
        run.run_id,
        partner_id,
        "exchange_full",
        run.as_of,
        on_day,
        is_news=is_news,
        sha256=sha256,
        file_id=file_ids[-1] if is_news else None,
    )
    meet(conn, sighting, found, copy_out(conn, _BEHIND.bindparams(partner=partner_id), BOOK_FILES))
