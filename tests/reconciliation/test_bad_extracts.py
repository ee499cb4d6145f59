"""What is wrong with an extract or a snapshot is named by file, column and row; nothing follows."""

from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reconciliation.carrier_records import read_members
from reconciliation.comparison import reconcile_folders
from reconciliation.snapshots import freeze
from schemas.errors import Terminal
from schemas.partners import load_partner

HARBOR = load_partner("harbor-light-nc")
MAPPING = HARBOR.carrier_records.members
ROW = {
    "exchange_policy_id": "8801",
    "exchange_member_id": "0001000001",
    "issuer_policy_id": "C1",
    "issuer_subscriber_id": "S1",
    "issuer_member_id": "M1",
    "last_name": "LOCKHART",
    "first_name": "AVERY",
    "birth_date": "1984-03-09",
    "gender_code": "F",
    "plan_id": "91002NC001000101",
    "benefit_begin": "2026-01-01",
    "benefit_end": "",
    "premium_total": "512.30",
    "aptc": "100",
}


def row(member, **changes):
    values = {**ROW, "exchange_member_id": member, **changes}
    return [values.get(name, "") for name in MAPPING]


def as_csv(*rows, encoding="utf-8"):
    lines = [",".join(cells) for cells in (list(MAPPING.values()), *rows)]
    return ("\n".join(lines) + "\n").encode(encoding)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "cp437", "utf-16", "utf-16-le", "cp500"])
def test_another_code_page_is_refused_where_it_shows(tmp_path, encoding):
    """A name with a letter that is none of ASCII's; of UTF-16 and EBCDIC no row can be told."""
    path = tmp_path / "members.csv"
    rows = (row("1"), row("2", last_name='"PEÑA, JR"'), row("3", last_name="PEÑA"))
    path.write_bytes(as_csv(*rows, encoding=encoding))
    told = {"utf-16": "in UTF-16", "utf-16-le": "in UTF-16", "cp500": "in another code page"}
    place = f"column {MAPPING['last_name']}, data row 2, is in another code page"
    with pytest.raises(Terminal, match=f"no CSV file in UTF-8.*{told.get(encoding, place)}") as hit:
        read_members(path, HARBOR)
    assert "PE" not in str(hit.value)


def test_a_header_in_another_code_page_is_refused(tmp_path):
    """A foreign column of the carrier's, named with an accent."""
    path = tmp_path / "members.csv"
    path.write_bytes(b"R\xc9GION," + as_csv(row("1")))
    with pytest.raises(Terminal, match=r"no CSV file in UTF-8: column 1 of the header"):
        read_members(path, HARBOR)


@pytest.mark.parametrize(
    ("column", "values", "why"),
    [
        ("premium_total", [Decimal("1.50"), Decimal("1.005")], "data row 2: cannot become decimal"),
        ("premium_total", [1.5, float("nan")], "data row 2: cannot become decimal"),
        ("aptc", [10**9, 10**12], "data row 2: cannot become decimal"),
        ("birth_date", [None, True], "data row 2: no date"),
        ("last_name", [1.5, None], "has type double, which cannot become"),
    ],
)
def test_a_typed_value_that_does_not_fit_is_named_by_its_row(tmp_path, column, values, why):
    """A type that never fits is named as such; of one that does, the row in which it does not."""
    typed = {
        theirs: [dict(zip(MAPPING, row(member), strict=True))[ours] or None for member in "12"]
        for ours, theirs in MAPPING.items()
    }
    path = tmp_path / "members.parquet"
    pq.write_table(pa.table({**typed, MAPPING[column]: pa.array(values)}), path)
    with pytest.raises(Terminal, match=rf"members\.parquet: column {MAPPING[column]}.*{why}"):
        read_members(path, HARBOR)


def damage(path):
    """Zeros over the head of the first column's values; the end of the file stays."""
    content = bytearray(path.read_bytes())
    content[4:204] = bytes(200)
    path.write_bytes(bytes(content))


def test_a_damaged_part_of_a_parquet_extract_is_named(tmp_path):
    """The file's end is whole, so its columns are known; a column's values are not."""
    path = tmp_path / "members.parquet"
    cells = zip(*(row(str(number)) for number in range(900)), strict=True)
    columns = dict(zip(MAPPING.values(), cells, strict=True))
    pq.write_table(pa.table(columns), path, compression="zstd", use_dictionary=False)
    damage(path)
    with pytest.raises(Terminal, match=r"no whole Parquet file: column \w+, data rows 1 to 900,"):
        read_members(path, HARBOR)


@pytest.fixture
def folders(tmp_path, book, carrier, book_row):
    """A book and carrier's records that were reconciled once: their folders, and the result's."""
    rows = [book_row(n) for n in range(1, 4)]
    freeze(book(*rows), tmp_path / "book", "members")
    freeze(carrier(*rows[:2]), tmp_path / "carrier", "members")
    reconcile_folders(tmp_path / "book", tmp_path / "carrier", tmp_path / "out")
    return tmp_path


def without(name):
    return lambda table: table.drop_columns([name])


def twice(name):
    return lambda table: table.append_column(name, table[name])


def retyped(name, values):
    def change(table):
        place = table.schema.get_field_index(name)
        return table.set_column(place, name, pa.array(values(len(table))))

    return change


SPOILT = {
    "a missing column": (without("plan_id"), "column plan_id is missing"),
    "a doubled column": (twice("plan_id"), "column plan_id stands 2 times"),
    "a foreign column": (
        lambda table: table.append_column("region", table["state"]),
        "column region is no column of a snapshot",
    ),
    "a wrong type": (
        retyped("premium_total", lambda rows: [512.3] * rows),
        r"column premium_total has type double, but it must be decimal128\(12, 2\)",
    ),
    "a doubled key": (
        lambda table: pa.concat_tables([table, table.slice(1, 1)]),
        r"members\.parquet: data row {next} of the {side}'s snapshot: column exchange_mem",
    ),
    "nobody": (lambda table: table.slice(0, 0), "holds no member, and the other side holds"),
}


@pytest.mark.parametrize("side", ["book", "carrier"])
@pytest.mark.parametrize("fault", SPOILT)
def test_a_wrong_snapshot_is_refused_and_the_last_good_result_stays(folders, side, fault):
    """Whichever side it is: exit code 2, the place in a sentence, and nothing is overwritten."""
    path = folders / side / "members.parquet"
    before = {one.name: one.read_bytes() for one in (folders / "out").iterdir()}
    change, message = SPOILT[fault]
    table = pq.read_table(path)
    pq.write_table(change(table), path)
    message = message.replace("{next}", str(len(table) + 1)).replace("{side}", side)
    with pytest.raises(Terminal, match=message):
        reconcile_folders(folders / "book", folders / "carrier", folders / "out")
    assert {one.name: one.read_bytes() for one in (folders / "out").iterdir()} == before


@pytest.mark.parametrize("is_cut", [True, False])
def test_a_cut_or_damaged_snapshot_is_refused_and_the_last_good_result_stays(
    folders, carrier, book_row, is_cut
):
    """Zeros in the middle, or no end at all."""
    many = [book_row(n, last_name=f"L{n * 7919}") for n in range(2000)]
    path, _ = freeze(carrier(*many), folders / "carrier", "members")
    before = (folders / "out" / "summary.json").read_bytes()
    if is_cut:
        path.write_bytes(path.read_bytes()[:-30])
    else:
        damage(path)
    with pytest.raises(Terminal, match=r"no whole Parquet file: (column|the end)"):
        reconcile_folders(folders / "book", folders / "carrier", folders / "out")
    assert (folders / "out" / "summary.json").read_bytes() == before
