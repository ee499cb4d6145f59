"""Rows of TOML: facts that ship with this package, read and checked."""

import tomllib
from importlib.resources import files
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.errors import Terminal


class Row(BaseModel):
    """A row: what it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Kind = TypeVar("Kind", bound=BaseModel)


def read_rows(kind: type[Kind], *name: str) -> Kind:
    """What `schemas/<name>` holds. Raises Terminal when it is missing, no TOML, or wrong."""
    path = files("schemas").joinpath(*name)
    try:
        return kind.model_validate(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError as error:
        raise Terminal(f"No file {path}. Check the name.") from error
    except tomllib.TOMLDecodeError as error:
        raise Terminal(f"{path} is not valid TOML: {error}. Correct the file.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Terminal(f"{path}: {place}: {first['msg']}. Correct the file.") from error
