"""`edi834 check` as other people's programs rely on it: objects, tables, answers and exit codes."""

import csv
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.partners import load_partner
from simulator.generate import write_enrollment_file
from tests.cases.enrollment import enrollment

ROOT = Path(__file__).resolve().parents[2]

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"
MEMBERS = 2_000

OBJECT = ["file", "sha256", "bytes", "verdict", "interchanges", "counts", "issues"]
ISSUE = [
    *("rule", "severity", "snip", "segment_id", "segment_ordinal", "loop", "element", "component"),
    *("byte_start", "byte_end", "x12_code", "message"),
]
# Names that the contract promises, in DESIGN section 5; a table may have more.
COLUMNS = {
    "segments": (
        *("interchange_control_number", "group_control_number", "transaction_set_control_number"),
        *("segment_ordinal", "segment_id", "loop_id", "byte_start", "byte_end"),
    ),
    "members": (
        *("transaction_set_control_number", "member_ordinal", "is_subscriber"),
        *("relationship_code", "maintenance_type", "maintenance_reason"),
        *("additional_maintenance_reason", "benefit_status", "employment_status"),
        *("exchange_subscriber_id", "exchange_member_id", "issuer_subscriber_id"),
        *("issuer_member_id", "exchange_policy_id", "last_name", "first_name", "middle_name"),
        *("ssn", "birth_date", "gender_code", "address_line_1", "address_line_2", "city", "state"),
        *("postal_code", "county_code", "phone", "email", "tobacco_code", "eligibility_begin"),
        *("eligibility_end", "maintenance_effective", "byte_start", "byte_end"),
    ),
    "coverages": (
        *("member_ordinal", "coverage_ordinal", "maintenance_type", "insurance_line"),
        *("coverage_level", "benefit_begin", "benefit_end", "last_premium_paid", "plan_id"),
        *("exchange_policy_id", "issuer_policy_id"),
    ),
    "reporting_categories": (
        *("member_ordinal", "name", "qualifier", "value", "effective_begin", "effective_end"),
    ),
}
DATES = {
    "members": ("birth_date", "eligibility_begin", "eligibility_end", "maintenance_effective"),
    "coverages": ("benefit_begin", "benefit_end", "last_premium_paid"),
    "reporting_categories": ("effective_begin", "effective_end"),
}


@pytest.fixture(scope="module")
def good_file(tmp_path_factory):
    """A good file of 2,000 members."""
    path = tmp_path_factory.mktemp("good") / "good.834"
    write_enrollment_file(path, MEMBERS, 11, load_partner("cedar-valley-tx"))
    return path


@pytest.fixture
def faulty_file(tmp_path):
    """A small file with a birth date that is none, 20260230, and its path."""
    path = tmp_path / "faulty.834"
    write_enrollment_file(path, 6, 12, load_partner("cedar-valley-tx"))
    content = path.read_bytes()
    start = content.index(b"~DMG*D8*") + len(b"~DMG*D8*")
    path.write_bytes(content[:start] + b"20260230" + content[start + 8 :])
    return path


def objects(ended):
    """The JSON objects on standard output, one a line."""
    return [json.loads(line) for line in ended.out.splitlines()]


