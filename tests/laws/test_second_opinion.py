"""pyx12, the reference implementation, is asked about the same files."""

import json
from pathlib import Path
from random import Random

import pytest

from tests.laws.agreement import ACCEPTED, EXCEPTIONS, counted_complaints, disagreements
from tests.laws.good_files import good_files
from tests.laws.mutants import mutant
from tests.laws.second_opinion import ask_pyx12

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "samples"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared samples are not here")
NAMES = sorted(path.name for path in SAMPLES.glob("*.834")) if SAMPLES.is_dir() else []

# Our loop is not pyx12's there: (sample, place of the segment), and why.
OTHER_LOOPS = {}
MUTANTS_A_SEED = 150
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 5))]


@needs_samples
@pytest.mark.parametrize("name", NAMES)
def test_segments_of_samples_have_the_loops_of_pyx12(reader, name):
    """Ours is null for a segment whose qualifier the guide does not know, pyx12's is a guess."""
    theirs = json.loads((SAMPLES / "pyx12-loops" / f"{name}.json").read_text())
    _, tables = reader.check((SAMPLES / name).read_bytes())
    segments = tables["segments"]
    assert segments["segment_id"].to_pylist() == [segment_id for _, segment_id, _ in theirs]
    differing = [
        (name, place, ours, path)
        for (place, _, path), ours in zip(theirs, segments["loop_id"].to_pylist(), strict=True)
        if ours is not None
        and (name, place) not in OTHER_LOOPS
        and ours != (path or "").rstrip("/").split("/")[-1]
    ]
    assert differing == []


@pytest.mark.control("x12")
@needs_samples
@pytest.mark.parametrize("name", NAMES)
def test_samples_are_accepted_and_rejected_as_by_pyx12(reader, name):
    """A byte-order mark is taken off for pyx12, which reads nothing but ASCII."""
    content = (SAMPLES / name).read_bytes()
    text = content.decode("utf-8-sig").encode("ascii", "replace").decode()
    opinion = ask_pyx12(text)
    complaints = [c for c in opinion.complaints if c.said not in EXCEPTIONS]
    verdict = reader.verdict(content)
    assert (verdict.file_verdict in ACCEPTED) == (not complaints and opinion.crashed is None)


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Good files to spoil."""
    return good_files(tmp_path_factory.mktemp("good"))


@pytest.mark.control("x12")
def test_good_files_are_good_to_both(reader, originals):
    """What the mutants are made of is right."""
    for segments in originals:
        text = "".join(f"{segment}~" for segment in segments)
        assert ask_pyx12(text).accepts
        assert reader.rules(text) == []


@pytest.mark.control("x12")
@pytest.mark.parametrize("seed", SEEDS)
def test_what_pyx12_rejects_we_reject_at_the_same_place(reader, originals, seed):
    """Single faults: of segments, of elements, of bytes. Soak and `make fuzz` make more of them."""
    random = Random(seed)
    complaints = 0
    for _ in range(MUTANTS_A_SEED):
        one = mutant(random, random.choice(originals))
        content = one.text.encode("latin-1")
        opinion = ask_pyx12(one.text)
        verdict = reader.verdict(content)
        complaints += bool(counted_complaints(content, opinion))
        assert disagreements(content, verdict, opinion, one.reach) == [], one
    assert complaints > MUTANTS_A_SEED // 2


@needs_samples
@pytest.mark.parametrize("name", NAMES)
def test_issues_of_samples_show_their_segment_or_element(reader, name):
    """The bytes of the span are what the issue speaks of."""
    content = (SAMPLES / name).read_bytes()
    checked, tables = reader.check(content)
    spans = set(
        zip(*(tables["segments"][c].to_pylist() for c in ("byte_start", "byte_end")), strict=True)
    )
    for issue in checked.verdict.issues.to_pylist():
        span = (issue["byte_start"], issue["byte_end"])
        if issue["element"] is None or span in spans:
            assert span in spans or issue["rule"] == "leading-bytes"
            continue
        (segment,) = [content[s:e] for s, e in spans if s <= span[0] and span[1] <= e]
        assert segment.split(b"*")[issue["element"]] == content[slice(*span)]
