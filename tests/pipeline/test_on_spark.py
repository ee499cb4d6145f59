"""What Spark does is what one machine does: the same tables, issues, verdict and differences."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from pipeline.check_by_spark import judge_by_spark
from pipeline.check_command import CheckOptions, check_one, judge_by
from reconciliation.comparison import compare, reconcile_folders
from reconciliation.snapshots import Snapshot, freeze
from reconciliation.spark_engine import SparkEngine
from schemas.errors import Retryable, Terminal
from schemas.limits import load_limits
from schemas.partners import load_partner
from schemas.spark import spark_session
from simulator.generate import write_enrollment_file
from strongroom.files import read_clear
from strongroom.guards import guard
from strongroom.keyring import Keyring
from tests.cases.reading import Tables
from tests.reconciliation.small_sides import book_of, carrier_of, row_of_book
from tests.validators.test_several_processes import require_same, write_spoilt
from validators.check import ALONE, Terms, check_file
from validators.spark_crew import SparkCrew

NIGHT = datetime(2026, 1, 5, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def session():
    """An endpoint of Spark Connect in this process."""
    with spark_session(None) as opened:
        yield opened


@pytest.fixture
def spoilt_file(tmp_path):
    """Six hundred members, some of them with faults."""
    return write_spoilt(tmp_path / "night.834", 600)


def test_the_stretches_of_a_file_are_judged_by_spark_as_by_one_process(spoilt_file, session):
    """Tables, issues and verdict are the same rows in the same order."""
    terms = Terms(limits=replace(load_limits(), stretch_bytes=40_000, longest_loop_bytes=20_000))
    results = []
    for crew in (ALONE, SparkCrew(session)):
        tables = Tables()
        results.append((check_file(spoilt_file, terms, tables, crew=crew), tables))

    assert len(results[0][1].parts["members"]) > 5, "too few stretches to say anything"
    require_same(*results)


def test_small_files_go_to_the_workers_as_they_are(spoilt_file, tmp_path):
    """Each file's folder holds the same bytes, in whatever order the files are named."""
    empty = tmp_path / "empty.834"
    empty.write_bytes(b"")
    written = {}
    for name in ("processes", "spark"):
        options = CheckOptions(load_partner("cedar-valley-tx"), NIGHT, tmp_path / name)
        paths = [empty, spoilt_file]
        if name == "spark":
            with judge_by_spark(paths, options) as judge:
                verdicts = [check_one(path, options, judge, lambda _: None) for path in paths]
        else:
            judge = judge_by(ALONE)
            verdicts = [check_one(path, options, judge, lambda _: None) for path in paths]
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        written[name] = (
            [one.verdict.file_verdict for one in verdicts],
            {path.relative_to(tmp_path / name): path.read_bytes() for path in files},
        )

    assert written["spark"][0] == written["processes"][0] == ["unreadable", "partially_accepted"]
    assert written["spark"][1].keys() == written["processes"][1].keys()
    for path, content in written["processes"][1].items():
        assert written["spark"][1][path] == content or path.suffix == ".xlsx", path


def test_a_file_that_goes_away_meanwhile_gives_nobody_another_s_verdict(spoilt_file, tmp_path):
    """What was small when the command began is asked for by its name."""
    gone, good = tmp_path / "gone.834", tmp_path / "good.834"
    gone.write_bytes(b"")
    write_enrollment_file(good, 5, 7, load_partner("cedar-valley-tx"))
    options = CheckOptions(None, NIGHT)
    paths = [gone, spoilt_file, good]
    with judge_by_spark(paths, options) as judge:
        gone.unlink()
        with pytest.raises(FileNotFoundError):
            check_one(gone, options, judge, lambda _: None)
        rest = [check_one(path, options, judge, lambda _: None) for path in paths[1:]]
    assert [one.verdict.file_verdict for one in rest] == ["partially_accepted", "accepted"]


def broken(_):
    raise ValueError("a worker of another version")


def test_a_worker_that_fails_is_said_in_a_sentence(session):
    """The file is not to blame, and the command may be tried again."""
    with SparkCrew(session).gathered(lambda: None) as in_order, pytest.raises(Retryable) as failed:
        list(in_order(broken, [1]))
    assert "of the same version" in str(failed.value)


def test_a_file_that_cannot_be_read_is_told_by_its_name(tmp_path):
    """It is no failure of the cluster."""
    missing = tmp_path / "missing.834"
    options = CheckOptions(None, NIGHT)
    with judge_by_spark([missing], options) as judge, pytest.raises(FileNotFoundError):
        check_one(missing, options, judge, lambda _: None)


OTHER = {"issuer_member_id": "M9", "first_name": "ROWAN", "ssn": "900490002"}
SIDES = {
    "alike": ([row_of_book(1), row_of_book(2)],) * 2,
    "different": ([row_of_book(1)], [row_of_book(1, last_name="Łukasz", aptc=None)]),
    "the same but for case": ([row_of_book(1)], [row_of_book(1, last_name="Lockhart")]),
    "lacking on both sides": ([row_of_book(1), row_of_book(2)], [row_of_book(2), row_of_book(3)]),
    "without a member's id": ([row_of_book(1, exchange_member_id=None)],) * 2,
    "ended": ([row_of_book(1, benefit_end=date(2026, 12, 31))], [row_of_book(1)]),
    "with a gap": (
        [row_of_book(1, coverage_spans="2026-01-01/..")],
        [row_of_book(1, coverage_spans="2026-01-01/2026-03-31 2026-05-01/..")],
    ),
    "cut otherwise": (
        [row_of_book(1, coverage_spans="2026-01-01/..")],
        [
            row_of_book(
                1,
                benefit_begin=date(2026, 7, 1),
                coverage_spans="2026-01-01/2026-06-30 2026-07-01/..",
            )
        ],
    ),
    "a member more": (
        [row_of_book(1)],
        [row_of_book(1), row_of_book(1, exchange_member_id="9", **OTHER)],
    ),
    "empty": ([row_of_book(1)], []),
}


