"""Pages that say which test shows what: `docs/controls.md` and `docs/faults.md`.

Each is made of rows (`docs/controls.toml`, `docs/faults.toml`) and of the marks on tests. `python
scripts/evidence_pages.py` writes them; a test says when they are not up to date, and when a row has
neither a test nor a reason.
"""

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"control": Path("docs/controls.md"), "fault": Path("docs/faults.md")}


@dataclass(frozen=True)
class Shown:
    """A test with a mark: where it is, and the first line of what it says of itself."""

    mark: str  # control | fault
    ids: tuple[str, ...]
    name: str
    says: str


def marked_tests() -> Iterator[Shown]:
    """All marks on tests, in the order of their files."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree, name = ast.parse(path.read_text("utf-8")), path.relative_to(ROOT).as_posix()
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield from _marks_of(node.decorator_list, node, f"{name}::{node.name}")
            elif (
                isinstance(node, ast.Assign)
                and ast.unparse(node.targets[0]) == "pytestmark"
                and isinstance(node.value, ast.List)
            ):  # of all tests in the file
                yield from _marks_of(node.value.elts, tree, name)


def _marks_of(
    marks: list[ast.expr], node: ast.FunctionDef | ast.Module, name: str
) -> Iterator[Shown]:
    for mark in marks:
        if not isinstance(mark, ast.Call) or not isinstance(mark.func, ast.Attribute):
            continue
        if mark.func.attr in PAGES:
            ids = tuple(str(ast.literal_eval(argument)) for argument in mark.args)
            lines = (ast.get_docstring(node) or "").split("\n\n")
            yield Shown(mark.func.attr, ids, name, " ".join(lines[0].split()))


def rows_of(mark: str) -> list[dict[str, str]]:
    """The rows of a page, in their order."""
    text = (ROOT / PAGES[mark]).with_suffix(".toml").read_text("utf-8")
    rows: list[dict[str, str]] = tomllib.loads(text)["rows"]
    return rows


def page(mark: str) -> str:
    """The page of that mark."""
    shown = [one for one in marked_tests() if one.mark == mark]
    head = {
        "control": [
            "# Controls, and the tests that show them",
            "",
            "Controls that software can show. Each names the tests that fail when it does not",
            "hold, and what no test of this program shows. A control of people, places or",
            "contracts is not here.",
        ],
        "fault": [
            "# Faults, and the tests that survive them",
            "",
            "What nights bring, what is to become of it, and the tests that bring it about with",
            "real parts: a database, an SSH server, a killed process, a full disk.",
        ],
    }[mark]
    rows = PAGES[mark].with_suffix(".toml")
    made = f"Made of `{rows}` and of marks on tests by `scripts/evidence_pages.py`."
    parts = [*head, "", made, ""]
    for row in rows_of(mark):
        parts += _section(mark, row, [one for one in shown if row["id"] in one.ids])
    return "\n".join(parts).rstrip() + "\n"


def _section(mark: str, row: dict[str, str], tests: list[Shown]) -> list[str]:
    title = row["names"] if mark == "control" else row["id"]
    parts = [f"## {title}", "", f"{row['says']}."]
    if "then" in row:
        parts += ["", f"**Then.** {row['then']}."]
    parts += ["", *(f"- `{one.name}`: {one.says}" for one in tests)]
    parts += [""] if tests else []
    parts += [f"**No test.** {row['why']}", ""] if "why" in row else []
    parts += [f"**Not shown.** {row['lacks']}", ""] if "lacks" in row else []
    return parts


def main() -> None:
    """Writes both pages."""
    for mark, path in PAGES.items():
        (ROOT / path).write_text(page(mark), "utf-8")


if __name__ == "__main__":
    main()
