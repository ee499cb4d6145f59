"""The bad inputs as data: `NN-short-name/case.toml` says what comes in and what must become of it.

row            the row of the table of bad inputs, which `answer` repeats in its own words
decided        what was decided where the table leaves it open
completed_by   which later part of the product completes the answer, where one does
to_book        whether the night goes on into the book
max_file_bytes the setting, where another one is needed
[[files]]      each file that comes in, in the order of arrival:
    content    `base` with `edits` or a whole `text`, as `schemas.catalog.Example` has them;
               `<9 x A>` in an edit stands for nine of them; `keep_bytes` cuts the end off;
               `archive` is a ZIP with texts by their names; the base "rcno" is an answer to a
               monthly file, "pre_audit" a pre-audit file, which only texts edit
    name, partner, day   of the mailbox; the day of the night
    expected   state and verdict in the ledger; TA1 by interchange; IK3 to AK9 of the 999; rules
               in the error report, and those that only warn; members by their disposition
posted         of payments: the dollars (BPR02) that each file has put into the accounts
[extract]      instead: what the carrier's extract holds, and how its refusal is worded
"""

import gzip
import io
import re
import tomllib
import zipfile
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tests.cases.examples import BASES, edited, whole
from tests.monthly.answers import answer, record
from tests.monthly.pre_audits import audited, line

_OF_MONTH = {"rcno": answer(record(1), record(2)), "pre_audit": audited(line(), line("S2", "1002"))}
_REPEATED = re.compile(r"<(\d+) x (.+?)>", re.DOTALL)


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Expected(_Row):
    """What must become of one file."""

    state: str
    verdict: str | None = None
    ta1: tuple[str, ...] = ()
    report_999: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    members: dict[str, int] = {}


class Content(_Row):
    """The bytes of one file."""

    base: str = "ffe-initial"
    edits: dict[str, list[str] | str] = {}
    text: str | None = None
    keep_bytes: int | None = None
    archive: dict[str, str] = {}
    packed: bool = False  # by gzip

    def bytes(self):
        """The content as it lies in the mailbox."""
        if self.archive:
            return self._zipped()
        if self.text is not None:
            return self._whole(self.text)
        if self.base in _OF_MONTH:
            return self._of_month()[: self.keep_bytes]
        content = edited(BASES[self.base], self.edits).decode("latin-1")
        return _expanded(content).encode("latin-1")[: self.keep_bytes]

    def _of_month(self):
        """Edits are texts only."""
        text = _OF_MONTH[self.base].decode("ascii")
        for old, new in self.edits.items():
            assert old in text, old
            text = text.replace(old, new)
        content = text.encode("latin-1")
        return gzip.compress(content, mtime=0) if self.packed else content

    def _whole(self, text):
        return whole(BASES[self.base], _expanded(text))

    def _zipped(self):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in self.archive.items():
                entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
                archive.writestr(entry, self._whole(text), zipfile.ZIP_DEFLATED)
        return target.getvalue()


def _expanded(text):
    return _REPEATED.sub(lambda found: found[2] * int(found[1]), text)


class Received(_Row):
    """One file that comes in."""

    content: Content = Content()
    name: str | None = None
    partner: str = "harbor-light-nc"
    day: date = date(2026, 1, 2)
    note: str = ""  # what the ledger says of it, in part
    expected: Expected


class Extract(_Row):
    """An extract of the carrier that is refused."""

    content: Content
    ending: str = ".csv"
    refused: str


class Case(_Row):
    """One row of the table."""

    row: int
    input: str
    answer: str
    decided: str | None = None
    completed_by: str | None = None
    to_book: bool = False
    max_file_bytes: int | None = None
    files: tuple[Received, ...] = ()
    extracts: tuple[Extract, ...] = ()
    posted: tuple[str, ...] = ()


def load_case(folder):
    """The case of a folder."""
    return Case.model_validate(tomllib.loads((folder / "case.toml").read_text("utf-8")))


MONTH_FOLDERS = sorted(Path(__file__).parent.glob("month-[0-9][0-9]-*"))
PAYMENT_FOLDERS = sorted(Path(__file__).parent.glob("payment-[0-9][0-9]-*"))
FOLDERS = sorted(Path(__file__).parent.glob("[0-9][0-9]-*"))
