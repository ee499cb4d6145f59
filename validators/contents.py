"""What a stretch holds besides its segments, and what its business rules say, by its guide."""

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from parsers.details import read_details
from parsers.members import read_business_tables
from parsers.packed import Packed
from parsers.stretch import Stretch
from schemas import tables as schema
from schemas.rule_sets import RuleSet
from validators.business.checks import load_checks
from validators.business.judge import HandedOn, find_business_faults
from validators.members import Members, business_units

# What is read of members and coverages beside what the rules name: who a member is to the 999, and
# which plans are in a group.
_OF_EVERY_VERDICT = frozenset({"exchange_subscriber_id", "plan_id"})


@dataclass(frozen=True)
class Contents:
    """The tables of a stretch by name, how many rows they count for, and what is wrong in them.

    `people` are the members (`tables.MEMBERS`), none in a HIX 820. `paid` waits for the rest of its
    transaction set (`validators.payments.balance`).
    """

    tables: dict[str, pa.Table]
    counts: dict[str, int]
    set_headers: pa.Table
    issues: pa.Table  # tables.ISSUES
    people: pa.Table = field(default_factory=schema.MEMBERS.empty_table)
    handed_on: HandedOn = field(default_factory=HandedOn)
    paid: Packed | None = None

    @property
    def members(self) -> Members:
        """The members, as the verdict needs them."""
        return Members.of(self.people)

    def units_with(self, issues: pa.Table) -> pa.Table:
        """`tables.BUSINESS_UNITS` of the members that have some of these issues."""
        return business_units(self.people, issues)


def read_enrollments(stretch: Stretch, rules: RuleSet, *, wants_tables: bool) -> Contents:
    """The contents of a stretch of an 834."""
    looked_at = load_checks(rules).looked_at | _OF_EVERY_VERDICT
    business = read_business_tables(stretch, None if wants_tables else looked_at)
    judged = find_business_faults(stretch, business, rules)
    tables = {
        "members": business.members,
        "coverages": business.coverages,
        "reporting_categories": business.reporting_categories,
    }
    counts = {name: len(table) for name, table in tables.items()}
    counts["subscribers"] = pc.sum(business.members["is_subscriber"]).as_py() or 0
    return Contents(
        tables=tables | (read_details(stretch) if wants_tables else {}),
        counts=counts,
        set_headers=business.set_headers,
        issues=judged.issues,
        people=business.members,
        handed_on=judged.handed_on,
    )
