"""Each expectation of the gate: what is within its bounds, what is not, and on what evidence."""

import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from schemas.agreements import Bound
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
    **{
        f"{level}_of_{file}": {"omitted": []}
        for level in ("policies", "members")
        for file in ("full_file", "pre_audit")
    },
    **{
        f"plans_of_{file}": {"omitted": [], "omitted_premium": []}
        for file in ("full_file", "pre_audit")
    },
    "files": {"mixed": [False, False]},
    "received_members": {"rejected": [False] * 950 + [True] * 50},
}
TYPES = {
    "maintenance_type": pa.large_string(),
    "band": pa.large_string(),
    "members": pa.int64(),
    "omitted_premium": pa.float64(),
}
AGREED = {
    name: Bound(
        expectation=name,
        at_most=at_most,
        effective_from=date(2027, 1, 1),
        agreed_with="the exchange's carrier operations",
        agreed_on=date(2026, 12, 1),
        reason="A test.",
    )
    for name, at_most in (("full-file-omits-premium", 500.0), ("pre-audit-omits-premium", 500.0))
}


def judged(history=(), bounds=AGREED, **changed):
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
    return {finding.expectation: finding for finding in judge_batch(batch, history, bounds)}


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
    **{
        f"{file}-omits{level}": {f"{of}_of_{file.replace('-', '_')}": columns}
        for file, share in (("full-file", 3), ("pre-audit", 11))
        for level, of, columns in (
            ("", "policies", {"omitted": [False] * (100 - share) + [True] * share}),
            ("-members", "members", {"omitted": [False] * (100 - share) + [True] * share}),
            ("-plan", "plans", {"omitted": [False, True], "omitted_premium": [0.0, 0.0]}),
            ("-premium", "plans", {"omitted": [False] * 2, "omitted_premium": [500.01, 0.0]}),
        )
    },
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
    **{
        f"{file}-omits{level}": {f"{of}_of_{file.replace('-', '_')}": columns}
        for file, share in (("full-file", 2), ("pre-audit", 10))
        for level, of, columns in (
            ("", "policies", {"omitted": [False] * (100 - share) + [True] * share}),
            ("-members", "members", {"omitted": [False] * (100 - share) + [True] * share}),
            ("-premium", "plans", {"omitted": [False] * 2, "omitted_premium": [200.0, 300.0]}),
        )
    },
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
    """Nothing is out of bounds; only the whole files that there were not are not judged."""
    outcomes = {name: finding.outcome for name, finding in judged(nights).items()}
    whole = {name for name in outcomes if "-omits" in name}

    assert len(whole) == 8
    assert {outcomes.pop(name) for name in whole} == {"not_judged"}
    assert set(outcomes.values()) == {"within"}


def test_dollars_without_a_bound_are_told_and_hold_nothing(nights):
    """They stand beside the policies and members that are left out."""
    whole = {"plans_of_full_file": {"omitted": [False], "omitted_premium": [1234.5]}}
    finding = judged(nights, {}, **whole)["full-file-omits-premium"]

    assert (finding.observed, finding.maximum, finding.outcome) == (1234.5, None, "not_judged")


def test_a_bound_that_was_agreed_on_with_the_partner_stands_in_place_of_the_gates(nights):
    """Who agreed is in the evidence; the other expectations keep their own bounds."""
    agreed = AGREED["full-file-omits-premium"]
    bound = agreed.model_copy(update={"expectation": "full-file-omits", "at_most": 0.03})
    found = judged(nights, {bound.expectation: bound}, **UNUSUAL["full-file-omits"])
    finding = found["full-file-omits"]

    assert (finding.outcome, finding.maximum) == ("within", 0.03)
    assert finding.evidence["agreement"]["agreed_with"] == "the exchange's carrier operations"
    beside = judged(nights, {bound.expectation: bound}, **UNUSUAL["full-file-omits-members"])
    assert beside["full-file-omits-members"].holds


@pytest.mark.parametrize("name", ["no-such", "volume-high"])
def test_a_bound_of_what_no_partner_can_move_is_refused(name):
    """A wrong name, or a kind that is judged by earlier nights, is told where the file is read."""
    row = AGREED["full-file-omits-premium"].model_dump()
    with pytest.raises(ValueError, match=name):
        Bound(**row | {"expectation": name})


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
    column, values = next(iter(columns.items()))
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

texts = ("maintenance_type", "band")
values = dict.fromkeys(texts, "021") | {"members": 1, "omitted_premium": 0.5}
rows = [row for row in load_gate().expectations if row.column]
tables = {
    of: pa.table({row.column: [values.get(row.column, False)] for row in rows if row.of == of})
    for of in {row.of for row in rows}
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
