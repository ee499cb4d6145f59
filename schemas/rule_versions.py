"""Which rules hold, as a digest of each kind: so that a verdict can say what judged it.

The digests are of what the rows mean, not of how their files are written: a comment, the order of
keys, or an example changes none.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from schemas.catalog import load_rules
from schemas.code_sets import load_code_sets, load_pairs
from schemas.comparison import load_comparison
from schemas.decisions import load_decisions
from schemas.gate import load_gate
from schemas.limits import load_limits, load_report_limits
from schemas.partners import load_exchanges, load_partners
from schemas.pre_audit import load_pre_audit_comparison

# Everything that is run. What Airflow calls is `pipeline`; its own files decide nothing.
_ROOMS = (
    *("enrollment", "ledger", "parsers", "pipeline", "reconciliation", "replies"),
    *("schemas", "sftp_inbox", "validators"),
)


@dataclass(frozen=True)
class RulesInForce:
    """All that decides about a file: the program, and by kind the SHA-256 of its rows, in hex.

    `program` is the version, a plus sign and the first digits of the hash of its source.
    """

    program: str
    parts: dict[str, str]

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all of it, in hex."""
        return _digest([self.program, self.parts])

    def differs_in(self, other: "RulesInForce") -> tuple[str, ...]:
        """The kinds of rows, and `program`, that the other one has otherwise."""
        mine, theirs = ({"program": one.program} | one.parts for one in (self, other))
        return tuple(sorted(k for k in mine | theirs if mine.get(k) != theirs.get(k)))


@cache
def rules_in_force(partners: Path | None = None) -> RulesInForce:
    """What this process judges by. `partners` is the folder of partners, if not the program's."""
    parts: dict[str, Callable[[], Any]] = {
        "guide": _guide,
        "rules": lambda: _rows(load_rules().values(), leave_out={"example"}),
        "exchanges": lambda: _rows(load_exchanges().values()),
        "partners": lambda: _rows(load_partners(partners).values()),
        "codes": lambda: {name: sorted(load_pairs(name)) for name in load_code_sets()},
        "gate": lambda: asdict(load_gate()),
        "decisions": lambda: _rows([load_decisions()]),
        "reconciliation": lambda: _rows([load_comparison(), load_pre_audit_comparison()]),
        "limits": lambda: [asdict(load_limits()), asdict(load_report_limits())],
    }
    return RulesInForce(_program(), {kind: _digest(content()) for kind, content in parts.items()})


def _digest(content: Any) -> str:
    return sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _rows(rows: Iterable[Any], leave_out: set[str] | None = None) -> list[Any]:
    return [row.model_dump(mode="json", exclude=leave_out) for row in rows]


def _guide() -> dict[str, str]:
    """The maps from which the guide and the codes of X12 are compiled."""
    maps = (path for path in files("pyx12").joinpath("map").iterdir() if path.name.endswith("xml"))
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in maps}


def _program() -> str:
    root = Path(str(files("schemas"))).parent
    source = sha256()
    for room in _ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            source.update(path.relative_to(root).as_posix().encode() + b"\n" + path.read_bytes())
    return f"{version('edi834')}+{source.hexdigest()[:12]}"