def test_a_good_file_gives_one_object_and_all_tables(edi834, good_file, tmp_path):
    """Exit code 0; the counts, the answers and the tables agree with the bytes."""
    ended = edi834("check", good_file, "--json", "--out", tmp_path / "out")
    (found,) = objects(ended)
    folder = tmp_path / "out" / good_file.name
    segments = good_file.read_bytes().rstrip(b"~").split(b"~")
    inserted = sum(segment.startswith(b"INS*") for segment in segments)

    assert (ended.code, ended.err) == (0, "")
    assert list(found) == OBJECT
    assert found["verdict"] == "accepted"
    assert found["issues"] == []
    assert found["counts"]["members"] == inserted == MEMBERS
    assert found["counts"]["segments"] == len(segments)
    (interchange,) = found["interchanges"]
    assert list(interchange) == ["control_number", "ta1", "groups"]
    assert interchange["ta1"] == {"code": "A", "note": "000"}
    for group in interchange["groups"]:
        assert list(group) == ["control_number", "ack", "codes", "sets"]
        assert list(group["sets"][0]) == ["control_number", "ack", "codes"]
    assert pq.read_metadata(folder / "members.parquet").num_rows == inserted
    assert pq.read_metadata(folder / "segments.parquet").num_rows == len(segments)
    assert "TA1*000000001*" in (folder / "ta1.edi").read_text("ascii")
    assert "AK9*A*" in (folder / "999.edi").read_text("ascii")


def test_the_tables_have_the_promised_columns_and_types(edi834, good_file, tmp_path):
    """Every column of the contract; dates are date32, ordinals count from 1 in file order."""
    edi834("check", good_file, "--out", tmp_path)
    folder = tmp_path / good_file.name
    tables = {name: pq.read_table(folder / f"{name}.parquet") for name in COLUMNS}

    for name, columns in COLUMNS.items():
        assert set(columns) <= set(tables[name].column_names), name
    for name, columns in DATES.items():
        for column in columns:
            assert tables[name].schema.field(column).type == pa.date32(), column
    assert tables["members"]["member_ordinal"].to_pylist() == list(range(1, MEMBERS + 1))
    assert set(tables["coverages"]["member_ordinal"].to_pylist()) == set(range(1, MEMBERS + 1))
    content = good_file.read_bytes()
    for row in tables["members"].select(["byte_start", "byte_end"]).slice(0, 50).to_pylist():
        assert content[row["byte_start"] :].startswith(b"INS*")
        assert content[row["byte_end"] : row["byte_end"] + 1] == b"~"
    for row in tables["segments"].slice(0, 200).to_pylist():
        assert content[row["byte_start"] :].startswith(row["segment_id"].encode() + b"*")
        assert content[row["byte_end"] : row["byte_end"] + 1] == b"~"


def test_a_rejected_file_names_the_place_and_keeps_the_value_to_itself(
    edi834, faulty_file, tmp_path
):
    """Exit code 1; the value shows only with --reveal, and never in the tables of issues."""
    ended = edi834("check", faulty_file, "--json", "--out", tmp_path / "out")
    plain = edi834("check", faulty_file)
    revealed = edi834("check", faulty_file, "--json", "--reveal")
    (found,) = objects(ended)
    (issue,) = [row for row in found["issues"] if row["rule"] == "element-date-invalid"]
    folder = tmp_path / "out" / faulty_file.name

    assert ended.code == plain.code == revealed.code == 1
    assert found["verdict"] == "partially_accepted"
    assert all(list(row) == ISSUE for row in found["issues"])
    assert faulty_file.read_bytes()[issue["byte_start"] : issue["byte_end"]] == b"20260230"
    assert (issue["segment_id"], issue["element"], issue["x12_code"]) == ("DMG", 2, "8")
    (shown,) = objects(revealed)
    assert "20260230" in [row["value"] for row in shown["issues"]]
    assert [row["rule"] for row in csv.DictReader((folder / "issues.csv").open())] == [
        row["rule"] for row in found["issues"]
    ]
    told = ended.out, ended.err, plain.out, plain.err, (folder / "issues.csv").read_text()
    assert not [text for text in told if "20260230" in text]


