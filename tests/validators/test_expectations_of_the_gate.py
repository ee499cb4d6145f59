"""Each expectation of the gate: what is within its bounds, what is not, and on what evidence."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from schemas.errors import Terminal
from schemas.gate import load_gate
from validators.gate import judge_batch

ROWS = load_gate().by_id
USUAL = {
    "members": {"maintenance_type": ["021"] * 500 + ["001"] * 400 + ["024"] * 100},
    "enrolled_members": {"missing_ssn": [False] * 450 + [True] * 50},
    "enrolled_households": {"members": [1, 2, 3] * 80},
    "sets": {"ends": [False] * 400 + [True] * 100},
    "premiums": {"band": ["200"] * 100 + ["400"] * 140},
    "policies": {"ended": [False] * 990 + [True] * 10},
    "policies_of_full_file": {"omitted": []},
    "files": {"mixed": [False, False]},
    "received_members": {"rejected": [False] * 950 + [True] * 50},
}
TYPES = {"maintenance_type": pa.large_string(), "band": pa.large_string(), "members": pa.int64()}


def judged(history=(), **changed):
    """The findings on a usual batch, but for the tables that are changed, by expectation."""
    batch = {
        name: pa.table(
            {
                column: pa.array(values, TYPES.get(column, pa.bool_()))
                for column, values in changed.get(name, columns).items()
            }
        )
        for name, columns in USUAL.items()
    }
    return {finding.expectation: finding for finding in judge_batch(batch, history)}


@pytest.fixture(scope="module")
def usual():
    """The findings of a usual night without earlier ones."""
    return judged()


@pytest.fixture(scope="module")
def nights(usual):
    """As many usual nights as the expectations that compare with them need."""
    return [usual] * max(row.minimum_nights for row in ROWS.values())


UNUSUAL = {
    "volume-high": {"members": {"maintenance_type": ["021"] * 5001}},
    "volume-low": {"members": {"maintenance_type": ["021"] * 99}},
    "missing-ssn": {"enrolled_members": {"missing_ssn": [False] * 74 + [True] * 26}},
    "maintenance-mix": {"members": {"maintenance_type": ["030"] * 700 + ["001"] * 300}},
    "premium-mix": {"premiums": {"band": ["6400"] * 90 + ["400"] * 10}},
    "household-size": {"enrolled_households": {"members": [5] * 49 + [6]}},
    "ends-share": {"sets": {"ends": [False] * 39 + [True] * 61}},
    "book-ended": {"policies": {"ended": [False] * 89 + [True] * 11}},
    "full-file-omits": {"policies_of_full_file": {"omitted": [False] * 97 + [True] * 3}},
    "full-file-mixed": {"files": {"mixed": [False, True]}},
    "rejected-share": {"received_members": {"rejected": [False] * 74 + [True] * 26}},
}
AT_THE_BOUND = {
    "volume-high": {"members": {"maintenance_type": ["021"] * 5000}},
    "volume-low": {"members": {"maintenance_type": ["021"] * 100}},
    "missing-ssn": {"enrolled_members": {"missing_ssn": [False] * 75 + [True] * 25}},
    "household-size": {"enrolled_households": {"members": [5] * 50}},
    "ends-share": {"sets": {"ends": [False] * 40 + [True] * 60}},
    "book-ended": {"policies": {"ended": [False] * 90 + [True] * 10}},
    "full-file-omits": {"policies_of_full_file": {"omitted": [False] * 98 + [True] * 2}},
    "rejected-share": {"received_members": {"rejected": [False] * 75 + [True] * 25}},
}


def test_every_expectation_has_a_batch_that_breaks_it():
    """Who adds one shows what it is for."""
    assert UNUSUAL.keys() == ROWS.keys()


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_out_of_bounds_is_found_and_said(nights, name):
    """Outside, with the figures in the sentence; held where the row says so."""
    finding = judged(nights, **UNUSUAL[name])[name]

    assert finding.outcome == "outside"
    assert finding.holds == (ROWS[name].severity == "hold")
    assert finding.sentence
    assert "{" not in finding.sentence


@pytest.mark.parametrize("name", AT_THE_BOUND)
def test_what_is_just_at_the_bound_is_within(nights, name):
    """The bound itself is allowed."""
    finding = judged(nights, **AT_THE_BOUND[name])[name]

    assert finding.outcome == "within"
    assert not finding.holds
    assert finding.sentence is None


def test_a_usual_night_is_within_all_bounds(nights):
    """Nothing is out of bounds; only the full file that there was not is not judged."""
    outcomes = {name: finding.outcome for name, finding in judged(nights).items()}

    assert outcomes.pop("full-file-omits") == "not_judged"
    assert set(outcomes.values()) == {"within"}


def test_what_needs_earlier_nights_is_not_judged_without_them(usual, nights):
    """Observed it is: the next nights are compared with it."""
    needing = {name for name, row in ROWS.items() if row.minimum_nights}
    for name in needing:
        assert judged(nights[:-1], **UNUSUAL[name])[name].outcome == "not_judged"
        assert usual[name].rows > 0
        assert (usual[name].minimum, usual[name].maximum) == (None, None)

    assert needing == {"volume-high", "volume-low", "maintenance-mix", "premium-mix"}


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.minimum_rows > 1])
def test_small_numbers_hold_nothing(nights, name):
    """One row below the minimum, as unusual as can be, is not judged."""
    ((of, columns),) = UNUSUAL[name].items()
    ((column, values),) = columns.items()
    worst = Counter(values).most_common()[-1 if True in values else 0][0]
    few = {of: {column: [worst] * (ROWS[name].minimum_rows - 1)}}

    assert judged(nights, **few)[name].outcome == "not_judged"


def test_an_empty_night_is_judged_without_an_error(nights):
    """Files with nothing to stage: no figure, nothing held."""
    nothing = {name: {column: [] for column in columns} for name, columns in USUAL.items()}
    found = judged(nights, **nothing)

    assert found["volume-low"].outcome == "outside"
    assert not any(finding.holds for finding in found.values())


def test_the_figures_are_those_that_great_expectations_returned(nights):
    """Shares from its counts, the mix from its partition; no sample of any value."""
    found = judged(nights, **UNUSUAL["missing-ssn"])
    ssn, mix = found["missing-ssn"], found["maintenance-mix"]

    assert (ssn.rows, ssn.observed, ssn.maximum) == (100, 0.26, 0.25)
    assert ssn.evidence == {
        "type": "expect_column_values_to_be_in_set",
        "success": False,
        "element_count": 100,
        "unexpected_count": 26,
        "unexpected_percent": 26.0,
    }
    assert ssn.sentence.startswith("26.0% of 100 enrolled members have no social security number")
    observed = mix.evidence["details"]["observed_partition"]
    assert dict(zip(observed["values"], observed["weights"], strict=True)) == {
        "021": 0.5,
        "001": 0.4,
        "024": 0.1,
    }


def test_a_night_is_compared_with_the_last_nights_only(nights):
    """What was usual longer ago than `history_nights` counts for nothing any more."""
    small = judged(members={"maintenance_type": ["021"] * 10})
    history = [*nights, *[small] * load_gate().history_nights]

    assert judged(history)["volume-high"].maximum == 10 * ROWS["volume-high"].at_most


def test_an_expectation_that_cannot_be_evaluated_stops_the_gate(nights):
    """A row whose column is not there: nothing is judged, and the sentence names the row."""
    with pytest.raises(Terminal, match="expectation missing-ssn could not be evaluated"):
        judged(nights, enrolled_members={"other": [True, False]})


OFFLINE = """
import socket, sys

