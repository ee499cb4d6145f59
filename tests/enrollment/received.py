"""Files that a carrier receives, as tables by hand: what a parser hands over, and the verdict."""

import pyarrow as pa

from enrollment.omitted import NAMED
from enrollment.staged_events import FileTables
from schemas import tables
from schemas.verdict import Verdict


def tables_of(transaction_sets):
    """TRANSACTION_SETS and the parsed tables of a file that holds the sets."""
    set_rows, member_rows, coverage_rows, category_rows = [], [], [], []
    for set_ordinal, transaction_set in enumerate(transaction_sets, start=1):
        set_rows.append(
            {
                "interchange_ordinal": 1,
                "group_ordinal": 1,
                "set_ordinal": set_ordinal,
                "control_number": f"{set_ordinal:04d}",
                "member_count": len(transaction_set.people),
            }
            | transaction_set.header
        )
        for person in transaction_set.people:
            member_ordinal = len(member_rows) + 1
            place = {"member_ordinal": member_ordinal}
            member_rows.append(
                {"set_ordinal": set_ordinal, "byte_start": 100 * member_ordinal}
                | place
                | person.member
            )
            if person.coverage is not None:
                coverage_rows.append({"coverage_ordinal": 1} | place | person.coverage)
            coverage_rows += [place | coverage for coverage in person.further]
            category_rows += [place | category for category in person.categories]
    return (
        pa.Table.from_pylist(set_rows, schema=tables.TRANSACTION_SETS),
        FileTables(
            pa.Table.from_pylist(member_rows, schema=tables.MEMBERS),
            pa.Table.from_pylist(coverage_rows, schema=tables.COVERAGES),
            pa.Table.from_pylist(category_rows, schema=tables.REPORTING_CATEGORIES),
        ),
    )


def verdict_that_accepts(content, sets, members, fallen=()):
    """A verdict that accepts every set and every member of a file but those who are `fallen`."""
    count = sets.num_rows
    acks = {
        "group_ordinal": [1] * count,
        "set_ordinal": sets.column("set_ordinal"),
        "control_number": sets.column("control_number"),
        "ack": ["A"] * count,
        "codes": [[]] * count,
    }
    fell = [one in fallen for one in members.column("exchange_member_id").to_pylist()]
    decided = {
        "set_ordinal": members.column("set_ordinal"),
        "member_ordinal": members.column("member_ordinal"),
        "state": ["rejected" if one else "accepted" for one in fell],
        "reason": ["dates-order" if one else None for one in fell],
    }
    return Verdict(
        sha256=content,
        size_bytes=1000,
        file_verdict="accepted",
        interchanges=tables.INTERCHANGES.empty_table(),
        functional_groups=tables.FUNCTIONAL_GROUPS.empty_table(),
        transaction_sets=sets,
        interchange_verdicts=tables.INTERCHANGE_VERDICTS.empty_table(),
        group_verdicts=tables.GROUP_VERDICTS.empty_table(),
        set_verdicts=pa.table(acks, schema=tables.SET_VERDICTS),
        issues=tables.ISSUES.empty_table(),
        dispositions=pa.table(decided, schema=tables.DISPOSITIONS),
    )


def naming(*named):
    """Whom a file names: policies as wholes, or (policy, member)."""
    pairs = [one if isinstance(one, tuple) else (one, None) for one in named]
    policies, members = zip(*pairs, strict=True) if pairs else ((), ())
    return pa.Table.from_arrays([pa.array(policies), pa.array(members)], NAMED.names).cast(NAMED)
