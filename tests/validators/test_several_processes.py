"""Several processes judge a large file together, and come to the same as one."""

import validators.crews
from schemas.partners import load_partner
from simulator.generate import write_enrollment_file
from tests.cases.reading import Tables
from validators.check import Terms, check_file
from validators.crews import Alone, Processes

OF_VERDICT = ("transaction_sets", "set_verdicts", "group_verdicts", "issues", "dispositions")


def write_spoilt(path, members):
    """A file of so many members, some of them with faults."""
    write_enrollment_file(path, members, 7, load_partner("cedar-valley-tx"))
    content = path.read_bytes()
    content = content.replace(b"DMG*D8*1973", b"DMG*D8*9973").replace(b"HLH*T~", b"HLH*?~")
    path.write_bytes(content)
    return path


def require_same(one, other):
    """Verdict and tables of two crews are the same rows in the same order."""
    (alone, tables), (together, others) = one, other
    assert alone.counts == together.counts
    assert len(alone.verdict.issues) > 10
    for name in OF_VERDICT:
        assert getattr(alone.verdict, name).equals(getattr(together.verdict, name))
    assert tables.parts.keys() == others.parts.keys()
    for name in tables.parts:
        assert tables[name].equals(others[name])


def test_two_processes_find_what_one_finds(tmp_path, monkeypatch):
    """Tables, issues and verdict of four thousand members in many stretches."""
    monkeypatch.setattr(validators.crews, "WORTH_A_PROCESS_BYTES", 0)
    path = write_spoilt(tmp_path / "large.834", 4_000)
    results = []
    for crew in (Alone(), Processes(2)):
        tables = Tables()
        results.append((check_file(path, Terms(), tables, crew=crew), tables))
    require_same(*results)