def refuse(*_):
    raise AssertionError("a connection was opened")

socket.socket.connect = refuse
socket.getaddrinfo = refuse
import pyarrow as pa
from schemas.gate import load_gate
from validators.gate import judge_batch

columns = {row.of: row.column for row in load_gate().expectations if row.column}
text = {"maintenance_type", "band"}
tables = {
    of: pa.table({column: ["021"] if column in text else [1 if column == "members" else False]})
    for of, column in columns.items()
}
print(len(judge_batch(tables, [])))
"""


def test_the_gate_works_offline_silently_and_leaves_nothing_behind(tmp_path):
    """No connection, no word on standard error, no file in the current or temporary folder."""
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    for folder in (here, temporary):
        folder.mkdir()
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE],
        env={"PYTHONPATH": str(root), "TMPDIR": str(temporary), "HOME": str(here), "PATH": ""},
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(len(ROWS))]
    assert done.stderr == ""
    assert list(here.iterdir()) == list(temporary.iterdir()) == []


def test_a_check_does_not_import_great_expectations():
    """Its import takes seconds: only the judgement of a batch pays for it."""
    imported = (
        "import sys, pipeline.cli, pipeline.steps, pipeline.check_command;"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", imported], capture_output=True, text=True, check=True
    )

    assert "great_expectations" not in done.stdout.split()
