"""Who may do what: the table `access.toml`, and nothing that it leaves out."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from schemas.errors import Terminal

EVERYONE, EMERGENCY = "everyone", "emergency"


class FieldAccess(BaseModel):
    """Who sees a field as it is, and who may uncover it with a reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    shown: frozenset[str]
    reveal: frozenset[str]


@dataclass(frozen=True)
class Access:
    """The table: roles with what they are for, endpoints as `METHOD /path`, and fields."""

    roles: dict[str, str]
    open: frozenset[str]
    endpoints: dict[str, frozenset[str]]
    fields: dict[str, FieldAccess]

    def admits(self, endpoint: str, roles: Iterable[str]) -> bool:
        """Whether somebody with these roles may use the endpoint."""
        allowed = self.endpoints.get(endpoint, frozenset())
        return EVERYONE in allowed or not allowed.isdisjoint(roles)

    def is_widened(self, endpoint: str) -> bool:
        """Whether an emergency opens the endpoint for all partners: it reads, or names the role."""
        return endpoint.startswith("GET ") or EMERGENCY in self.endpoints.get(endpoint, ())

    def shows(self, field: str, roles: Iterable[str]) -> bool:
        """Whether the field is shown to these roles without a mask."""
        return not self.fields[field].shown.isdisjoint(roles)

    def reveals(self, field: str, roles: Iterable[str]) -> bool:
        """Whether these roles may uncover the field."""
        return not self.fields[field].reveal.isdisjoint(roles)

    def require(self, endpoints: Iterable[str]) -> None:
        """Raises Terminal unless the table names exactly these endpoints."""
        served, known = set(endpoints), self.open | self.endpoints.keys()
        for missing, what in (
            (served - known, "is served, and has no row"),
            (known - served, "has a row, and is not served"),
        ):
            if missing:
                raise Terminal(f"{min(missing)} {what}. Correct console/access.toml.")


@cache
def load_access() -> Access:
    """The table. Raises Terminal when it names a role that there is not."""
    content = tomllib.loads(files("console").joinpath("access.toml").read_text("utf-8"))
    access = Access(
        roles=content["roles"],
        open=frozenset(content["open"]),
        endpoints={name: frozenset(roles) for name, roles in content["endpoints"].items()},
        fields={name: FieldAccess(**row) for name, row in content["fields"].items()},
    )
    named = frozenset[str]().union(
        *access.endpoints.values(), *(f.shown | f.reveal for f in access.fields.values())
    )
    unknown = named - access.roles.keys() - {EVERYONE}
    if unknown:
        raise Terminal(f"console/access.toml names no role {min(unknown)!r}. Correct it there.")
    return access
