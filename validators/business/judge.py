"""The rules of this package over one stretch.

A stretch begins anywhere between two members. What can be said of one row is said there. What
needs all members of a transaction set is said where the set lies whole; of the others each stretch
hands on their rows (`OpenSets`), and `borders.py` judges them when the file is read, so that no
result depends on the cuts.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from parsers.columns import PlacedRows
from parsers.members import BusinessTables
from parsers.packed import Packed, pack
from parsers.segments import Flags, Ints
from parsers.stretch import Stretch
from schemas.rule_sets import RuleSet
from validators.business.checks import Check, Checks, load_checks
from validators.business.facts import Facts, Tables
from validators.business.places import Places
from validators.business.plans import RULE as PLAN_RULE
from validators.business.plans import PlanSeen, plans_seen
from validators.business.stretch_facts import StretchFacts
from validators.issues import Findings

HOUSEHOLD_MEMBERS = 200  # of a set with more, members are counted and not looked at together
OF_MEMBERS = ("member", "coverage", "reporting_category")


@dataclass(frozen=True)
class OpenSets:
    """What a stretch knows of the transaction sets that it does not hold whole.

    `counts` has their ordinals, and their members and subscribers in this stretch. `rows` are
    those of the tables of members; of a set with too many members to be one household, none.
    """

    counts: Packed
    rows: dict[str, Packed]


@dataclass(frozen=True)
class HandedOn:
    """What waits for the rest of the file."""

    open_sets: OpenSets | None = None
    plans: tuple[PlanSeen, ...] = ()


@dataclass(frozen=True)
class Judged:
    """Issues of a stretch, as `tables.ISSUES`, and what waits for the rest of the file."""

    issues: pa.Table
    handed_on: HandedOn


def find_business_faults(stretch: Stretch, business: BusinessTables, rules: RuleSet) -> Judged:
    """What breaks a rule in a stretch."""
    checks = load_checks(rules)
    facts = StretchFacts(stretch, tables_of(business), checks)
    findings = Findings(stretch, rules.limits)
    teller = Teller(facts, findings)
    for check in checks.of_rows:
        teller.tell(check)
    is_open = _is_open(facts)
    teller.tell_of_sets(checks, ~is_open)
    seen = plans_seen(facts) if PLAN_RULE in rules.rules else ()
    return Judged(findings.to_table(), HandedOn(_hand_on(facts, checks, is_open), seen))


def tables_of(business: BusinessTables, counts: dict[str, Ints] | None = None) -> Tables:
    """The tables of the parser, as the rules look at them."""
    return Tables(
        business.members,
        business.coverages,
        business.reporting_categories,
        business.set_headers,
        counts,
    )


@dataclass(frozen=True)
class Teller:
    """Says what breaks a rule, and where."""

    facts: StretchFacts
    findings: Findings

    def tell(self, check: Check, is_judged: Flags | None = None) -> None:
        """Adds the places at which the rule is broken, in the rows that are judged."""
        broken = check.broken(self.facts)
        if is_judged is not None:
            broken = broken & is_judged
        if not broken.any():
            return
        rows = np.flatnonzero(broken)
        if check.table.startswith("element"):
            self.findings.add(
                check.rule.id, self.facts.segment_rows(check.table)[rows], int(str(check.shown))
            )
            return
        self.findings.add(check.rule.id, *self._places.find(check.table, rows, check.shown))

    @cached_property
    def _places(self) -> Places:
        """Made for the first rule that is broken, and kept for the others."""
        stretch = self.facts.stretch
        return Places(stretch, self.facts, PlacedRows(stretch))

    def tell_of_sets(self, checks: Checks, is_whole: Flags) -> None:
        """Adds what is wrong with the members of those sets that are whole, taken together."""
        if not is_whole.any():
            return
        small = is_whole & is_household(self.facts.member_counts)
        judged = {"set_header": small, "any size": is_whole}
        for table in OF_MEMBERS:
            sets = self.facts.set_of_member
            judged[table] = np.append(small, False)[sets]
            if table != "member":
                judged[table] = np.append(judged["member"], False)[self.facts.owners(table)]
        for check in checks.of_sets:
            self.tell(check, judged["any size" if check.only_counts else check.table])


def is_household(member_counts: Ints) -> Flags:
    """Per set: whether its members are looked at together; there may be too many of them."""
    few: Flags = member_counts <= HOUSEHOLD_MEMBERS
    return few


def _is_open(facts: StretchFacts) -> Flags:
    """Per set that begins in the stretch: whether it goes on behind it."""
    is_open = np.zeros(facts.count("set_header"), dtype=np.bool_)
    is_open[-1:] = len(facts.stretch.segments) > 0 and facts.stretch.placement.lane_of[-1] >= 0
    return is_open


def _hand_on(facts: StretchFacts, checks: Checks, is_open: Flags) -> OpenSets | None:
    """The rows of the sets that began before the stretch or go on behind it."""
    sets = facts.set_of_member
    goes_on = sets < 0
    goes_on[sets >= 0] = is_open[sets[sets >= 0]]
    if not (goes_on.any() or is_open.any()):
        return None
    rows = np.flatnonzero(goes_on)
    of_members = facts.tables["member"]["set_ordinal"].to_numpy()[rows]
    opened = facts.tables["set_header"]["set_ordinal"].to_numpy()[is_open]
    ordinals = np.union1d(of_members, opened)
    places = np.searchsorted(ordinals, of_members)
    is_subscriber = facts.column("member", "is_subscriber").flags[rows]
    counts = pa.table(
        {
            "set_ordinal": ordinals,
            "members": np.bincount(places, minlength=len(ordinals)),
            "subscribers": np.bincount(places[is_subscriber], minlength=len(ordinals)),
        }
    )
    handed = is_household(counts["members"].to_numpy())[places]
    wanted = rows[handed] if checks.look_at_members else rows[:0]
    return OpenSets(pack(counts), _packed(facts, wanted, checks.of_members))


def _packed(facts: Facts, members: Ints, columns: frozenset[str]) -> dict[str, Packed]:
    chosen = np.zeros(facts.count("member") + 1, dtype=np.bool_)
    chosen[members] = True
    packed = {}
    for name in OF_MEMBERS:
        table = facts.tables[name]
        rows = members if name == "member" else np.flatnonzero(chosen[facts.owners(name)])
        kept = table.select([column for column in table.column_names if column in columns])
        packed[name] = pack(_at(kept, rows))
    return packed


def _at(table: pa.Table, rows: Ints) -> pa.Table:
    """Rows of a table, which are in order and nearly all side by side: no column is gathered."""
    runs = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    return pa.concat_tables(table.slice(int(run[0]) if len(run) else 0, len(run)) for run in runs)
