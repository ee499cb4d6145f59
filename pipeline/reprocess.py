"""A received file judged again, beside the verdict that stands. Nothing is changed by it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from ledger.files import file_row
from ledger.operator_words import released_as
from ledger.runs import recorded_rules
from pipeline.check import as_correction, terms_of, without_rule
from pipeline.checked_tables import read_verdict
from pipeline.judged_twice import JudgedTwice
from pipeline.wiring import House
from schemas.errors import Terminal
from schemas.tables import TEXT
from schemas.verdict import Verdict
from validators.check import ALONE, Terms, check_file
from validators.crews import Crew

Basis = Literal["then", "today", "released"]
JUDGED = ("enrollment", "payment", "correction", "unknown")  # kinds of files that have verdicts

# One row per answer that would be otherwise: TA1 of an interchange, AK9 of a group, IK5 of a set.
ANSWERS = pa.schema(
    [
        ("level", TEXT),
        ("control_number", TEXT),
        ("before", TEXT),
        ("after", TEXT),
    ]
)
_LEVELS = (
    ("TA1", "interchange_verdicts", "ta1_code"),
    ("AK9", "group_verdicts", "ack"),
    ("IK5", "set_verdicts", "ack"),
)
_NONE = -1  # in place of a null, which equals nothing
_PLACE = ("rule", "severity", "byte_start", "byte_end", "element", "component")


@dataclass(frozen=True)
class Again:
    """What would be otherwise. `before` is the verdict that stands, `after` the one of now.

    `differs_in` are the kinds of rows, and `program`, that have changed since the file was judged.
    `answers` is ANSWERS, `members` `judged_twice.MEMBERS`; `new_issues` and `gone_issues` are
    `tables.ISSUES`. `left_out` is the rule that does not hold for a released file.
    """

    file_id: int
    basis: Basis
    day: date  # of which the rules hold
    differs_in: tuple[str, ...]
    left_out: str | None
    before: Verdict
    after: Verdict
    answers: pa.Table
    new_issues: pa.Table
    gone_issues: pa.Table
    members: pa.Table

    @property
    def is_the_same(self) -> bool:
        """Whether verdict, answers, issues and members are what they were."""
        changed = (self.answers, self.new_issues, self.gone_issues, self.members)
        return self.before.file_verdict == self.after.file_verdict and not any(map(len, changed))

    def members_in(self, state: str) -> tuple[int, int]:
        """How many members are in a state, before and after."""
        both = (self.before, self.after)
        counted = (pc.sum(pc.equal(one.dispositions["state"], state)).as_py() for one in both)
        then, now = (count or 0 for count in counted)
        return then, now

    def dollars(self, change: str) -> int:
        """The cents a month that members with that change state as their premium."""
        those = self.members.filter(pc.equal(self.members["change"], change))
        return int(pc.sum(those["premium_total_cents"]).as_py() or 0)


def reprocess(
    house: House, file_id: int, basis: Basis, today: date | None = None, crew: Crew = ALONE
) -> Again:
    """The file judged again by the rules of its own day, or of today; or as a released one.

    Raises Terminal for a file that has no verdict, or whose kind has none.
    """
    house = replace(house, engine=house.engine.execution_options(postgresql_readonly=True))
    row, differs_in = _judged(house, file_id)
    before = _recorded(house, file_id)
    day = house.day_of(row.partner_id, row.recorded_at)
    if basis == "today":
        day = today or house.day_of(row.partner_id, datetime.now(UTC))
    path = house.landing.verified_path(row.storage_key)
    terms, left_out = _terms(house, row, terms_of(house, row, path, day), basis, before)
    read = partial(check_file, path, terms, crew=crew)
    both = JudgedTwice(row, before, read().verdict, read)
    return Again(
        file_id,
        basis,
        day,
        differs_in,
        left_out,
        before,
        both.after,
        pa.concat_tables(_answers(before, both.after)),
        _only_in(both.after.issues, before.issues),
        _only_in(before.issues, both.after.issues),
        both.members_decided_otherwise(),
    )


def _judged(house: House, file_id: int) -> tuple[sa.Row[Any], tuple[str, ...]]:
    """The file, and in what the rules of its verdict are not those of this process."""
    with house.engine.connect() as conn:
        try:
            row = file_row(conn, file_id)
        except sa.exc.NoResultFound:
            raise Terminal(f"There is no file {file_id}.") from None
        if row.direction != "exchange_to_issuer" or row.kind not in JUDGED or row.verdict is None:
            raise Terminal(f"File {file_id} has no verdict, so there is nothing to compare.")
        made_by = recorded_rules(conn, row.rules_digest) if row.rules_digest else None
    return row, made_by.differs_in(house.rules) if made_by else ()


def _recorded(house: House, file_id: int) -> Verdict:
    folder = house.settings.tables_folder / str(file_id)
    try:
        return read_verdict(folder)
    except FileNotFoundError:
        raise Terminal(f"{folder} holds no verdict. Restore it from a backup.") from None


def _terms(
    house: House, row: sa.Row[Any], terms: Terms, basis: Basis, before: Verdict
) -> tuple[Terms, str | None]:
    """The terms with what persons have said of the file, and the rule that they leave out."""
    if row.kind == "correction":
        return as_correction(terms), None
    if basis == "released":
        if before.quarantine is None:
            raise Terminal(f"File {row.file_id} is not in quarantine.")
        return without_rule(terms, before.quarantine.rule), before.quarantine.rule
    with house.engine.connect() as conn:
        word = released_as(conn, row.file_id)
    return (without_rule(terms, word.rule), word.rule) if word else (terms, None)


def _answers(before: Verdict, after: Verdict) -> Iterator[pa.Table]:
    for level, name, code in _LEVELS:
        then, now = getattr(before, name), getattr(after, name)
        differs = pc.not_equal(then[code], now[code])
        columns = {
            "level": pa.repeat(pa.scalar(level, TEXT), len(then)),
            "control_number": then["control_number"],
            "before": then[code],
            "after": now[code],
        }
        yield pa.table(columns, schema=ANSWERS).filter(differs)


def _only_in(issues: pa.Table, others: pa.Table) -> pa.Table:
    """The issues that the others do not have at the same place (`tables.ISSUES`)."""
    numbered = _places(issues).append_column("row", pa.array(range(len(issues)), pa.int64()))
    alone = numbered.join(_places(others), keys=list(_PLACE), join_type="left anti")
    return issues.take(alone.sort_by("row")["row"])


def _places(issues: pa.Table) -> pa.Table:
    columns = {
        name: pc.fill_null(issues[name], _NONE)
        if pa.types.is_integer(issues[name].type)
        else issues[name]
        for name in _PLACE
    }
    return pa.table(columns)