def frozen(folder, ours, theirs):
    """Both sides as folders of Parquet."""
    sides = (folder / "book", book_of(*ours)), (folder / "carrier", carrier_of(*theirs))
    for side, table in sides:
        freeze(table, side, "members")
    return [
        Snapshot(frozenset(table.column_names), (side / "members.parquet",))
        for side, table in sides
    ]


@pytest.mark.parametrize("name", SIDES)
def test_spark_and_duckdb_find_the_same_differences(name, session, tmp_path):
    """Row for row, and every count."""
    sides = frozen(tmp_path, *SIDES[name])
    by_duckdb = compare(*sides)
    by_spark = compare(*sides, engine=SparkEngine(session, tmp_path))
    assert by_spark.counts == by_duckdb.counts
    assert by_spark.differences.equals(by_duckdb.differences)


def test_folders_are_compared_by_spark_and_nothing_is_left_behind(session, tmp_path):
    """The same bytes of differences; what waited between the engines is gone."""
    for side, made in (("book", book_of), ("carrier", carrier_of)):
        other = row_of_book(3, city="DALLAS" if side == "book" else "AUSTIN")
        freeze(made(row_of_book(1), row_of_book(2), other), tmp_path / side, "members")
    for name in ("duckdb", "spark"):
        out = tmp_path / name
        engine = SparkEngine(session, out) if name == "spark" else None
        reconcile_folders(tmp_path / "book", tmp_path / "carrier", out, engine)
    assert sorted(path.name for path in (tmp_path / "spark").iterdir()) == [
        "differences.parquet",
        "matches.parquet",
        "summary.json",
    ]
    for file in ("differences.parquet", "matches.parquet", "summary.json"):
        assert (tmp_path / "spark" / file).read_bytes() == (tmp_path / "duckdb" / file).read_bytes()
    summary = json.loads((tmp_path / "spark/summary.json").read_text("utf-8"))
    assert summary["counts"]["differing"] == 1


def test_sealed_snapshots_are_compared_by_spark_and_no_clear_file_is_left(
    session, tmp_path, request
):
    """The rows go to the endpoint; what it finds lies sealed, as what DuckDB finds."""
    guard(tmp_path, Keyring(tmp_path / "keys.toml").with_new_key(NIGHT.date()))
    request.addfinalizer(lambda: guard(tmp_path, None))
    for side, made in (("book", book_of), ("carrier", carrier_of)):
        other = row_of_book(3, city="DALLAS" if side == "book" else "AUSTIN")
        freeze(made(row_of_book(1), row_of_book(2), other), tmp_path / side, "members")
    for name in ("duckdb", "spark"):
        out = tmp_path / name
        engine = SparkEngine(session, out) if name == "spark" else None
        reconcile_folders(tmp_path / "book", tmp_path / "carrier", out, engine)

    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "keys.toml"]
    assert all(path.read_bytes().startswith(b"edi834 sealed") for path in left)
    for file in ("differences.parquet", "matches.parquet", "summary.json"):
        assert read_clear(tmp_path / "spark" / file) == read_clear(tmp_path / "duckdb" / file)
    assert json.loads(read_clear(tmp_path / "spark/summary.json"))["counts"]["differing"] == 1


def test_a_key_that_stands_twice_is_refused_by_spark_too(session, tmp_path):
    """As by DuckDB: a row would have no single partner."""
    sides = frozen(tmp_path, [row_of_book(1), row_of_book(1)], [])
    with pytest.raises(Terminal, match=r"row 2 of the book's snapshot: .* an earlier row"):
        compare(*sides, engine=SparkEngine(session, tmp_path))


def test_a_snapshot_that_lost_its_middle_is_refused_by_spark_too(session, tmp_path):
    """By the name of its file, and not as an error of the cluster."""
    for side, made in (("book", book_of), ("carrier", carrier_of)):
        freeze(made(row_of_book(1), row_of_book(2)), tmp_path / side, "members")
    path = tmp_path / "carrier/members.parquet"
    content = bytearray(path.read_bytes())
    content[4:400] = bytes(396)
    path.write_bytes(content)
    out = tmp_path / "out"
    with pytest.raises(Terminal, match=r"carrier/members\.parquet"):
        reconcile_folders(tmp_path / "book", tmp_path / "carrier", out, SparkEngine(session, out))


def test_an_endpoint_that_does_not_answer_is_said_without_its_token():
    """At once, and not after minutes."""
    silent = "sc://127.0.0.1:9/;token=secret"
    with pytest.raises(Retryable, match="does not answer") as refused, spark_session(silent):
        pass
    assert "secret" not in str(refused.value)


def test_an_address_of_another_kind_is_refused():
    """The setting is named."""
    with pytest.raises(Terminal, match="EDI834_SPARK_REMOTE"), spark_session("http://spark"):
        pass
