"""Every bad file of payments has its answer, and its money is in the accounts at most once."""

import pytest

from ledger.premium import posted_files
from pipeline.premium import post_payments
from pipeline.runs import open_for_scheduler
from tests.cases.bad_input import PAYMENT_FOLDERS, load_case
from tests.cases.house import Nights, opened_house

CASES = {folder.name: load_case(folder) for folder in PAYMENT_FOLDERS}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_file_of_payments_has_its_answer(name, tmp_path, engine):
    """From the landing zone to TA1, 999 and the accounts."""
    case = CASES[name]
    nights = Nights(opened_house(tmp_path, engine))
    nights.spend(case.files, to_book=True)
    moment = nights.moment
    run = open_for_scheduler(nights.house, moment, [case.files[0].partner]).run
    post_payments(nights.house, run, case.files[0].partner)

    became = [nights.became(file_id) for file_id in nights.file_ids]
    warned = [one.expected.warned for one in case.files]
    plain = [
        one.model_copy(update={"warned": told}) for one, told in zip(became, warned, strict=True)
    ]
    assert plain == [one.expected for one in case.files]
    assert all(set(told) <= set(one.warned) for one, told in zip(became, warned, strict=True))
    with nights.house.engine.connect() as conn:
        posted = [str(row.stated) for row in posted_files(conn)]
    assert tuple(posted) == case.posted
