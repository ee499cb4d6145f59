"""History worked again in a scratch house: each piece of work by the function that did it then.

What came from outside is given from the record: the files of the exchange, the carrier's records,
the decisions at the gate, and that a file was delivered.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

import ledger.runs
from enrollment.again import allow_again
from enrollment.holds import Spoken, speak
from ledger import audit, gates, owners
from ledger.carrier_readings import CarrierReading, readings, record_reading
from ledger.control_numbers import JUMPED, jump_ahead
from ledger.files import file_row, record_received
from ledger.operator_words import released_as
from ledger.sent import mark_delivered, sent_file_id
from ledger.wrappings import set_opened
from pipeline.apply import settle_batches
from pipeline.carrier import CarrierRecords
from pipeline.check import check_received
from pipeline.corrections import correction_received
from pipeline.gate import judge_next_batch, stage_checked
from pipeline.journal import journal
from pipeline.month import remember_rcni, send_released
from pipeline.month_intake import take_month_answer
from pipeline.night import close_run
from pipeline.pre_audit import decide_held_file, take_pre_audit
from pipeline.premium import post_file
from pipeline.receive import take_in
from pipeline.reconcile import reconcile_partner
from pipeline.releases import take_one
from pipeline.replay_history import History, Told
from pipeline.report import report_errors
from pipeline.runs import Run
from pipeline.settle import settle_decisions
from pipeline.wiring import House
from pipeline.wrapped import wrapped_file
from reconciliation import months
from schemas.book import hold, hold_word
from schemas.cases import correction
from schemas.database import gate_batch, gate_decision, result
from schemas.errors import Terminal
from schemas.months import month_file
from schemas.operations import operator_word
from schemas.records import MATCH_DECISIONS
from sftp_inbox.receive import Fetched
from strongroom.files import parquet

# Received files have the ids that they had then. Files that are sent count from here on, so that a
# replay that sends more of them than were sent then never meets the id of a received one.
_SENT_IDS = 1_000_000_000_000
_SENT_AT_ONCE = 1_000
_OF_NO_CASE = "ALTER TABLE ledger.correction DROP CONSTRAINT IF EXISTS fk_correction_case_id"
_WAIVED = sa.text("""
UPDATE ledger.case SET state = CASE WHEN state = 'waived' THEN 'new' ELSE 'waived' END
WHERE partner_id = :partner_id AND kind = 'rejected' AND state <> 'resolved'
  AND (state = 'waived') <> (exchange_policy_id = ANY(CAST(:policy_ids AS text[])))
