"""A checked file as the error report sees it, from its stored tables and its bytes."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.checked_tables import read_members
from replies.error_findings import MEMBER_COLUMNS, ErrorFindings, ReportedFile, Wording
from schemas.catalog import Rule, load_rules
from schemas.verdict import Verdict


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
    with _mapped(path) as content:
        reported = ReportedFile(name, verdict, members, dispositions, content)
        yield ErrorFindings(reported, _wording())


@contextmanager
def _mapped(path: Path) -> Iterator[bytes | mmap.mmap]:
    with path.open("rb") as file:
        if not file.seek(0, 2):
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content


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
