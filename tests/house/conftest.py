"""The repository as the rules about itself see it."""

import ast
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class House:
    """The checked-out repository."""

    root: Path

    @cached_property
    def project(self) -> dict[str, Any]:
        return tomllib.loads((self.root / "pyproject.toml").read_text())

    @cached_property
    def rooms(self) -> list[str]:
        """Our top-level packages; the DAGs are files that the scheduler reads, and not one."""
        packages = self.project["tool"]["setuptools"]["packages"]
        return sorted({package.partition(".")[0] for package in packages} - {"dags"})

    def modules(self, *folders: str) -> Iterator[tuple[str, ast.Module]]:
        """Path and syntax tree of each module in the folders; of the rooms and DAGs by default."""
        for folder in folders or (*self.rooms, "dags"):
            for path in sorted((self.root / folder).rglob("*.py")):
                yield path.relative_to(self.root).as_posix(), ast.parse(path.read_text())

    def tracked(self) -> list[Path]:
        """Every path under version control."""
        if shutil.which("git") is None or not (self.root / ".git").exists():
            pytest.skip("this is not a git checkout, so there are no committed files to look at")
        listing = subprocess.run(
            ["git", "ls-files", "-z"], cwd=self.root, check=True, capture_output=True, text=True
        ).stdout
        return [self.root / name for name in listing.split("\0") if name]

    @property
    def links(self) -> list[str]:
        """Those that are symbolic links."""
        return [p.relative_to(self.root).as_posix() for p in self.tracked() if p.is_symlink()]

    @cached_property
    def committed(self) -> dict[str, str]:
        """The text of every file under version control, by its path."""
        return {
            path.relative_to(self.root).as_posix(): path.read_text(errors="replace")
            for path in self.tracked()
            if path.is_file()
        }


@pytest.fixture(scope="session")
def house() -> House:
    return House(Path(__file__).parents[2])
