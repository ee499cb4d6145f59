"""A rejected transaction set, corrected by a person and resubmitted as if it had been received.

The original stays as it came. What is derived from it is a file of its own, judged by the same
check as any other; a night takes it in, stages it once, and answers nobody.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from ledger.corrections import (
    Draft,
    Word,
    mark_received,
    record_draft,
    release,
    released,
    withdraw_overtaken,
)
from ledger.files import ReceivedFile, file_row, record_received
from parsers.correction import Edit, SetPlace, corrected, segments_of
from pipeline.check import as_correction, terms_of
from pipeline.checked_tables import read_members, read_table
from pipeline.runs import Run, writing
from pipeline.wiring import House
from schemas.cases import case_, correction, load_case_rules
from schemas.errors import Terminal
from schemas.verdict import Verdict
from strongroom.drafts import drafts
from strongroom.files import parquet, read_clear
from validators.check import check_file

_EDIT = re.compile(
    r"(?:#(?P<ordinal>\d+)|(?P<segment>[A-Z][A-Z0-9]{1,2}))\*(?P<element>\d{1,2})"
    r"(?:[-.](?P<component>\d))?(?:/(?P<repetition>[1-9]\d?))?=(?P<value>.*)",
    re.DOTALL,
)


Seen = tuple[int | None, int | None]


@dataclass(frozen=True)
class Tried:
    """A derived file that is nowhere yet, and what our check says of it."""

    content: bytes
    verdict: Verdict
    edits: Sequence[Edit]
    segment_ids: Sequence[str]  # of the edits
    needs_second: bool
    byte_start: int  # of the set in the parent
    byte_end: int


class Correcting:
    """One rejected set of a case, read for a correction.

    `seen` is the file that the person has looked at, and the set of it, where they are known.
    Raises Terminal when the case is about no transaction set, is about another one by now, or is
    closed.
    """

    def __init__(self, house: House, case_id: int, seen: Seen = (None, None)) -> None:
        self.house = house
        with house.engine.connect() as conn:
            query = sa.select(case_).where(case_.c.case_id == case_id)
            case = conn.execute(query).mappings().one_or_none()
            if case is None:
                raise Terminal(f"There is no case {case_id}. `edi834 cases list` names them.")
            if case["kind"] not in ("rejected", "unnamed") or case["state"] == "resolved":
                raise Terminal(f"Case {case_id} is about no set that is rejected still.")
            about = case["file_id"], case["set_ordinal"]
            if any(was not in (None, now) for was, now in zip(seen, about, strict=True)):
                raise Terminal(
                    f"Case {case_id} is about another transaction set since you have looked at it. "
                    f"Look again: `edi834 cases show {case_id}`."
                )
            self.parent = file_row(conn, case["file_id"])
        self.case: dict[str, Any] = dict(case)
        self.folder = house.settings.tables_folder / str(self.parent.file_id)
        self.segments = pq.read_table(
            parquet(self.folder / "segments.parquet"),
            columns=["segment_ordinal", "segment_id", "loop_id", "byte_start", "byte_end"],
            filters=pc.field("set_ordinal") == case["set_ordinal"],
        ).to_pylist()

    def edit(self, text: str) -> Edit:
        """The edit that a text names: `NM1*03=NEW`, `#11*03=NEW`, `DMG*05-3=NEW`, `DMG*05-3/2=NEW`.

        A segment that is named by its id is the one at fault, or the only one of its member.
        Raises Terminal when the text is none, or names several segments.
        """
        told = _EDIT.fullmatch(text)
        if told is None:
            raise Terminal(f"{text.partition('=')[0]!r} names no element. Write it as NM1*03=NEW.")
        ordinal = int(told["ordinal"]) if told["ordinal"] else self._ordinal(told["segment"])
        component = int(told["component"]) if told["component"] else None
        repetition = int(told["repetition"]) if told["repetition"] else None
        return Edit(ordinal, int(told["element"]), told["value"], component, repetition)

    def _ordinal(self, segment_id: str) -> int:
        if segment_id == self.case["segment_id"]:
            return self._faulty()
        start, stop = self._span()
        known = [
            row["segment_ordinal"]
            for row in self.segments
            if row["segment_id"] == segment_id and start <= row["byte_start"] < stop
        ]
        if len(known) == 1:
            return int(known[0])
        if not known:
            raise Terminal(f"There is no {segment_id} to correct. `edi834 show` shows the set.")
        named = ", ".join(f"#{ordinal}" for ordinal in known)
        raise Terminal(f"There are several {segment_id}: write {named} instead of {segment_id}.")

    def _faulty(self) -> int:
        """The segment that the issue of the case is about."""
        with self.house.engine.connect() as conn:
            query = sa.text(
                "SELECT segment_ordinal FROM ledger.issue"
                " WHERE file_id = :file_id AND issue_ordinal = :issue_ordinal"
            )
            asked = {name: self.case[name] for name in ("file_id", "issue_ordinal")}
            return int(conn.execute(query, asked).scalar_one())

    def _span(self) -> tuple[int, int]:
        """The bytes of the member that the case is about, or of the whole set."""
        if self.case["member_ordinal"] is not None:
            wanted = pa.chunked_array([[self.case["member_ordinal"]]], pa.int64())
            found = read_members(self.folder, ["byte_start", "byte_end"], wanted).to_pylist()
            if found:
                return found[0]["byte_start"], found[0]["byte_end"]
        return self.segments[0]["byte_start"], self.segments[-1]["byte_end"]

    def attempt(self, edits: Sequence[Edit]) -> Tried:
        """What the set would be with the edits, and the verdict on it. Nothing is kept."""
        if not edits:
            raise Terminal("Nothing is to be corrected. Give --set, as in --set 'NM1*03=NEW'.")
        path = self.house.landing.verified_path(self.parent.storage_key)
        content = corrected(read_clear(path), self._place(), edits)
        ids = {row["segment_ordinal"]: row["segment_id"] for row in self.segments}
        segment_ids = [ids[edit.segment_ordinal] for edit in edits]
        return Tried(
            content,
            self._verdict(content),
            edits,
            segment_ids,
            load_case_rules().needs_second(segment_ids),
            self.segments[0]["byte_start"],
            self.segments[-1]["byte_end"],
        )

    def _place(self) -> SetPlace:
        sets = read_table(self.folder, "transaction_sets").to_pylist()
        (of_set,) = [row for row in sets if row["set_ordinal"] == self.case["set_ordinal"]]
        starts = {}
        for name, key in (
            ("interchanges", "interchange_ordinal"),
            ("functional_groups", "group_ordinal"),
        ):
            rows = read_table(self.folder, name).to_pylist()
            starts[key] = next(row["byte_start"] for row in rows if row[key] == of_set[key])
        spans = {
            row["segment_ordinal"]: (row["byte_start"], row["byte_end"]) for row in self.segments
        }
        return SetPlace(starts["interchange_ordinal"], starts["group_ordinal"], spans)

    def _verdict(self, content: bytes) -> Verdict:
        """By the terms under which the night will judge it."""
        with drafts(beside=self.house.settings.home) as folder:
            path = folder / "correction"
            path.write_bytes(content)
            today = self.house.day_of(self.parent.partner_id, datetime.now(UTC))
            terms = terms_of(self.house, self.parent, path, today)
            return check_file(path, as_correction(terms)).verdict


def draft_correction(
    house: House,
    case_id: int,
    texts: Sequence[str],
    word: Word,
    seen: Seen = (None, None),
) -> tuple[int, Tried]:
    """The number of the draft that was kept, and what our check says of it.

    `seen` is the file that the person has looked at, and the set of it, where they are known.
    """
    word.require("correct")
    correcting = Correcting(house, case_id, seen)
    tried = correcting.attempt([correcting.edit(text) for text in texts])
    stored = house.landing.store([tried.content])
    case, parent = correcting.case, correcting.parent
    edits = [
        {"segment": segment, "ordinal": edit.segment_ordinal, "element": edit.element}
        | ({"component": edit.component} if edit.component else {})
        | ({"repetition": edit.repetition} if edit.repetition else {})
        for edit, segment in zip(tried.edits, tried.segment_ids, strict=True)
    ]
    draft = Draft(
        case_id, case["partner_id"], parent.file_id, case["set_ordinal"], tried.byte_start,
        tried.byte_end, edits, f"{parent.name}.case-{case_id}", stored.sha256, stored.size_bytes,
        stored.storage_key, tried.verdict.file_verdict, tried.needs_second,
        word.person.strip(), word.account, word.reason.strip(),
    )  # fmt: skip
    with house.engine.begin() as conn:
        return record_draft(conn, draft), tried


def changed_segments(house: House, number: int) -> list[tuple[str, str]]:
    """The segments that a correction has otherwise, each as it came and as it is to be."""
    with house.engine.connect() as conn:
        query = sa.select(correction).where(correction.c.correction_id == number)
        row = conn.execute(query).one()
        parent = file_row(conn, row.parent_file_id)
    path = house.settings.tables_folder / str(parent.file_id) / "segments.parquet"
    if not path.is_file():  # not kept so long
        return []
    segments = pq.read_table(
        parquet(path),
        columns=["segment_ordinal", "byte_start", "byte_end"],
        filters=pc.field("set_ordinal") == row.set_ordinal,
    ).sort_by("segment_ordinal")
    was = read_clear(house.landing.verified_path(parent.storage_key))
    becomes = segments_of(read_clear(house.landing.verified_path(row.storage_key)))
    edited = {edit["ordinal"] for edit in row.edits}
    return [
        (was[one["byte_start"] : one["byte_end"]].decode("latin-1"), new.decode("latin-1"))
        for one, new in zip(segments.to_pylist(), becomes, strict=True)
        if one["segment_ordinal"] in edited
    ]


def resubmit(house: House, case_id: int, word: Word, seen: int | None) -> int:
    """The number of the correction that the next night takes in.

    `seen` is the one that the person has looked at: no other one is let go, and none without it.
    """
    with house.engine.begin() as conn:
        return release(conn, case_id, word, seen)


def take_corrections(house: House, run: Run, partner_id: str) -> None:
    """Takes in what persons have resubmitted, each once, as files of the exchange.

    What the exchange or somebody else has overtaken is withdrawn. This comes after the night's
    files are staged: where they speak of the same policy, they are judged first.
    """
    if not _is_any_open(house, partner_id):
        return
    with writing(house, run, partner_id, "file recorded") as conn:
        withdraw_overtaken(conn, partner_id, run.run_id, run.as_of)
        for row in released(conn, partner_id):
            parent = file_row(conn, row.parent_file_id)
            arrived = parent.recorded_at.astimezone(ZoneInfo(house.exchange(partner_id).time_zone))
            named_at = parent.named_at or arrived.replace(tzinfo=None, microsecond=0)
            recorded = record_received(conn, correction_received(run, row, parent, named_at))
            mark_received(conn, row.correction_id, recorded.file_id)
        withdraw_overtaken(conn, partner_id, run.run_id, run.as_of)


def _is_any_open(house: House, partner_id: str) -> bool:
    of_partner = sa.select(correction.c.correction_id).where(
        correction.c.partner_id == partner_id, correction.c.state.in_(["draft", "released"])
    )
    with house.engine.connect() as conn:
        return conn.execute(of_partner.limit(1)).first() is not None


def correction_received(
    run: Run, row: sa.Row[Any], parent: sa.Row[Any], named_at: datetime | None
) -> ReceivedFile:
    """A correction as a received file: in its parent's place among the policy's sets.

    Its control numbers are its parent's and count for nobody.
    """
    return ReceivedFile(
        partner_id=row.partner_id,
        name=row.name,
        kind="correction",
        function_code=parent.function_code,
        named_at=named_at,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        storage_key=row.storage_key,
        run_id=run.run_id,
        received_at=run.as_of,
    )
