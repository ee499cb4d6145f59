"""Every bad answer to a monthly file stands in the ledger with a reason, and does nothing."""

import pytest
import sqlalchemy as sa

from schemas.database import file
from schemas.months import month_file
from tests.cases.bad_input import MONTH_FOLDERS, load_case
from tests.cases.house import Nights, opened_house

CASES = {folder.name: load_case(folder) for folder in MONTH_FOLDERS}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_answer_to_a_monthly_file_has_its_answer(name, tmp_path, engine):
    """State and note of the ledger; nobody is acknowledged, and one good answer counts once."""
    case = CASES[name]
    nights = Nights(opened_house(tmp_path, engine))
    nights.spend(case.files, to_book=True)

    assert [nights.became(file_id) for file_id in nights.file_ids] == [
        one.expected for one in case.files
    ]
    with nights.house.engine.connect() as conn:
        notes = conn.execute(sa.select(file.c.note).order_by(file.c.file_id)).scalars().all()
        loaded = sa.select(sa.func.count()).where(month_file.c.state == "loaded")
        good = conn.execute(loaded).scalar_one()
    assert [one.note in (note or "") for one, note in zip(case.files, notes, strict=True)] == [
        True
    ] * len(case.files)
    assert good == any(one.expected.state == "applied" for one in case.files)
