"""Nights by the role of docs/application_role.sql, which owns nothing and alters no trail."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.server import open_engine, upgrade
from tests.cases.world import CEDAR

ROLE = Path(__file__).resolve().parents[2] / "docs" / "application_role.sql"


@pytest.fixture
def world(tmp_path, new_database_url, open_world):
    """A world whose database was made by the owner and is worked on by the narrow role."""
    url = new_database_url()
    owner = open_engine(url)
    upgrade(owner)
    with owner.begin() as conn:
        conn.exec_driver_sql(
            "REVOKE CONNECT, TEMPORARY ON DATABASE " + owner.url.database + " FROM PUBLIC"
        )
        conn.exec_driver_sql(ROLE.read_text("utf-8").replace("%", "%%"))
    owner.dispose()
    narrow = sa.make_url(url).set(username="edi834_app").render_as_string(hide_password=False)
    with open_world(tmp_path, narrow, members=40, partner_ids=(CEDAR,)) as opened:
        yield opened


@pytest.mark.control("retention")
def test_nights_and_what_watches_them_need_no_more_than_the_narrow_role(world):
    """Nights with answers and corrections, the same night again, figures, chores, and the trail."""
    for night in (1, 2):
        world.send(night)
        assert world.run(night).state.startswith("balanced")
        world.exchange.read_answers(night)
    as_of = world.clock(2).isoformat()
    for arguments, codes in (
        (("night", "--as-of", as_of), (0, 1)),
        (("metrics",), (0,)),
        (("alerts",), (0, 1)),
        (("open-items",), (0, 1)),
        (("housekeeping", "audit-trail", "stored-files", "abandoned-files", "expiry"), (0, 1)),
        (("audit", "verify"), (0,)),
    ):
        ended = world.edi834(*arguments)
        assert ended.code in codes, ended.err
        assert "42501" not in ended.out + ended.err

    refused = world.edi834("backup", "take", world.folder / "backup")
    assert refused.code == 2
    assert "permission denied" in refused.err
    assert world.rows("SELECT * FROM ledger.step_failure") == []
    assert world.rows("SELECT current_user") == [("edi834_app",)]
