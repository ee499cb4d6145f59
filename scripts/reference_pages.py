"""Pages of the manual that are made here: settings, tables of files, database, pictures of pages.

A hook of MkDocs (`make docs`). Nothing is written into `docs/`: what the code says is said once.
"""

import ast
import inspect
import io
import sys
import tokenize
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

import pyarrow as pa
import sqlalchemy as sa
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from sqlalchemy.dialects import postgresql

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files of the manual with those that are made here."""
    docs = Path(config.docs_dir)
    pages = {
        "reference/settings": settings_page(),
        "reference/tables": tables_page(),
        "reference/database": database_page(),
        "reference/console": console_page(docs / "screens"),
        "decisions/index": decisions_page(docs / "decisions"),
    }
    for name, content in pages.items():
        files.append(File.generated(config, f"{name}.md", content=content))
    return files


def decisions_page(folder: Path) -> str:
    """The titles of all decisions, each with its page."""
    titles = {
        path.name: path.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        for path in sorted(folder.glob("[0-9]*.md"))
    }
    parts = [f"- [{title}]({name})" for name, title in titles.items()]
    return "\n".join(["# Decisions\n", *parts, ""])


def settings_page() -> str:
    """Every setting with its type, default and what the code says beside it."""
    module = import_module("pipeline.settings")
    parts = [
        "# Settings\n",
        f"{inspect.cleandoc(module.__doc__ or '')}\n",
        "A setting inside of another one is a table in `edi834.toml`.\n",
    ]
    models = {"Settings": "Top level"} | {
        name: inspect.cleandoc(found.__doc__ or "")
        for name, found in vars(module).items()
        if isinstance(found, type)
        and issubclass(found, BaseModel)
        and found.__module__ == module.__name__
        and name != "Settings"
    }
    for name, told in models.items():
        model = getattr(module, name)
        said = dict(_comments_of_fields(module, name))
        parts += [
            f"## {name.removesuffix('Settings') or told}\n",
            "" if name == "Settings" else told,
        ]
        parts += ["", "| setting | type | default | |", "|---|---|---|---|"]
        for field, info in model.model_fields.items():
            default = (
                "needed"
                if info.is_required()
                else f"`{info.get_default(call_default_factory=True)}`"
            )
            kind = _cell(
                str(info.annotation).replace("pipeline.settings.", "").replace("pathlib.", "")
            )
            kind = kind.removeprefix("&lt;class '").removesuffix("'&gt;")
            parts.append(
                f"| `{field}` | {kind} | {_cell(default)} | {_cell(said.get(field, ''))} |"
            )
        parts.append("")
    return "\n".join(parts)


def tables_page() -> str:
    """Every table that passes between rooms, and so every Parquet file of a checked file."""
    module = import_module("schemas.tables")
    parts = ["# Tables of a checked file\n", f"{inspect.cleandoc(module.__doc__ or '')}\n"]
    comments = _comments(module)
    for name, first, last in _assigned(module):
        schema = getattr(module, name)
        if not isinstance(schema, pa.Schema):
            continue
        lines = inspect.getsource(module).splitlines()
        parts += [f"## {name.lower()}\n", "| column | type | |", "|---|---|---|"]
        for field in schema:
            at = [n for n in range(first, last + 1) if f'"{field.name}"' in lines[n - 1]]
            said = comments.get(at[0], "") if at else ""
            parts.append(f"| `{field.name}` | {_cell(str(field.type))} | {_cell(said)} |")
        parts.append("")
    return "\n".join(parts)


def database_page() -> str:
    """Every table of the database: columns, what they refer to, and the states that there are."""
    for found in iter_modules(import_module("schemas").__path__, "schemas."):
        if not found.ispkg:
            import_module(found.name)
    metadata = import_module("schemas.columns").metadata
    parts = [
        "# The database\n",
        "What PostgreSQL remembers. Triggers append changes of state to `ledger.audit_entry`.\n",
    ]
    for table in sorted(metadata.tables.values(), key=lambda one: one.fullname):
        parts += [
            f"## {table.fullname}\n",
            "| column | type | null | refers to |",
            "|---|---|---|---|",
        ]
        for column in table.columns:
            named = "**" if column.primary_key else ""
            kind = column.type.compile(dialect=postgresql.dialect())
            refers = ", ".join(sorted(key.target_fullname for key in column.foreign_keys))
            null = "yes" if column.nullable else ""
            parts.append(f"| {named}`{column.name}`{named} | {kind} | {null} | {refers} |")
        checks = sorted(
            str(one.sqltext) for one in table.constraints if isinstance(one, sa.CheckConstraint)
        )
        parts += ["", *(f"- `{check}`" for check in checks), ""]
    return "\n".join(parts)


def console_page(pictures: Path) -> str:
    """The pictures that `make screens` has taken of the console's pages, light ones."""
    parts = ["# Pages of the console\n"]
    found = sorted(pictures.glob("*-wide.png"))
    if not found:
        parts.append("No pictures were taken yet: run `make screens`, then `make docs` again.")
    for picture in found:
        name = picture.stem.removesuffix("-wide").replace("-", " ").replace("_", " ")
        parts += [f"## {name.capitalize()}\n", f"![The page](../screens/{picture.name})\n"]
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


def _comments(module: ModuleType) -> dict[int, str]:
    """The comment on each line, going on over lines that hold nothing else."""
    found: dict[int, str] = {}
    source = inspect.getsource(module)
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            if lines[row - 1][:column].strip():
                found[row] = token.string.lstrip("# ")
    return found


def _assigned(module: ModuleType) -> Iterator[tuple[str, int, int]]:
    """Names that a module assigns, each with its first and last line."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.lineno, node.end_lineno or node.lineno


def _comments_of_fields(module: ModuleType, model: str) -> Iterator[tuple[str, str]]:
    comments = _comments(module)
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef) and node.name == model:
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    yield field.target.id, comments.get(field.lineno, "")
