"""What is wrong with a file, finding by finding: one table that CSV, workbook and page are made of.

Two kinds of finding: the issues of the verdict, and members whose final disposition is `rejected`
or `pending` for a reason that is no issue of their own (their set was rejected for another member,
or the book does not know the policy). A row holds identifiers and places. Of the faulty value it
holds the shape.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from mmap import mmap

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replies.shapes import shapes
from schemas import tables
from schemas.verdict import Verdict

SEVERITIES = ("reject", "error", "pending", "warning", "info")  # the worst first
TOLD_TO_THE_EXCHANGE = ("reject", "error", "pending")

ERROR_ROWS = pa.schema(
    [
        ("severity", tables.TEXT),  # of the rule; of a member: reject | pending
        ("rule", tables.TEXT),
        ("snip", pa.int8()),
        ("x12_field", tables.TEXT),  # TA105 | AK905 | IK502 | IK304 | IK403; null: told here only
        ("x12_code", tables.TEXT),
        ("sentence", tables.TEXT),
        ("suggested_fix", tables.TEXT),
        ("exchange_subscriber_id", tables.TEXT),
        ("exchange_member_id", tables.TEXT),
        ("exchange_policy_id", tables.TEXT),
        ("file_name", tables.TEXT),
        ("file_sha256", tables.TEXT),
        ("interchange_control_number", tables.TEXT),
        ("group_control_number", tables.TEXT),
        ("transaction_set_control_number", tables.TEXT),
        ("segment_id", tables.TEXT),
        ("segment_ordinal", tables.ORDINAL),  # 1 = ST
        ("loop", tables.TEXT),
        ("element", tables.ELEMENT),
        ("component", tables.ELEMENT),
        ("byte_start", tables.BYTE),
        ("byte_end", tables.BYTE),
        ("masked_value", tables.TEXT),  # its shape; null where no element is at fault
    ]
)

# Findings of one severity, rule and sentence have one cause: the same is to be done about them.
CAUSES = pa.schema(
    [
        *(ERROR_ROWS.field(name) for name in ("severity", "rule", "snip", "x12_field", "x12_code")),
        *(ERROR_ROWS.field(name) for name in ("sentence", "suggested_fix")),
        ("findings", tables.COUNT),
        ("members", tables.COUNT),
        ("transaction_sets", tables.COUNT),
    ]
)
# What is needed of `tables.MEMBERS`.
MEMBER_COLUMNS = (
    *("member_ordinal", "exchange_subscriber_id", "exchange_member_id", "exchange_policy_id"),
    *("byte_start", "byte_end"),
)
_IDS = tuple(name for name in MEMBER_COLUMNS if name.endswith("_id"))
_LONGEST_ID = 50  # characters; what is longer is no identifier (X12 data element 127)
_ELEMENT_SEPARATOR = 3  # its place in ISA
_LEVELS = ("TA105", "AK905", "IK502")  # what takes everything inside with it, the outermost first

Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class ReportedFile:
    """One received file as the report sees it.

    `members` needs MEMBER_COLUMNS, of those members at least that findings are about.
    """

    file_name: str
    verdict: Verdict
    members: pa.Table
    dispositions: pa.Table  # tables.DISPOSITIONS, after the book has had its say
    content: bytes | mmap = b""  # without it nothing is told of values


@dataclass(frozen=True)
class Wording:
    """What a rule or a reason of the book says, and what to do about it, by its id."""

    sentences: Mapping[str, str] = field(default_factory=dict)
    fixes: Mapping[str, str] = field(default_factory=dict)


class ErrorFindings:
    """The findings of one file, the worst first and each severity in file order."""

    def __init__(self, file: ReportedFile, wording: Wording) -> None:
        self.file = file
        self.wording = wording
        self._issues = pa.concat_tables([file.verdict.issues, _members_not_accepted(file, wording)])
        self._ranks = ranks(self._issues["severity"])

    def __len__(self) -> int:
        return len(self._issues)

    def batches(self, rows: int, severities: tuple[str, ...] = SEVERITIES) -> Iterator[pa.Table]:
        """The findings of those severities as ERROR_ROWS, so many rows at a time."""
        order = np.argsort(self._ranks, kind="stable")
        wanted = [SEVERITIES.index(severity) for severity in severities]
        order = order[np.isin(self._ranks[order], wanted)]
        for start in range(0, len(order), rows):
            yield self._rows(order[start : start + rows])

    def causes(self) -> pa.Table:
        """The causes (CAUSES) with how often each is met, the worst and most frequent first."""
        return self._counted.select(CAUSES.names).cast(CAUSES)

    def first_places(self, causes: int, places: int) -> pa.Table:
        """ERROR_ROWS of the first causes, of each at most so many places, in file order."""
        position = np.full(len(self._counted), len(self._counted))
        position[self._counted["cause"].to_numpy()[:causes]] = np.arange(len(position[:causes]))
        cause = position[self._cause_of]
        known = np.flatnonzero(cause < len(position[:causes]))
        known = known[np.argsort(cause[known], kind="stable")]
        rank = np.arange(len(known)) - np.searchsorted(cause[known], cause[known])
        return self._rows(known[rank < places])

    @cached_property
    def _cause_of(self) -> Ints:
        """Per finding the number of its cause."""
        cause = self._ranks.astype(np.int64)
        for name in ("rule", "message"):
            encoded = self._issues[name].combine_chunks().dictionary_encode()
            cause = cause * (len(encoded.dictionary) + 1) + pc.fill_null(encoded.indices, -1)
        return np.unique(cause, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def _counted(self) -> pa.Table:
        """CAUSES and the number of each cause in `cause`."""
        counted = self._issues.append_column("cause", pa.array(self._cause_of))
        same = ("severity", "rule", "snip", "x12_field", "x12_code", "message")
        distinct = ("member_ordinal", "set_ordinal")
        grouped = counted.group_by("cause", use_threads=False).aggregate(
            [
                *((name, "first") for name in same),
                ([], "count_all"),
                *((name, "count_distinct") for name in distinct),
            ]
        )
        names = {name: name.removesuffix("_first") for name in grouped.column_names}
        names |= {
            "message_first": "sentence",
            "count_all": "findings",
            "member_ordinal_count_distinct": "members",
            "set_ordinal_count_distinct": "transaction_sets",
        }
        grouped = grouped.rename_columns([names[name] for name in grouped.column_names])
        fixes = _looked_up(grouped["rule"], self.wording.fixes)
        return sorted_causes(grouped.append_column("suggested_fix", fixes))

    def _rows(self, places: Places) -> pa.Table:
        """ERROR_ROWS of some findings: their ordinals become names and numbers."""
        issues = self._issues.take(pa.array(places))
        verdict = self.file.verdict
        sets = _found(issues["set_ordinal"], verdict.transaction_sets, "set_ordinal")
        group_ordinals = pc.coalesce(issues["group_ordinal"], sets["group_ordinal"])
        groups = _found(group_ordinals, verdict.functional_groups, "group_ordinal")
        ordinals = pc.coalesce(issues["interchange_ordinal"], groups["interchange_ordinal"])
        interchanges = _found(ordinals, verdict.interchanges, "interchange_ordinal")
        members = _found(issues["member_ordinal"], self.file.members, "member_ordinal")
        columns = {name: issues[name] for name in ERROR_ROWS.names if name in issues.column_names}
        columns |= {name: _short(members[name]) for name in _IDS}
        columns |= {
            "sentence": issues["message"],
            "suggested_fix": _looked_up(issues["rule"], self.wording.fixes),
            "file_name": pa.repeat(_text(self.file.file_name), len(issues)),
            "file_sha256": pa.repeat(_text(verdict.sha256), len(issues)),
            "interchange_control_number": _short(interchanges["control_number"]),
            "group_control_number": _short(groups["control_number"]),
            "transaction_set_control_number": _short(sets["control_number"]),
            "masked_value": self._masked_values(issues, interchanges["byte_start"]),
        }
        return pa.table({name: columns[name] for name in ERROR_ROWS.names}).cast(ERROR_ROWS)

    def _masked_values(self, issues: pa.Table, isa_starts: pa.ChunkedArray) -> pa.Array:
        """Shapes of the elements at fault; null for segments, and for elements not there."""
        if not len(self.file.content):
            return pa.nulls(len(issues), tables.TEXT)
        content = np.frombuffer(self.file.content, np.uint8)
        starts, ends, headers = (
            pc.fill_null(column, 0).to_numpy()
            for column in (issues["byte_start"], issues["byte_end"], isa_starts)
        )
        separators = content[np.minimum(headers + _ELEMENT_SEPARATOR, len(content) - 1)]
        # The bytes of an issue are those of the whole segment where the element is not there.
        is_element = pc.is_valid(issues["element"]).to_numpy() & (starts > headers)
        is_element &= content[np.maximum(starts, 1) - 1] == separators
        return shapes(content, starts, np.where(is_element, ends, starts))


def ranks(severities: pa.ChunkedArray) -> npt.NDArray[np.int8]:
    """How bad each severity is, 0 for the worst."""
    found: Ints = pc.index_in(severities, value_set=_texts(SEVERITIES)).to_numpy()
    return found.astype(np.int8)


def sorted_causes(causes: pa.Table) -> pa.Table:
    """The causes, the worst first: by severity, by how much falls with them, by how often."""
    levels = pc.index_in(causes["x12_field"], value_set=_texts(_LEVELS))
    keys = pa.table(
        {
            "rank": ranks(causes["severity"]),
            "level": pc.fill_null(levels, len(_LEVELS)),
            "is_consequence": pc.is_null(causes["snip"]),  # the member's own place is not wrong
            "findings": causes["findings"],
            "rule": causes["rule"],
            "sentence": causes["sentence"],
        }
    )
    order = [(name, "ascending") for name in keys.column_names]
    order[keys.column_names.index("findings")] = ("findings", "descending")
    return causes.take(pc.sort_indices(keys, order))


def _members_not_accepted(file: ReportedFile, wording: Wording) -> pa.Table:
    """`tables.ISSUES` of members that are not accepted and have no issue of the same rule."""
    issues, decided = file.verdict.issues, file.dispositions
    is_open = pc.is_in(decided["state"], value_set=_texts(["rejected", "pending"]))
    decided = decided.filter(is_open)
    known = pc.is_in(
        _member_and_rule(decided["member_ordinal"], decided["reason"]),
        value_set=_member_and_rule(issues["member_ordinal"], issues["rule"]).combine_chunks(),
    )
    decided = decided.filter(pc.invert(known))
    place = _found(decided["member_ordinal"], file.members, "member_ordinal")
    is_rejected = pc.equal(decided["state"], "rejected")
    count = len(decided)
    columns = {
        "rule": decided["reason"],
        "severity": pc.if_else(is_rejected, _text("reject"), _text("pending")),
        "set_ordinal": decided["set_ordinal"],
        "member_ordinal": decided["member_ordinal"],
        "segment_id": pa.repeat(_text("INS"), count),
        "loop": pa.repeat(_text("2000"), count),
        "byte_start": place["byte_start"],
        "byte_end": place["byte_end"],
        "message": _looked_up(decided["reason"], wording.sentences),
    }
    empty = {name: pa.nulls(count, kind) for name, kind in _types(tables.ISSUES).items()}
    return pa.table(empty | columns).cast(tables.ISSUES)


def _types(schema: pa.Schema) -> dict[str, pa.DataType]:
    return dict(zip(schema.names, schema.types, strict=True))


def _found(ordinals: pa.ChunkedArray, table: pa.Table, key: str) -> pa.Table:
    """The table's row for each ordinal, all null where there is none."""
    return table.take(pc.index_in(ordinals, value_set=table[key].combine_chunks()))


def _looked_up(ids: pa.ChunkedArray, texts: Mapping[str, str]) -> pa.ChunkedArray:
    place = pc.index_in(ids, value_set=_texts(list(texts)))
    return _texts(list(texts.values())).take(place)


def _short(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_slice_codeunits(ids, 0, _LONGEST_ID)


def _member_and_rule(members: pa.ChunkedArray, rules: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(pc.cast(members, tables.TEXT), rules, _text(" "))


def _texts(values: Sequence[str]) -> pa.Array:
    return pa.array(values, tables.TEXT)


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, tables.TEXT)