""")
_NO_PARTNER = ""  # for what a run does for none of them


class Replayer:
    """Does the work of a history again in `house`, which is empty; `record` is the real ledger."""

    def __init__(self, house: House, record: sa.Connection, history: History) -> None:
        self.house = house
        self.record = record
        self.history = history
        self._holders: dict[str, Run] = {}
        self._records: dict[tuple[int, str], CarrierRecords] = {}
        self._read_so_far: dict[tuple[int, str], int] = defaultdict(int)
        self._spoken_so_far: dict[int, int] = defaultdict(int)
        self._does: dict[str, Callable[[Told], None]] = {
            "opened": self._open,
            "closed": self._close,
            "received": self._receive,
            "seen again": self._see_again,
            "file checked": self._check,
            "file staged": self._stage,
            "formed": self._form,
            "judged": self._judge,
            "decided": self._decide,
            "spoken": self._speak,
            "allowed again": self._allow_again,
            "partner held": self._say,
            "partner resumed": self._say,
            "file released": self._say,
            "book brought up to date": self._apply,
            "carrier records read": self._read_carrier,
            "payments posted": self._post,
            "month written": self._write_month,
            "month released": self._release_month,
            "month decided": self._decide_month,
            "month told": self._tell_month,
            "reconciled": self._reconcile,
            "decisions settled": self._settle,
            "errors reported": self._report,
            "file delivered": self._deliver,
            JUMPED: self._jump,
        }

    def do(self, told: Told) -> None:
        """Does again what the entry stands for. Raises what the work raises."""
        assert told.work is not None
        self._does[told.work](told)

    def _run(self, run_id: int, partner_id: str = _NO_PARTNER) -> Run:
        """The run, with the right to write for the partner."""
        as_of = self.history.runs[run_id].as_of
        holder = self._holders.get(partner_id)
        if holder is None or holder.run_id != run_id:
            worker = owners.Worker("process", "a replay", self.house.rules.digest, takes_over=True)
            with self.house.engine.begin() as conn:
                taken = owners.take(conn, run_id, [partner_id], worker)
            assert taken is not None  # it takes over
            holder = self._holders[partner_id] = Run(run_id, as_of, taken.token)
        return holder

    def _next_id(self, table: str, column: str, number: int) -> None:
        """The id that the database gives to the next row of a table."""
        with self.house.engine.begin() as conn:
            conn.exec_driver_sql(f"ALTER TABLE {table} ALTER COLUMN {column} RESTART WITH {number}")

    def _open(self, told: Told) -> None:
        with self.house.engine.begin() as conn:
            as_of = self.history.runs[told.object_id].as_of
            ledger.runs.open_run(conn, as_of, self.house.rules)

    def _close(self, told: Told) -> None:
        close_run(self.house, self._run(told.object_id))

    def _receive(self, told: Told) -> None:
        self._next_id("ledger.file", "file_id", told.object_id)
        self._take_in(told)
        self._next_id("ledger.file", "file_id", _SENT_IDS + told.ordinal * _SENT_AT_ONCE)

    def _see_again(self, told: Told) -> None:
        self._take_in(told)

    def _take_in(self, told: Told) -> None:
        row = self._file(told.object_id)
        word = released_as(self.record, told.object_id)
        if word is not None:
            run = self._run(told.details["run"], row.partner_id)
            take_one(self.house, run, row.partner_id, word)
            return
        if row.kind == "correction":
            self._take_correction(told, row)
            return
        if row.kind == "wrapped":
            self._take_wrapped(told, row)
            return
        fetched = Fetched(
            partner_id=row.partner_id,
            name=row.name,
            sha256=row.sha256,
            size_bytes=row.size_bytes,
            storage_key=row.storage_key,
            modified_at=None,
        )
        run = self._run(told.details["run"], row.partner_id)
        take_in(self.house, run, fetched, "month_answer" if row.kind == "month_answer" else None)

    def _take_correction(self, told: Told, row: sa.Row[Any]) -> None:
        """What a person had corrected, as it was taken in then; the draft is not made again.

        The book asks what it corrects, so the night's note of that is given to it. Of which case
        nobody asks: cases have numbers of their own here.
        """
        run = self._run(told.details["run"], row.partner_id)
        drafted = sa.select(correction).where(correction.c.file_id == row.file_id)
        first = self.record.execute(drafted.order_by(correction.c.correction_id)).mappings().first()
        assert first is not None  # noted when it was taken in, and nothing removes one
        kept = {name: value for name, value in first.items() if name != "correction_id"}
        with self.house.engine.begin() as conn:
            if record_received(conn, correction_received(run, row, row, row.named_at)).is_new:
                conn.exec_driver_sql(_OF_NO_CASE)
                conn.execute(sa.insert(correction).values(**kept))

    def _take_wrapped(self, told: Told, row: sa.Row[Any]) -> None:
        """What came wrapped, and whether it was opened then; it is not opened again."""
        run = self._run(told.details["run"], row.partner_id)
        came = Fetched(
            row.partner_id, row.name, row.sha256, row.size_bytes, row.storage_key, None
        )  # fmt: skip
        became = next(
            (
                later.action
                for later in self.history.told
                if later.ordinal > told.ordinal
                and (later.kind, later.object_id) == ("file", told.object_id)
            ),
            None,
        )
        with self.house.engine.begin() as conn:
            file_id = record_received(conn, wrapped_file(run, came)).file_id
            if became in ("applied", "quarantined"):
                set_opened(conn, file_id, None if became == "applied" else row.note or "")

    def _file(self, file_id: int) -> sa.Row[Any]:
        return file_row(self.record, file_id)

    def _check(self, told: Told) -> None:
        file_id = told.details["file"]
        run = self._run(told.object_id, self._file(file_id).partner_id)
        answer = self._month("file_id", file_id)
        if answer is None:
            check_received(self.house, run, file_id)
            return
        self._next_id("reconciliation.month_file", "month_file_id", answer.month_file_id)
        if answer.kind == "pre_audit":
            take_pre_audit(self._house_of(answer.judged_by), run, file_id)
        else:
            take_month_answer(self.house, run, file_id, answer.coverage_year)

    def _month(self, column: str, number: int) -> sa.Row[Any] | None:
        """A file of the month as it is remembered."""
        found = sa.select(month_file).where(month_file.c[column] == number)
        return self.record.execute(found).one_or_none()

    def _write_month(self, told: Told) -> None:
        row = self._month("month_file_id", told.object_id)
        assert row is not None  # nothing removes one
        self._next_id("reconciliation.month_file", "month_file_id", told.object_id)
        remember_rcni(self.house, row.partner_id, row.coverage_year, row.as_of)

    def _release_month(self, told: Told) -> None:
        row = self._month("month_file_id", told.object_id)
        assert row is not None  # nothing removes one
        with self.house.engine.begin() as conn:
            months.release(conn, told.object_id, row.released_by, row.account, row.reason)

    def _decide_month(self, told: Told) -> None:
        row = self._month("month_file_id", told.object_id)
        assert row is not None  # nothing removes one
        said = months.Said(row.released_by, row.account, row.reason)
        decide_held_file(self.house, told.object_id, row.state, said)

    def _house_of(self, operator: str | None) -> House:
        """The house in which the night ran in that person's name."""
        if operator is None:
            return self.house
        settings = self.house.settings.model_copy(update={"operator": operator})
        return replace(self.house, settings=settings)

    def _tell_month(self, told: Told) -> None:
        partner_id = told.details["partner"]
        send_released(self.house, self._run(told.object_id, partner_id), partner_id)

    def _stage(self, told: Told) -> None:
        file_id = told.details["file"]
        partner_id = self._file(file_id).partner_id
        stage_checked(self.house, self._run(told.object_id, partner_id), partner_id, file_id)

    def _form(self, told: Told) -> None:
        self._next_id("ledger.gate_batch", "batch_id", told.object_id)
        with self.house.engine.begin() as conn:
            gates.form_batch(conn, told.details["partner"], told.details["run"])

    def _judge(self, told: Told) -> None:
        batch = self.record.execute(
            sa.select(gate_batch).where(gate_batch.c.batch_id == told.object_id)
        ).one()
        run = self._run(told.details["judged_in_run"], batch.partner_id)
        judge_next_batch(self._house_of(batch.judged_by), run, batch.partner_id)

    def _decide(self, told: Told) -> None:
        row = self.record.execute(
            sa.select(gate_decision).where(gate_decision.c.batch_id == told.object_id)
        ).one()
        decision = gates.Decision(row.decision, row.decided_by, row.account, row.reason)
        with self.house.engine.begin() as conn:
            gates.decide(conn, told.object_id, decision)

    def _speak(self, told: Told) -> None:
        """The next person's word about the hold, which has a number of its own here."""
        words = self.record.execute(
            sa.select(hold_word, hold.c.run_id, hold.c.partner_id)
            .join_from(hold_word, hold)
            .where(hold_word.c.hold_id == told.object_id)
            .order_by(hold_word.c.decided_at)
        ).all()
        row = words[self._spoken_so_far[told.object_id]]
        self._spoken_so_far[told.object_id] += 1
        same = sa.select(sa.func.max(hold.c.hold_id)).where(
            hold.c.run_id == row.run_id, hold.c.partner_id == row.partner_id
        )
        with self.house.engine.begin() as conn:
            spoken = Spoken(row.word, row.decided_by, row.account, row.reason)
            speak(conn, conn.execute(same).scalar_one(), spoken)

    def _say(self, told: Told) -> None:
        """The same person's word to the nights, under its number."""
        known = sa.select(operator_word).where(operator_word.c.operator_word_id == told.object_id)
        row = dict(self.record.execute(known).mappings().one()) | {"taken_as": None}
        del row["operator_word_id"]
        self._next_id("ledger.operator_word", "operator_word_id", told.object_id)
        with self.house.engine.begin() as conn:
            conn.execute(sa.insert(operator_word).values(**row))

    def _allow_again(self, told: Told) -> None:
        """The same person's word; the decision has a number of its own here."""
        about = told.details
        with self.house.engine.begin() as conn:
            number = allow_again(conn, about["partner"], about["policy"], about["by"])
            audit.note(conn, "allowed again", "decision", number, **about)

    def _apply(self, told: Told) -> None:
        partner_id = told.details["partner"]
        settle_batches(self.house, self._run(told.object_id, partner_id), partner_id)

    def _read_carrier(self, told: Told) -> None:
        run_id, partner_id = key = told.object_id, told.details["partner"]
        reading = readings(self.record, run_id, partner_id)[self._read_so_far[key]]
        self._read_so_far[key] += 1
        self._records[key] = self._kept(reading)
        with self.house.engine.begin() as conn:
            record_reading(conn, reading)

    def _kept(self, reading: CarrierReading) -> CarrierRecords:
        members, payments, requests = (
            pq.read_table(parquet(self.house.landing.verified_path(key))) for key in reading.keys
        )
        stale = reading.is_stale
        return CarrierRecords(
            members, payments, requests, stale, stale or reading.payments_are_stale
        )

    def _post(self, told: Told) -> None:
        file_id = told.details["file"]
        run = self._run(told.object_id, self._file(file_id).partner_id)
        post_file(self.house, run, file_id)

    def _reconcile(self, told: Told) -> None:
        run_id, partner_id = key = told.object_id, told.details["partner"]
        run = self._run(run_id, partner_id)
        records, decisions = self._records[key], self._decisions(run_id, partner_id)
        reconcile_partner(self.house, run, partner_id, records, decisions)

    def _decisions(self, run_id: int, partner_id: str) -> pa.Table:
        """What persons had said of pairs when the run compared."""
        key = self.record.execute(
            sa.select(result.c.decisions_key).where(
                result.c.run_id == run_id, result.c.partner_id == partner_id
            )
        ).scalar_one()
        if key is None:
            return MATCH_DECISIONS.empty_table()
        return pq.read_table(parquet(self.house.landing.verified_path(key)))

    def _settle(self, told: Told) -> None:
        run_id, partner_id = key = told.object_id, told.details["partner"]
        self._let_go(partner_id, told.details.get("let_go", []))
        settle_decisions(self.house, self._run(run_id, partner_id), partner_id, self._records[key])

    def _let_go(self, partner_id: str, policy_ids: list[str]) -> None:
        """The cases of these policies are waived, as persons had waived them then, and no others.

        No other word of theirs about cases is of effect on what a night makes.
        """
        with self.house.engine.begin() as conn:
            conn.execute(_WAIVED, {"partner_id": partner_id, "policy_ids": policy_ids})

    def _report(self, told: Told) -> None:
        partner_id = told.details["partner"]
        report_errors(self.house, self._run(told.object_id, partner_id), partner_id)

    def _jump(self, told: Told) -> None:
        """The same numbers left out as after a restore then."""
        about = told.details
        with self.house.engine.begin() as conn:
            jump_ahead(conn, about["partner"], about["kind"], about["to"])

    def _deliver(self, told: Told) -> None:
        run = self._run(told.object_id)
        sent = self._file(told.details["file"])
        key = (sent.kind, sent.run_id, sent.partner_id, sent.answers_file_id)
        with self.house.engine.begin() as conn:
            file_id = sent_file_id(conn, *key)
            if file_id is None:
                raise Terminal(f"File {sent.name} was delivered then and is not written now.")
            mark_delivered(conn, file_id, run.as_of)
            journal(conn, run, "file delivered", file=file_id)
