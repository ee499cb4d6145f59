"""What we would answer to files that other projects publish: at most one refusal, and valid."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.proof import prove_acknowledgements, prove_interchange_acknowledgements
from replies.ack999 import count_groups, write_999
from replies.ta1 import count_ta1, write_ta1
from replies.x12_writer import ControlNumbers, Envelope
from schemas.partners import load_exchange, load_partner
from tests.cases.answers import (
    assert_counts_are_right,
    complaints_about_999,
    complaints_about_ta1,
)
from validators.check import Terms, check_file

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"
FILES = (
    sorted(SAMPLES.glob("*.834")) + sorted(SAMPLES.glob("*.999")) + sorted(SAMPLES.glob("*.820"))
)
HARBOR = load_partner("harbor-light-nc")
NIGHT = datetime(2026, 1, 2, 4, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not FILES, reason="no samples beside the project")


@pytest.mark.parametrize("agreed", [Terms(), Terms(HARBOR)], ids=["any partner", "one of ours"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_answer_says_one_thing_and_is_valid(path, agreed):
    """TA1 R means no 999; AK9 counts right; pyx12 and our own parser read both."""
    verdict = check_file(path, agreed).verdict
    envelopes = [
        Envelope(HARBOR, load_exchange("ffe"), number, NIGHT)
        for number in range(1, count_ta1(verdict) + 2)
    ]
    *of_ta1, last = envelopes
    ta1 = write_ta1(verdict, of_ta1)
    prove_interchange_acknowledgements(ta1, verdict)
    if ta1:
        assert complaints_about_ta1(ta1) == []
    count = count_groups(verdict)
    report = write_999(verdict, last, ControlNumbers(range(1, count + 1), range(1, count + 1)))
    if set(verdict.interchange_verdicts["ta1_code"].to_pylist()) <= {"R"}:
        assert report is None
    if report is not None:
        prove_acknowledgements(report, verdict)
        assert complaints_about_999(report) == ""
        assert_counts_are_right(report.decode("ascii").split("~"))
