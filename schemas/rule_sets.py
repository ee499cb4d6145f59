"""All that files are judged by, as a value: rules, companion guides of exchanges, partners.

The program's own rulebook is one of many: a folder of changes makes another, and both can be used
side by side in one process. A row of a change names the row that it changes and holds only what is
different:

    rules/*.toml         rows [[rules]] with `id`; `severity = "off"` takes a rule out
    companions/*.toml    an exchange, by the name of its file
    partners/*.toml      a partner, by the name of its file
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from schemas.catalog import Direction, Rule, load_rules
from schemas.errors import Terminal
from schemas.limits import Limits, load_limits
from schemas.partners import Exchange, Partner, load_exchange, load_partner

OFF = "off"  # the severity of a rule that is taken out

Row = TypeVar("Row", bound=BaseModel)


@dataclass(frozen=True, eq=False)
class Rulebook:
    """All rules by id, and those exchanges and partners that are not as the program has them."""

    rules: Mapping[str, Rule]
    exchanges: Mapping[str, Exchange] = field(default_factory=dict)
    partners: Mapping[str, Partner] = field(default_factory=dict)

    def exchange(self, exchange_id: str) -> Exchange:
        """The exchange of that id."""
        return self.exchanges.get(exchange_id) or load_exchange(exchange_id)

    def partner(self, partner: Partner) -> Partner:
        """The partner as this rulebook has it."""
        return self.partners.get(partner.id, partner)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, in hex: the version of the rules."""
        digest = sha256()
        for rows in (self.rules, self.exchanges, self.partners):
            for row in rows.values():
                digest.update(row.model_dump_json().encode() + b"\n")
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rulebook) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self) -> tuple[Callable[..., "Rulebook"], tuple[Any, ...]]:
        """For other processes: the program's own rulebook they read themselves."""
        if self is load_rulebook():
            return load_rulebook, ()
        return Rulebook, (self.rules, self.exchanges, self.partners)


@dataclass(frozen=True)
class RuleSet:
    """What holds for one file: the rulebook, whose file it is, the day on which it came, and where.

    Without a partner the implementation guide alone holds, without a day every rule whatever its
    dates. `limits` say how much is told of what breaks a rule.
    """

    rulebook: Rulebook
    partner: Partner | None = None
    day: date | None = None
    direction: Direction = "exchange_to_issuer"
    limits: Limits = field(default_factory=load_limits, compare=False)  # of no matter to what holds

    @cached_property
    def exchange(self) -> Exchange | None:
        """The partner's exchange."""
        return self.rulebook.exchange(self.partner.exchange) if self.partner else None

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """The rules that hold, by id, as milder as was agreed with the partner."""
        exchange = self.partner.exchange if self.partner else None
        agreed = self._tolerances
        return {
            rule.id: rule.model_copy(update={"severity": agreed[rule.id]})
            if rule.id in agreed
            else rule
            for rule in self.rulebook.rules.values()
            if rule.holds_for(exchange, self.direction)
            and (self.day is None or rule.holds_on(self.day))
            and agreed.get(rule.id) != OFF
        }

    @property
    def _tolerances(self) -> dict[str, str]:
        """What becomes of the rules that the partner may break on that day, by their ids."""
        is_received = self.direction == "exchange_to_issuer"  # what we send is never tolerated
        agreed = self.partner.tolerances if self.partner and is_received else ()
        return {one.rule: one.effect for one in agreed if one.holds_on(self.day)}

    def __hash__(self) -> int:
        partner = self.partner.id if self.partner else None
        return hash((self.rulebook, partner, self.day, self.direction))

    def __reduce__(self) -> tuple[type["RuleSet"], tuple[Any, ...]]:
        return RuleSet, (self.rulebook, self.partner, self.day, self.direction, self.limits)


@cache
def load_rulebook() -> Rulebook:
    """The program's own rulebook."""
    return Rulebook(load_rules())


def read_changes(folder: Path, partners: Path | None = None) -> Rulebook:
    """The program's rulebook with the changes of a folder.

    Raises Terminal when the folder changes nothing, or when one of its files is wrong. `partners`
    is the folder of the partners that are changed, if it is not the program's.
    """
    changed = Rulebook(
        rules=_changed_rules(folder),
        exchanges={
            path.stem: _merged(path, load_exchange(path.stem), content)
            for path, content in _files(folder, "companions")
        },
        partners={
            path.stem: _merged(path, load_partner(path.stem, partners), content)
            for path, content in _files(folder, "partners")
        },
    )
    if not changes_in(changed, partners):
        raise Terminal(
            f"{folder} changes nothing. Put rows into its rules/, companions/ or partners/."
        )
    return changed


@dataclass(frozen=True)
class Change:
    """One thing that a rulebook has otherwise than the program: of a rule, exchange or partner."""

    kind: str
    id: str
    field: str
    before: Any
    after: Any


def changes_in(book: Rulebook, partners: Path | None = None) -> list[Change]:
    """What the rulebook has otherwise than the program, in the order of the rows."""
    found = []
    for rule in load_rules().values():
        if rule.id in book.rules:
            found += _changes("rule", rule.id, rule, book.rules[rule.id])
        else:
            found.append(Change("rule", rule.id, "severity", rule.severity, OFF))
    for exchange_id, exchange in book.exchanges.items():
        found += _changes("exchange", exchange_id, load_exchange(exchange_id), exchange)
    for partner_id, partner in book.partners.items():
        found += _changes("partner", partner_id, load_partner(partner_id, partners), partner)
    return found


def _changes(kind: str, row_id: str, before: BaseModel, after: BaseModel) -> list[Change]:
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    return [
        Change(kind, row_id, name, old[name], new[name]) for name in old if old[name] != new[name]
    ]


def _changed_rules(folder: Path) -> dict[str, Rule]:
    rules = dict(load_rules())
    for path, content in _files(folder, "rules"):
        rows = content.get("rules")
        if not isinstance(rows, list):
            raise Terminal(f"{path}: a file of rules is TOML with rows [[rules]].")
        for row in rows:
            known = load_rules().get(row.get("id"))
            if known is None:
                raise Terminal(
                    f"{path}: no rule {row.get('id')}. Only rules that exist can be changed; "
                    "`edi834 rules` lists them."
                )
            if row.get("severity") == OFF:
                rules.pop(known.id, None)
            else:
                rules[known.id] = _merged(path, known, row)
    return rules


def _files(folder: Path, kind: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The TOML files of a kind with their content, in the order of their names."""
    if not folder.is_dir():
        raise Terminal(f"{folder} is no folder. Name one that holds changed rules.")
    for path in sorted((folder / kind).glob("*.toml")):
        try:
            yield path, tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Terminal(f"{path} is not valid TOML: {error}. Correct the file.") from error


def _merged(path: Path, row: Row, changes: Mapping[str, Any]) -> Row:
    """The row with changes, table by table. Raises Terminal when it is no row any more."""
    try:
        return type(row).model_validate(_over(row.model_dump(exclude_unset=True), changes))
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(str(part) for part in wrong["loc"]) or "row"
        whose = f"{changes['id']}: " if "id" in changes else ""
        raise Terminal(f"{path}: {whose}{place}: {wrong['msg']}. Correct the file.") from error


def _over(known: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(known)
    for key, value in changes.items():
        is_table = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _over(merged[key], value) if is_table else value
    return merged
