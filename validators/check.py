"""One received file to its tables and its verdict, in one pass and without any database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.envelope import Envelope, EnvelopePart, gather_envelope
from parsers.packed import Packed
from parsers.reading import ReceivedFile, open_received
from schemas import tables
from schemas.catalog import Direction
from schemas.limits import Limits, load_limits
from schemas.partners import Partner
from schemas.rule_sets import Rulebook, RuleSet, load_rulebook
from schemas.verdict import Quarantine, Verdict
from strongroom.files import source_of
from validators.acknowledgement_rules import find_acknowledgement_faults
from validators.business.borders import find_faults_across_stretches
from validators.business.judge import HandedOn
from validators.crews import Alone, Crew
from validators.delimiter_rules import find_delimiter_faults
from validators.dispositions import dispose_members
from validators.duplicates import (
    Numbers,
    Recall,
    find_repeated_groups,
    find_repeated_interchanges,
    recall_nothing,
)
from validators.envelope_rules import find_envelope_faults, issue, issue_table
from validators.file_kinds import unreadable_rule
from validators.in_force import in_force
from validators.members import Members
from validators.partner_rules import find_far_dates, find_partner_faults
from validators.parts import ONCE_AN_INTERCHANGE, Part
from validators.payment_balance import find_imbalances
from validators.processes import give_back_memory
from validators.quarantine import quarantine_of, spread_over_file
from validators.told import Told
from validators.unread import find_unread, is_partly_unread
from validators.verdict import judge_file, judge_groups, judge_interchanges, judge_sets, weigh
from validators.workers import Work, check_parts

ALONE = Alone()
_SHOWN_BYTES = 106
_COUNTED = ("segments", "members", "subscribers", "coverages", "reporting_categories")

Tell = Callable[[int], None]


class Sink(Protocol):
    """Where the tables of a file go, stretch by stretch, in file order."""

    def write(self, name: str, table: pa.Table) -> None:
        """Takes in rows of the table `name`: segments, members, coverages and so on."""


@dataclass(frozen=True)
class Terms:
    """Under which terms a file is checked.

    Without a partner the implementation guide alone holds, without a day every rule whatever its
    dates. `seen_interchanges` are the (ISA06, ISA13) of earlier files, `seen_groups` tells which
    (GS02, GS06) an earlier one brought, and `is_copy` whether one had the same bytes. `limits` say
    in how large pieces a file is read, and how much is told of it. `rulebook` has the rules,
    companion guides and partners that hold. `direction` is the way that the file goes: what is
    agreed on the sender of an envelope is looked at in what an exchange sends only.
    """

    partner: Partner | None = None
    seen_interchanges: Numbers = frozenset()
    other_receivers: frozenset[str] = frozenset()  # trading partner ids of our other mailboxes
    seen_groups: Recall = recall_nothing
    is_copy: bool = False
    limits: Limits = field(default_factory=load_limits)
    day: date | None = None
    direction: Direction = "exchange_to_issuer"
    rulebook: Rulebook = field(default_factory=load_rulebook)

    @property
    def rules(self) -> RuleSet:
        """What holds for the file."""
        partner = self.rulebook.partner(self.partner) if self.partner else None
        return RuleSet(self.rulebook, partner, self.day, self.direction, self.limits)


@dataclass
class _Gathered:
    """What the parts of a file leave behind."""

    told: Told
    envelope: list[EnvelopePart] = field(default_factory=list)
    members: list[Members] = field(default_factory=list)
    business_units: list[pa.Table] = field(default_factory=list)
    handed_on: list[HandedOn] = field(default_factory=list)
    paid: list[Packed] = field(default_factory=list)
    groups: int = 0
    sets: int = 0
    most_issues: int = 0  # of one stretch
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))

    def add(self, part: Part) -> None:
        self.groups += part.tally.groups
        self.sets += part.tally.sets
        self.most_issues = max(self.most_issues, len(part.issues))
        self.envelope.append(part.envelope)
        self.told.add(part.issues)
        self.members.append(part.members)
        self.business_units.append(part.business_units)
        self.handed_on.append(part.handed_on)
        if part.paid is not None:
            self.paid.append(part.paid)
        for name, count in part.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count

    def surplus(self, limits: Limits) -> str | None:
        """The rule that is broken when the file holds more than is read from one."""
        if self.groups > limits.functional_groups:
            return "groups-too-many"
        if self.sets > limits.transaction_sets:
            return "sets-too-many"
        return "issues-too-many" if self.most_issues > limits.issues_of_a_stretch else None


@dataclass(frozen=True)
class Checked:
    """The verdict on a file and how much was in it."""

    verdict: Verdict
    counts: dict[str, int]


def check_file(
    path: Path, terms: Terms, sink: Sink | None = None, tell: Tell | None = None, crew: Crew = ALONE
) -> Checked:
    """Parses and validates the file at `path`, and hands its tables to `sink`.

    Nothing in the file raises: what is wrong with it is in `verdict.issues`. `tell` hears how many
    bytes are done. Large files are judged by the `crew`; the result is the same
    whoever works.
    """
    rules = terms.rules
    with open_received(path) as received:
        unreadable = unreadable_rule(received, terms.limits)
        if unreadable is not None:
            return _refuse(received, unreadable, rules)
        gathered = _Gathered(Told(rules))
        source = source_of(path)
        work = Work(source, wants_tables=sink is not None, limits=terms.limits, rules=rules)
        for part in check_parts(received, work, crew):
            gathered.add(part)
            surplus = gathered.surplus(terms.limits)
            if surplus is not None:
                return _refuse(received, surplus, rules)
            for name, table in part.tables.items():
                if sink is not None:
                    sink.write(name, table)
            if tell is not None:
                tell(part.byte_end)
        return _conclude(received, gathered, terms, rules)


def _refuse(received: ReceivedFile, rule_id: str, rules: RuleSet) -> Checked:
    shown = {"byte_start": 0, "byte_end": min(received.size_bytes, _SHOWN_BYTES)}
    verdict = Verdict(
        sha256=received.sha256,
        size_bytes=received.size_bytes,
        file_verdict="unreadable",
        interchanges=tables.INTERCHANGES.empty_table(),
        functional_groups=tables.FUNCTIONAL_GROUPS.empty_table(),
        transaction_sets=tables.TRANSACTION_SETS.empty_table(),
        interchange_verdicts=tables.INTERCHANGE_VERDICTS.empty_table(),
        group_verdicts=tables.GROUP_VERDICTS.empty_table(),
        set_verdicts=tables.SET_VERDICTS.empty_table(),
        issues=in_force(issue_table([issue(rule_id, "ISA", shown)]), rules),
        dispositions=tables.DISPOSITIONS.empty_table(),
        quarantine=Quarantine(rule_id, is_answered=True),
    )
    return Checked(verdict, _Gathered(Told(rules)).counts | _envelope_counts(verdict))


def _conclude(
    received: ReceivedFile,
    gathered: _Gathered,
    terms: Terms,
    rules: RuleSet,
) -> Checked:
    with received.hashed_meanwhile():
        envelope = gather_envelope(gathered.envelope)
        gathered.envelope.clear()
        give_back_memory()
        issues = _issues(received, envelope, gathered, terms, rules)
    verdict = _verdict(received, envelope, issues, gathered, rules.partner)
    counts = gathered.counts | _envelope_counts(verdict)
    counts["issues"] += gathered.told.left_out
    return Checked(verdict, counts)


def _issues(
    received: ReceivedFile,
    envelope: Envelope,
    gathered: _Gathered,
    terms: Terms,
    rules: RuleSet,
) -> pa.Table:
    """All issues of the file, in its order, as severe as the rules that hold have them."""
    regions = received.layout.regions
    about_envelope = find_envelope_faults(envelope, regions, received.guide)
    found = [find_unread(received, envelope), find_delimiter_faults(envelope, regions)]
    found += [about_envelope, find_acknowledgement_faults(envelope)]
    found.extend(_of_known_types(about_envelope, gathered.told.take()))
    across = find_faults_across_stretches(received, envelope, gathered.handed_on, rules)
    found.extend(_of_known_types(about_envelope, list(across)))
    found.extend(_of_known_types(about_envelope, [find_imbalances(gathered.paid)]))
    found += _of_partnership(received, envelope, terms, rules)
    together = pa.concat_tables(found)
    found.clear()
    counted = _once_an_interchange(in_force(together, rules))
    del together
    return weigh(spread_over_file(counted, envelope, rules.partner), rules.partner).sort_by(
        [("byte_start", "ascending"), ("element", "ascending")]
    )


def _of_partnership(
    received: ReceivedFile, envelope: Envelope, terms: Terms, rules: RuleSet
) -> Iterator[pa.Table]:
    """Issues of numbers that came before, and of what was not agreed with the partner."""
    yield find_repeated_interchanges(
        envelope, received.content, terms.seen_interchanges, is_copy=terms.is_copy
    )
    is_received = rules.direction == "exchange_to_issuer"
    if is_received and rules.partner is not None and rules.exchange is not None:
        yield find_repeated_groups(envelope, terms.seen_groups)
        yield find_partner_faults(envelope, rules.partner, rules.exchange, terms.other_receivers)
        yield find_far_dates(envelope, terms.day)


def _once_an_interchange(issues: pa.Table) -> pa.Table:
    """Issues with only the first of each rule about writing in each interchange."""
    about_writing = pc.is_in(issues["rule"], pa.array(ONCE_AN_INTERCHANGE, tables.TEXT))
    if not pc.any(about_writing).as_py():
        return issues
    parts = [issues.filter(pc.invert(about_writing))]
    for rule in ONCE_AN_INTERCHANGE:
        found = issues.filter(pc.equal(issues["rule"], rule)).sort_by("byte_start")
        ordinals = found["interchange_ordinal"].to_numpy()
        _, first = np.unique(ordinals, return_index=True)
        parts.append(found.take(pa.array(first)))
    return pa.concat_tables(parts)


def _of_known_types(about_envelope: pa.Table, found: list[pa.Table]) -> Iterator[pa.Table]:
    """Issues without those inside sets of another type than the file is judged as."""
    foreign = about_envelope.filter(pc.equal(about_envelope["rule"], "set-type-unsupported"))
    ordinals = foreign["set_ordinal"].combine_chunks()
    for issues in found:
        is_foreign = pc.is_in(issues["set_ordinal"], ordinals, skip_nulls=True)
        yield issues.filter(pc.invert(is_foreign)) if pc.any(is_foreign).as_py() else issues


def _verdict(
    received: ReceivedFile,
    envelope: Envelope,
    issues: pa.Table,
    gathered: _Gathered,
    partner: Partner | None,
) -> Verdict:
    members = Members.gathered(gathered.members)
    interchanges = judge_interchanges(envelope, issues)
    sets = judge_sets(envelope, issues, interchanges, members)
    groups = judge_groups(envelope, issues, interchanges, sets)
    dispositions = dispose_members(envelope, issues, sets, members)
    file_verdict = judge_file(interchanges, groups, sets, dispositions)
    if file_verdict != "rejected" and is_partly_unread(issues):
        file_verdict = "partially_accepted"
    return Verdict(
        sha256=received.sha256,
        size_bytes=received.size_bytes,
        file_verdict=file_verdict,
        interchanges=envelope.interchanges,
        functional_groups=envelope.functional_groups,
        transaction_sets=envelope.transaction_sets,
        interchange_verdicts=interchanges,
        group_verdicts=groups,
        set_verdicts=sets,
        issues=issues,
        dispositions=dispositions,
        business_units=pa.concat_tables(gathered.business_units),
        quarantine=quarantine_of(issues, file_verdict, partner),
    )


def _envelope_counts(verdict: Verdict) -> dict[str, int]:
    return {
        "interchanges": len(verdict.interchanges),
        "functional_groups": len(verdict.functional_groups),
        "transaction_sets": len(verdict.transaction_sets),
        "issues": len(verdict.issues),
    }
