"""A checked file as the error report sees it, from its stored tables and its bytes."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from parsers.delimiters import ISA_BYTES
from pipeline.checked_tables import read_members
from replies.error_findings import MEMBER_COLUMNS, ErrorFindings, ReportedFile, Wording
from schemas.catalog import Rule, load_rules
from schemas.verdict import Verdict
from strongroom.files import opened
from strongroom.sealing import Sealed

_PIECE_BYTES = 1 << 16


@contextmanager
def findings_in(
    path: Path, name: str, folder: Path, verdict: Verdict, dispositions: pa.Table
) -> Iterator[ErrorFindings]:
    """The findings of the file at `path` while it is mapped; its tables are in `folder`."""
    open_members = dispositions.filter(pc.not_equal(dispositions["state"], "accepted"))
    told_of = pa.concat_tables(
        [table.select(["member_ordinal"]) for table in (verdict.issues, open_members)]
    )["member_ordinal"]
    members = read_members(folder, MEMBER_COLUMNS, pc.unique(told_of))
    with _looked_at(path, verdict) as content:
        reported = ReportedFile(name, verdict, members, dispositions, content)
        yield ErrorFindings(reported, _wording())


@contextmanager
def _looked_at(path: Path, verdict: Verdict) -> Iterator[bytes | mmap.mmap]:
    """The file's bytes; of a sealed one those around issues and headers only, and zeros else."""
    with opened(path) as content:
        if not isinstance(content, Sealed):
            yield content
            return
        if not len(content):
            yield b""
            return
        with mmap.mmap(-1, len(content)) as copy:
            for piece in _pieces(verdict):
                start, stop = piece * _PIECE_BYTES, (piece + 1) * _PIECE_BYTES
                copy[start : min(stop, len(content))] = content[start:stop]
            yield copy


def _pieces(verdict: Verdict) -> set[int]:
    """Which pieces of the file hold an interchange's header or something that is at fault."""
    headers = verdict.interchanges["byte_start"].drop_null().to_pylist()
    places = [(start, start + ISA_BYTES) for start in headers]
    at_fault = (verdict.issues[name].to_pylist() for name in ("byte_start", "byte_end"))
    places += [one for one in zip(*at_fault, strict=True) if None not in one]
    return {
        piece
        for start, stop in places
        for piece in range(max(start - 1, 0) // _PIECE_BYTES, stop // _PIECE_BYTES + 1)
    }


def _wording() -> Wording:
    rules = load_rules()
    return Wording(
        sentences={rule.id: _sentence(rule) for rule in rules.values()},
        fixes={rule.id: rule.fix for rule in rules.values()},
    )


def _sentence(rule: Rule) -> str:
    """What is said to a member that is rejected for a place that is not its own."""
    if "{" not in rule.wording:
        return rule.wording
    return f"The member is rejected for {rule.id}, broken at another place of its transaction set."
