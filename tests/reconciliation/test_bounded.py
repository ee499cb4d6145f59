"""DuckDB of a reconciliation: what does not fit lies in a folder of its own, encrypted."""

from pathlib import Path

import reconciliation
from reconciliation.bounded import open_duckdb
from schemas.limits import load_comparison_limits
from strongroom.guards import guard
from strongroom.keyring import Keyring


def setting(connection, name):
    return connection.sql(f"SELECT current_setting('{name}')").fetchall()[0][0]


def test_what_does_not_fit_goes_to_a_folder_that_ends(tmp_path, request):
    """Encrypted where the home is; the bound is that of the limits."""
    with open_duckdb() as connection:
        clear = setting(connection, "temp_file_encryption")
        folder = Path(setting(connection, "temp_directory"))
        bound = setting(connection, "memory_limit")
        assert folder.is_dir()
    assert (clear, folder.exists()) == (False, False)
    assert bound.startswith(f"{load_comparison_limits().memory_bytes // 2**20}.")
    guard(tmp_path, Keyring(tmp_path / "keys.toml"))
    request.addfinalizer(lambda: guard(tmp_path, None))
    with open_duckdb() as connection:
        assert setting(connection, "temp_file_encryption") is True


def test_members_and_payments_are_read_by_no_other_duckdb():
    """Reports have one of their own: they hold figures only."""
    rooms = Path(reconciliation.__file__).parent.glob("*.py")
    opening = {path.name for path in rooms if "duckdb.connect(" in path.read_text()}
    assert opening == {"bounded.py", "reports.py"}