def test_a_faulty_file_has_a_report_for_people(edi834, faulty_file, tmp_path):
    """As page, workbook and CSV: the member's id and the shape of the value, never the value."""
    ended = edi834("check", faulty_file, "--json", "--out", tmp_path / "out")
    folder = tmp_path / "out" / faulty_file.name
    (found,) = objects(ended)
    page = (folder / "errors.html").read_text("utf-8")
    with (folder / "errors.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    (row,) = [row for row in rows if row["rule"] == "element-date-invalid"]
    members = pq.read_table(folder / "members.parquet").to_pylist()
    (member,) = [m for m in members if m["birth_date"] is None]

    assert row["masked_value"] == "########"
    assert row["file_sha256"] == found["sha256"]
    for name in ("exchange_member_id", "exchange_subscriber_id", "exchange_policy_id"):
        assert row[name] == member[name]
        assert f"<bdi>{member[name]}</bdi>" in page
    told = page, (folder / "errors.csv").read_text()
    assert not [text for text in told if "20260230" in text or member["last_name"] in text]
    assert (folder / "errors.xlsx").read_bytes().startswith(b"PK")


def test_a_segment_that_begins_like_a_formula_is_text_in_every_csv(edi834, faulty_file, tmp_path):
    """Not even three letters of a strange segment are calculated."""
    content = faulty_file.read_bytes()
    place = content.index(b"~INS*") + 1
    faulty_file.write_bytes(content[:place] + b"=1+*X~" + content[place:])
    edi834("check", faulty_file, "--out", tmp_path / "out")
    folder = tmp_path / "out" / faulty_file.name

    for name in ("issues.csv", "errors.csv"):
        text = (folder / name).read_text()
        assert '"\'=1+"' in text
        assert '"=' not in text


def test_who_is_not_answered_has_no_answer_written(edi834, faulty_file, tmp_path):
    """A stranger has none; a TA1 of the exchange has none of its own beside the other one."""
    content = faulty_file.read_bytes()
    stranger = tmp_path / "stranger.834"
    stranger.write_bytes(content.replace(b"*CMSFFM  ", b"*NOBODY  "))
    head, ta1 = content[:106], b"TA1*000000009*260101*1200*A*000~IEA*0*000000777~"
    both = tmp_path / "both.834"
    both.write_bytes(head.replace(b"*000000001*", b"*000000777*") + ta1 + content)
    edi834("check", stranger, both, "--partner", "cedar-valley-tx", "--out", tmp_path / "out")

    assert not list((tmp_path / "out" / stranger.name).glob("*.edi"))
    written = (tmp_path / "out" / both.name / "ta1.edi").read_text()
    assert written.count("TA1*") == 1
    assert "TA1*000000001*" in written
    assert (tmp_path / "out" / both.name / "999.edi").exists()


def test_the_worst_file_gives_the_exit_code(edi834, good_file, faulty_file, tmp_path):
    """0 accepted, 1 something rejected, 2 something not readable; each file has its object."""
    text = tmp_path / "text.834"
    text.write_text("Dear exchange,")
    empty = tmp_path / "empty.834"
    empty.touch()
    worst = edi834("check", good_file, faulty_file, text, empty, tmp_path / "none", "--json")
    rejected = edi834("check", good_file, faulty_file, "--json")

    verdicts = ["accepted", "partially_accepted", "unreadable", "unreadable"]
    assert [found["verdict"] for found in objects(worst)] == verdicts
    assert (worst.code, rejected.code) == (2, 1)
    assert len(worst.failures) == 1
    assert f"{tmp_path / 'none'}: No such file or directory. Correct the path." in worst.failures[0]


def test_what_comes_through_a_pipe_is_to_be_stored_first(edi834, tmp_path):
    """A file is read at any place: standard input and named pipes are none."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def fill():
        with suppress(BrokenPipeError):
            pipe.write_bytes(enrollment().text().encode())

    Thread(target=fill, daemon=True).start()
    for path in (pipe, "-"):
        ended = edi834("check", path)
        assert ended.code == 2
        (told,) = ended.failures
        assert told.startswith(f"edi834: {path} is no file on a disk. Store what comes through it")


def test_a_full_disk_is_no_wrong_path(edi834):
    """What to do depends on what went wrong."""
    ended = edi834("simulate", "file", "/dev/full", "--members", 2000)

    assert ended.code == 2
    assert ended.failures[0].endswith("No space left on device. Make room.")


def test_with_a_partner_its_terms_are_checked_too(edi834, good_file):
    """The other issuer's file: right by the guide, refused by whom it is not meant for."""
    assert edi834("check", good_file, "--partner", "cedar-valley-tx").code == 0
    ended = edi834("check", good_file, "--partner", "harbor-light-nc", "--json")
    (found,) = objects(ended)

    assert ended.code == 1
    assert found["interchanges"][0]["ta1"]["code"] == "R"


def test_a_partner_of_a_folder_of_one_s_own_is_known(edi834, tmp_path):
    """As the manual says: a file of that partner is made and checked before any night."""
    folder = tmp_path / "partners"
    folder.mkdir()
    known = (ROOT / "schemas/partners/cedar-valley-tx.toml").read_text("utf-8")
    mine = known.replace('"cedar-valley-tx"', '"mine"').replace("001234567", "009876543")
    (folder / "mine.toml").write_text(mine)
    file = tmp_path / "first.834"
    for arguments in (
        ("simulate", "file", file, "--members", "5", "--partner", "mine"),
        ("check", file, "--partner", "mine"),
    ):
        ended = edi834(*arguments, EDI834_PARTNERS=str(folder))
        assert ended.code == 0, ended.err
    assert "009876543T" in file.read_text("ascii")


def test_two_files_of_one_name_need_two_folders(edi834, good_file):
    """With --out that is wrong usage, and nothing is written over."""
    ended = edi834("check", good_file, good_file, "--out", "out")

    assert ended.code == 2
    assert "same name" in ended.err
    assert ended.out == ""


def test_what_a_file_is_called_or_holds_does_not_steer_the_terminal(edi834, faulty_file, tmp_path):
    """Control characters and bytes that are no text are replaced; no folder gets such a name."""
    content = faulty_file.read_bytes().replace(b"~DMG*", b"~\x1b[2*", 1)
    for name in (b"red\x1b[31m\n.834", b"\xff.834"):
        path = tmp_path / os.fsdecode(name)
        path.write_bytes(content)
        shown = edi834("check", path, PYTHONUTF8="1", PYTHONIOENCODING="utf-8")
        refused = edi834("check", path, "--out", tmp_path / "out")

        assert shown.code == 1
        assert "\N{REPLACEMENT CHARACTER}[2 is not a segment" in shown.out
        assert "\x1b" not in shown.out + shown.err
        assert shown.out.splitlines()[0].endswith(".834: partially accepted")
        assert (refused.code, refused.out) == (2, "")
        assert "Rename" in refused.err
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="no folder of public samples beside the repository"
)
def test_every_public_sample_gives_one_object_and_no_traceback(edi834, tmp_path):
    """Files of other people, good, bad, and of other kinds."""
    files = sorted(path for path in SAMPLES.iterdir() if path.is_file())
    ended = edi834("check", *files, "--json", "--out", tmp_path / "out")

    assert ended.err == ""
    assert [found["file"] for found in objects(ended)] == [str(path) for path in files]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in files}


def test_the_command_starts_without_pandas():
    """Loading it takes longer than checking a small file; an array made too early would load it."""
    loaded = "import sys, pipeline.check_command; sys.exit('pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", loaded], check=True)


def test_check_loads_neither_the_database_nor_the_log(tmp_path):
    """They take a third of the start; whoever imports them again finds this test."""
    path = tmp_path / "enrollment.834"
    write_enrollment_file(path, 5, 7, load_partner("cedar-valley-tx"))
    code = (
        "import sys\n"
        "from pipeline.cli import app\n"
        "try:\n    app(['check', sys.argv[1]])\n"
        "except SystemExit as ended:\n    print(ended.code)\n"
        "print([name for name in ('sqlalchemy', 'structlog') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-2:] == ["0", "[]"]
