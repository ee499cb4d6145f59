"""Several processes judge a large file together, and come to the same as one."""

import pytest

import validators.crews
from schemas.partners import load_partner
from simulator.generate import write_enrollment_file
from tests.cases.reading import Tables
from validators.check import Terms, check_file
from validators.crews import Alone, Processes

OF_VERDICT = ("transaction_sets", "set_verdicts", "group_verdicts", "issues", "dispositions")


@pytest.fixture
def spoilt_file(tmp_path):
    """Four thousand members in many stretches, some of them with faults."""
    path = tmp_path / "large.834"
    write_enrollment_file(path, 4_000, 7, load_partner("cedar-valley-tx"))
    content = path.read_bytes()
    content = content.replace(b"DMG*D8*1973", b"DMG*D8*9973").replace(b"HLH*T~", b"HLH*?~")
    path.write_bytes(content)
    return path


def test_two_processes_find_what_one_finds(spoilt_file, monkeypatch):
    """Tables, issues and verdict are the same rows in the same order."""
    monkeypatch.setattr(validators.crews, "WORTH_A_PROCESS_BYTES", 0)
    results = []
    for crew in (Alone(), Processes(2)):
        tables = Tables()
        checked = check_file(spoilt_file, Terms(), tables, crew=crew)
        results.append((checked, tables))
    (alone, one), (together, two) = results

    assert alone.counts == together.counts
    assert len(alone.verdict.issues) > 10
    for name in OF_VERDICT:
        assert getattr(alone.verdict, name).equals(getattr(together.verdict, name))
    assert one.parts.keys() == two.parts.keys()
    for name in one.parts:
        assert one[name].equals(two[name])
