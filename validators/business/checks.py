"""Rules of the kinds in this package, made ready once for a rule set: what to look at, and when."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from parsers.segments import Flags
from schemas.catalog import Direction, Rule
from schemas.code_sets import load_codes, load_pairs
from schemas.errors import Terminal
from schemas.partners import Exchange, Partner, normalise_reason
from schemas.rule_sets import RuleSet
from validators.business import amounts, households, kinds
from validators.business.facts import Clause, Facts, is_column

# What rules of members together look at without naming it: who belongs to whom, what a
# transaction is, and amounts by name and day.
_EVERY_RULES = frozenset(
    {
        "set_ordinal",
        "member_ordinal",
        "is_subscriber",
        "maintenance_type",
        "maintenance_reason",
        "additional_maintenance_reason",
        "name",
        "qualifier",
        "value",
        "effective_begin",
    }
)

Meanings = dict[tuple[str, str, str, bool], str]


@dataclass(frozen=True)
class Check:
    """A rule ready to be judged.

    `table` holds the rows that may break it, `column` is where in such a row; what is shown of it
    is that column or another one. A row is looked at where all of `when` hold and not all of
    `unless`. `is_whole` tells that the members of a transaction set are looked at together.
    """

    rule: Rule
    table: str
    column: str | None
    shown: str | None
    when: tuple[tuple[str, Clause], ...]
    unless: tuple[tuple[str, Clause], ...]
    find: Callable[[Facts, "Check"], Flags]
    arguments: Mapping[str, Any]
    is_whole: bool

    def broken(self, facts: Facts) -> Flags:
        """Per row of the table: whether it breaks the rule."""
        looked_at = facts.where(self.table, self.when)
        left_out = facts.where(self.table, self.unless)
        if left_out is not None:
            looked_at = ~left_out if looked_at is None else looked_at & ~left_out
        if looked_at is not None and not looked_at.any():
            return looked_at
        broken = self.find(facts, self)
        return broken if looked_at is None else broken & looked_at

    @property
    def only_counts(self) -> bool:
        """Whether members are counted only, however many a set has."""
        return self.find is households.counted and not self.when

    def names(self) -> set[str]:
        """The columns of its table that it names."""
        named = {name for name, _ in (*self.when, *self.unless)}
        other = self.arguments.get("other")
        return named | {name for name in (self.column, other) if name is not None}


@dataclass(frozen=True)
class Checks:
    """The rules of a rule set that are of these kinds."""

    of_rows: tuple[Check, ...]
    of_sets: tuple[Check, ...]
    meanings: Meanings

    @property
    def look_at_members(self) -> bool:
        """Whether a rule looks at the members of a set together, and not only counts them."""
        return any(not check.only_counts for check in self.of_sets)

    @cached_property
    def of_members(self) -> frozenset[str]:
        """The columns of members, coverages and categories that such rules may look at."""
        return _looked_at(self.of_sets)

    @cached_property
    def looked_at(self) -> frozenset[str]:
        """The columns of members, coverages and categories that any rule may look at."""
        return _looked_at((*self.of_rows, *self.of_sets))


def _looked_at(checks: Iterable[Check]) -> frozenset[str]:
    """All names in the arguments of these rules, columns or not, and what every rule looks at."""
    named = {word.rpartition(".")[2] for check in checks for word in _words(check.rule.arguments)}
    return _EVERY_RULES | named


def _words(arguments: Any) -> Iterator[str]:
    """All texts in the arguments of a rule, and the names of the arguments."""
    if isinstance(arguments, str):
        yield arguments
    elif isinstance(arguments, Mapping):
        for name, value in arguments.items():
            yield name
            yield from _words(value)
    elif isinstance(arguments, Iterable):
        for value in arguments:
            yield from _words(value)


KINDS: dict[str, Callable[[Any, Any], Flags]] = {
    "required": kinds.required,
    "forbidden": kinds.forbidden,
    "code-in": kinds.code_in,
    "pair-in": kinds.pair_in,
    "repetitions-in": kinds.repetitions_in,
    "pattern": kinds.pattern,
    "digits": kinds.digits,
    "equals": kinds.equals,
    "days-between": kinds.days_between,
    "age-between": kinds.age_between,
    "day-of-month": kinds.day_of_month,
    "number-between": kinds.number_between,
    "ascending": kinds.ascending,
    "told-once": kinds.told_once,
    "amount-between": amounts.amount_between,
    "amount-at-most": amounts.amount_at_most,
    "readable-amount": amounts.readable_amount,
    "balance": amounts.balance,
    "sum-of-members": amounts.sum_of_members,
    "counted": households.counted,
    "unique-in-set": households.unique_in_set,
    "first-of-set": households.first_of_set,
}
_OF_SETS = {"sum-of-members", "counted", "unique-in-set", "first-of-set"}
_TABLES = {"household": "set_header"}


@lru_cache(maxsize=64)
def load_checks(rules: RuleSet) -> Checks:
    """The rules of this package among those that hold."""
    checks = [
        _check(rule, rules.exchange, rules.partner)
        for rule in rules.rules.values()
        if rule.kind in KINDS
    ]
    return Checks(
        of_rows=tuple(check for check in checks if not check.is_whole),
        of_sets=tuple(check for check in checks if check.is_whole),
        meanings=_meanings(rules.exchange, rules.direction) if rules.exchange else {},
    )


def _meanings(exchange: Exchange, direction: Direction) -> Meanings:
    """What each combination that may be sent means, by whether a subscriber has it."""
    meanings: Meanings = {}
    for allowed in exchange.combinations:
        if allowed.direction != direction:
            continue
        for additional in map(normalise_reason, allowed.additional):
            key = (allowed.maintenance_type, allowed.maintenance_reason, additional)
            meanings[*key, True] = allowed.transaction
            if allowed.members == "all":
                meanings[*key, False] = allowed.transaction
    return meanings


def _check(rule: Rule, exchange: Exchange | None, partner: Partner | None) -> Check:
    arguments = dict(rule.arguments)
    column = arguments.pop("column", None)
    named = _Named(exchange, partner)
    when, unless = (named.clauses(arguments.pop(name, {})) for name in ("when", "unless"))
    for name in {"of", "untold"} & set(arguments):
        arguments[name] = named.clauses(arguments[name])
    for name in ("codes", "pairs"):
        if name in arguments:
            arguments[name] = frozenset(named.values(arguments[name]))
    if "pairs" in arguments:
        arguments["firsts"] = frozenset(first for first, _ in arguments["pairs"])
    table = _TABLES.get(str(rule.looks_at), str(rule.looks_at))
    if table == "element":
        loops = ",".join(arguments.pop("loops"))
        table = f"element {arguments.pop('segment')} {loops}"
    kind = str(rule.kind)
    shown = arguments.pop("shown", column)
    check = Check(
        rule, table, column, shown, when, unless, KINDS[kind], arguments, kind in _OF_SETS
    )
    for name in check.names():
        if not is_column(table, name):
            raise Terminal(f"Rule {rule.id}: there is no column {name!r} in {table}.")
    ways = {name.partition(".")[0] for name in check.names()}
    return replace(check, is_whole=check.is_whole or bool(ways & {"subscriber", "set"}))


@dataclass(frozen=True)
class _Named:
    """Values that rules call by a name: of the partner, of its exchange, or of a code set."""

    exchange: Exchange | None
    partner: Partner | None

    def clauses(self, when: Mapping[str, Any]) -> tuple[tuple[str, Clause], ...]:
        """Columns and what they must be: true, "present", or any of some values ("": none)."""
        return tuple((name, self._clause(clause)) for name, clause in when.items())

    def _clause(self, clause: Any) -> Clause:
        if isinstance(clause, bool) or clause in ("present", "absent"):
            return clause  # type: ignore[no-any-return]
        return tuple(self.values(clause))

    def values(self, named: Any) -> Iterable[Any]:
        """The values of a list, or those that a name stands for."""
        if not isinstance(named, str):
            return (tuple(value) if isinstance(value, list) else value for value in named)
        owner, _, field = named.partition(".")
        if owner == "codes":
            return load_codes(field)
        if owner == "pairs":
            return load_pairs(field)
        of: Any = self.partner if owner == "partner" else self.exchange
        if owner == "exchange" and field in of.codes:
            return of.codes[field]  # type: ignore[no-any-return]
        value = getattr(of, field, None)
        if value is None:
            raise Terminal(f"A rule names {named}, which nobody has. Correct its row.")
        return [value] if isinstance(value, str) else value
