"""What lies in several stretches, judged when the whole file is read: groups and transaction sets.

The rows of such sets are put together and judged; a set in which something is wrong is then read
again by itself, because only its segments tell the places.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.delimiters import Span
from parsers.envelope import Envelope
from parsers.members import read_business_tables
from parsers.packed import unpack
from parsers.reading import ReceivedFile
from parsers.segments import Flags
from parsers.stretch import parse_stretch
from parsers.tally import Cursor
from schemas.rule_sets import RuleSet
from validators.business.checks import Checks, load_checks
from validators.business.facts import Facts, Tables
from validators.business.judge import (
    OF_MEMBERS,
    HandedOn,
    OpenSets,
    Teller,
    is_household,
    tables_of,
)
from validators.business.plans import find_plans_of_other_groups
from validators.business.stretch_facts import StretchFacts
from validators.envelope_rules import issue_table
from validators.issues import Findings


def find_faults_across_stretches(
    received: ReceivedFile, envelope: Envelope, handed_on: list[HandedOn], rules: RuleSet
) -> Iterator[pa.Table]:
    """Issues that no stretch could tell alone, as `tables.ISSUES`."""
    checks = load_checks(rules)
    seen = (plan for one in handed_on for plan in one.plans)
    yield issue_table(list(find_plans_of_other_groups(envelope, seen)))
    handed = [one.open_sets for one in handed_on if one.open_sets is not None]
    if not handed or not checks.of_sets:
        return
    tables = _put_together(envelope, handed)
    facts = Facts(tables, checks.meanings)
    for row in np.flatnonzero(_with_faults(facts, checks)).tolist():
        yield _read_again(received, envelope, tables, row, rules)


def _put_together(envelope: Envelope, handed: list[OpenSets]) -> Tables:
    """The rows of all stretches, by set and in file order."""
    counted = unpack(one.counts for one in handed)
    ordinals, places = np.unique(counted["set_ordinal"].to_numpy(), return_inverse=True)
    counts = {}
    for name in ("members", "subscribers"):
        counts[name] = np.zeros(len(ordinals), dtype=np.int64)
        np.add.at(counts[name], places, counted[name].to_numpy())
    members, coverages, categories = (
        unpack(one.rows[table] for one in handed).combine_chunks() for table in OF_MEMBERS
    )
    headers = envelope.transaction_sets.take(pa.array(ordinals - 1))
    return Tables(members, coverages, categories, headers, counts)


def _with_faults(facts: Facts, checks: Checks) -> Flags:
    """Per set: whether it breaks a rule."""
    found = np.zeros(facts.count("set_header") + 1, dtype=np.bool_)
    small = np.append(is_household(facts.member_counts), False)
    for check in checks.of_sets:
        rows = np.flatnonzero(check.broken(facts))
        sets = rows
        if check.table != "set_header":
            members = rows if check.table == "member" else facts.owners(check.table)[rows]
            sets = facts.set_of_member[members]
        found[sets if check.only_counts else sets[small[sets]]] = True
    return found[:-1]


def _read_again(
    received: ReceivedFile, envelope: Envelope, tables: Tables, row: int, rules: RuleSet
) -> pa.Table:
    """What is wrong with one set, at its places.

    Of a set that is too long for one piece the beginning is read: the counts are known, and its
    header is there.
    """
    one = tables.set_headers.slice(row, 1).to_pylist()[0]
    first = one["byte_start"]
    region = received.layout.region_at(first)
    last = min(one["byte_end"] + 1, region.byte_end, first + rules.limits.longest_loop_bytes)
    span = Span(first, last, region.delimiters, begins_interchange=False)
    stretch = parse_stretch(bytes(received.content[first:last]), span, _before(envelope, one))
    counts = {name: column[row : row + 1] for name, column in (tables.counts or {}).items()}
    business = tables_of(read_business_tables(stretch), counts)
    checks, findings = load_checks(rules), Findings(stretch, rules.limits)
    facts = StretchFacts(stretch, business, checks)
    Teller(facts, findings).tell_of_sets(checks, np.ones(1, dtype=np.bool_))
    return findings.to_table()


def _before(envelope: Envelope, one: dict[str, Any]) -> Cursor:
    """What came before a transaction set."""
    earlier = envelope.transaction_sets["member_count"].slice(0, one["set_ordinal"] - 1)
    return Cursor(
        interchanges=one["interchange_ordinal"],
        groups=one["group_ordinal"],
        sets=one["set_ordinal"] - 1,
        members=pc.sum(earlier).as_py() or 0,
    )
