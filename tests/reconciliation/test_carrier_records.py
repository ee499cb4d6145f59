"""The carrier's extract: read whole and right, or refused by source, column and row."""

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from reconciliation.carrier_records import read_members, read_payments, read_requests
from reconciliation.carrier_sources import CarrierTable
from schemas import records, tables
from schemas.errors import Terminal
from schemas.partners import load_partner

EVERYTHING = load_partner("cedar-valley-tx")  # a carrier that keeps all that can be compared


def mapping_only(*columns):
    """The partner, of whose columns only these are mapped."""
    records = EVERYTHING.carrier_records
    members = {name: records.members[name] for name in columns}
    update = {"carrier_records": records.model_copy(update={"members": members})}
    return EVERYTHING.model_copy(update=update)


CEDAR_VALLEY = mapping_only(*records.CARRIER_NEEDED)
MEMBERS = pa.schema([records.CARRIER_MEMBERS.field(name) for name in records.CARRIER_NEEDED])
HEADER = list(CEDAR_VALLEY.carrier_records.members.values())
SUBSCRIBER = [
    *("8801", "0001000001", "C1", "S1", "M1", "LOCKHART", "AVERY", "1984-03-09", "F"),
    *("91001TX001000101", "2026-01-01", "", "512.3", "100"),
]
DEPENDENT = [
    *("8801", "0001000002", "C1", "S1", "M2", '"LOCKHART, JR"', "ROWAN", "2012-02-29", "M"),
    *("91001TX001000101", "2026-01-01", "2026-06-30", "", ""),
]
NIGHTS_MEMBERS = [
    {
        "exchange_policy_id": "8801",
        "exchange_member_id": "0001000001",
        "issuer_policy_id": "C1",
        "issuer_subscriber_id": "S1",
        "issuer_member_id": "M1",
        "last_name": "LOCKHART",
        "first_name": "AVERY",
        "birth_date": date(1984, 3, 9),
        "gender_code": "F",
        "plan_id": "91001TX001000101",
        "benefit_begin": date(2026, 1, 1),
        "benefit_end": None,
        "premium_total": Decimal("512.30"),
        "aptc": Decimal("100.00"),
    },
    {
        "exchange_policy_id": "8801",
        "exchange_member_id": "0001000002",
        "issuer_policy_id": "C1",
        "issuer_subscriber_id": "S1",
        "issuer_member_id": "M2",
        "last_name": "LOCKHART, JR",
        "first_name": "ROWAN",
        "birth_date": date(2012, 2, 29),
        "gender_code": "M",
        "plan_id": "91001TX001000101",
        "benefit_begin": date(2026, 1, 1),
        "benefit_end": date(2026, 6, 30),
        "premium_total": None,
        "aptc": None,
    },
]


def changed(row, column, value):
    return [value if name == column else old for name, old in zip(HEADER, row, strict=True)]


@pytest.fixture
def extract(tmp_path):
    """A CSV extract of the rows; `end` is what stands after the last one."""

    def write(*rows, header=HEADER, end="\n"):
        path = tmp_path / "members.csv"
        path.write_text("\n".join(",".join(row) for row in (header, *rows)) + end)
        return path

    return write


def test_a_csv_extract_becomes_member_records(extract):
    """Columns are mapped, dates and money converted, empty cells null, foreign columns ignored."""
    header = ["REGION", *HEADER]
    path = extract(["TX", *SUBSCRIBER], ["TX", *DEPENDENT], header=header)
    members = read_members(path, CEDAR_VALLEY)
    assert members.schema.equals(MEMBERS)
    assert members.to_pylist() == NIGHTS_MEMBERS


def test_what_a_carrier_may_leave_out_is_read_where_it_is_mapped(extract):
    """The columns that are mapped come in one order, whatever the order in the partner's file."""
    further = {"ssn": "900400001", "csr": "12.5", "city": "AUSTIN"}
    partner = mapping_only(*further, *records.CARRIER_NEEDED)
    theirs = [EVERYTHING.carrier_records.members[name] for name in further]
    path = extract([*SUBSCRIBER, *further.values()], header=[*HEADER, *theirs])
    members = read_members(path, partner)
    named = {*further, *records.CARRIER_NEEDED}
    assert members.column_names == [n for n in records.CARRIER_MEMBERS.names if n in named]
    row = members.to_pylist()[0]
    assert (row["ssn"], row["csr"], row["city"]) == ("900400001", Decimal("12.50"), "AUSTIN")
    without = extract(SUBSCRIBER)
    with pytest.raises(Terminal, match="column SSN is missing"):
        read_members(without, partner)


def test_a_parquet_extract_becomes_member_records(tmp_path):
    """Typed columns of other widths are taken as they are meant."""
    mapping = CEDAR_VALLEY.carrier_records.members
    table = pa.Table.from_pylist(NIGHTS_MEMBERS, schema=MEMBERS)
    carriers = {theirs: table[ours] for ours, theirs in mapping.items()}
    carriers["DOB"] = pa.array([datetime(1984, 3, 9), datetime(2012, 2, 29)], pa.timestamp("us"))
    carriers["PREMIUM_AMT"] = pa.array([512.30, None], pa.float64())
    carriers["POLICY_NO"] = pa.array([8801, 8801])
    carriers["SEX"] = pa.array(["F", "M"]).dictionary_encode()
    path = tmp_path / "members.parquet"
    pq.write_table(pa.table(carriers), path)
    assert read_members(path, CEDAR_VALLEY).to_pylist() == NIGHTS_MEMBERS


CARRIER_TABLES = """
CREATE SCHEMA carrier;
CREATE TABLE carrier.member (
  "POLICY_NO" text, "EXCH_MEMBER_NO" text, "CONTRACT_NO" text, "SUBSCRIBER_NO" text,
  "MEMBER_NO" text, "LAST_NM" text, "FIRST_NM" text, "DOB" date, "SEX" char(1), "PLAN_CD" text,
  "EFF_DT" date, "TERM_DT" date, "PREMIUM_AMT" numeric, "APTC_AMT" numeric(9, 2),
  "LOADED_AT" timestamptz DEFAULT now());
INSERT INTO carrier.member VALUES
  ('8801', '0001000001', 'C1', 'S1', 'M1', 'LOCKHART', 'AVERY', '1984-03-09', 'F',
   '91001TX001000101', '2026-01-01', NULL, 512.3, 100),
  ('8801', '0001000002', 'C1', 'S1', 'M2', 'LOCKHART, JR', 'ROWAN', '2012-02-29', 'M',
   '91001TX001000101', '2026-01-01', '2026-06-30', NULL, NULL);
CREATE TABLE carrier.payment (
  "POLICY_NO" text, "PAID_AMT" numeric(9, 2), "PAID_DT" date, "PAID_THRU_DT" date);
INSERT INTO carrier.payment VALUES ('8801', 412.30, '2025-12-28', '2026-01-31');
"""


def test_a_table_of_the_carrier_becomes_member_records(conn):
    """Members and payments are read through the same mapping from PostgreSQL."""
    conn.execute(sa.text(CARRIER_TABLES))
    members = read_members(CarrierTable(conn, "carrier.member"), CEDAR_VALLEY)
    by_member = sorted(members.to_pylist(), key=lambda row: row["exchange_member_id"])
    assert by_member == NIGHTS_MEMBERS
    payments = read_payments(CarrierTable(conn, "carrier.payment"), CEDAR_VALLEY)
    assert payments.schema.equals(tables.CARRIER_PAYMENTS)
    assert payments.to_pylist() == [
        {
            "exchange_policy_id": "8801",
            "amount": Decimal("412.30"),
            "received_on": date(2025, 12, 28),
            "paid_through": date(2026, 1, 31),
        }
    ]


def test_a_wrong_table_of_the_carrier_is_refused(conn):
    """An unknown table and a missing column are named."""
    conn.execute(sa.text(CARRIER_TABLES))
    with pytest.raises(Terminal, match=r"No carrier table carrier\.people"):
        read_members(CarrierTable(conn, "carrier.people"), CEDAR_VALLEY)
    conn.execute(sa.text('ALTER TABLE carrier.member RENAME "DOB" TO "BORN"'))
    with pytest.raises(Terminal, match=r"carrier\.member: column DOB is missing"):
        read_members(CarrierTable(conn, "carrier.member"), CEDAR_VALLEY)
    conn.execute(sa.text("DELETE FROM carrier.payment"))
    assert read_payments(CarrierTable(conn, "carrier.payment"), CEDAR_VALLEY).num_rows == 0


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("DOB", "2012-02-30", "no date"),
        ("DOB", "02/29/2012", "no date"),
        ("EFF_DT", "2026-1-01", "no date"),
        ("PREMIUM_AMT", "512.301", "no amount"),
        ("APTC_AMT", "$100.00", "no amount"),
        ("APTC_AMT", "1e3", "no amount"),
        ("POLICY_NO", "", "empty"),
        ("EXCH_MEMBER_NO", "0001000001", "same policy and member"),
    ],
)
def test_a_wrong_cell_is_named_by_column_and_row_without_its_value(extract, column, value, why):
    """Column and data row are in the message; what stands there is not."""
    path = extract(SUBSCRIBER, changed(DEPENDENT, column, value))
    with pytest.raises(Terminal, match=f"members.csv: column {column}, data row 2: .*{why}") as hit:
        read_members(path, CEDAR_VALLEY)
    assert not value or value not in str(hit.value)
    assert hit.value.__cause__ is None


def test_spans_are_read_as_they_are_told_and_refused_where_they_are_none(extract):
    """Days, a solidus, blanks between; the refusal names column and row."""
    members = CEDAR_VALLEY.carrier_records.members | {"coverage_spans": "SPANS"}
    told = CEDAR_VALLEY.carrier_records.model_copy(update={"members": members})
    partner = CEDAR_VALLEY.model_copy(update={"carrier_records": told})
    spans = "2026-01-01/2026-03-31 2026-05-01/.."
    good = extract([*SUBSCRIBER, spans], [*DEPENDENT, ""], header=[*HEADER, "SPANS"])
    read = read_members(good, partner)["coverage_spans"].to_pylist()
    assert read == [spans, None]
    for told in ("2026-01-01 on", "2026-01-01/2026-02-30", "2026-06-30/2026-01-01"):
        wrong = extract([*SUBSCRIBER, ""], [*DEPENDENT, told], header=[*HEADER, "SPANS"])
        with pytest.raises(Terminal, match="column SPANS, data row 2: no spans of days such as"):
            read_members(wrong, partner)


@pytest.mark.parametrize("never", ["9999-12-31", "2199-12-31", "2100-01-01"])
def test_an_end_that_never_comes_is_an_open_one(extract, never):
    """As systems without blank dates keep it; the last day of the century is a day."""
    members = CEDAR_VALLEY.carrier_records.members | {"coverage_spans": "SPANS"}
    told = CEDAR_VALLEY.carrier_records.model_copy(update={"members": members})
    partner = CEDAR_VALLEY.model_copy(update={"carrier_records": told})
    spans = f"2026-01-01/2026-03-31 2026-05-01/{never}"
    far = "2099-12-31"
    path = extract(
        [*changed(SUBSCRIBER, "TERM_DT", never), spans],
        [*changed(DEPENDENT, "TERM_DT", far), f"2026-01-01/{far}"],
        header=[*HEADER, "SPANS"],
    )
    read = read_members(path, partner)
    assert read["benefit_end"].to_pylist() == [None, date(2099, 12, 31)]
    assert read["coverage_spans"].to_pylist() == [
        "2026-01-01/2026-03-31 2026-05-01/..",
        f"2026-01-01/{far}",
    ]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ([*HEADER[:-1], "APTC"], "column APTC_AMT is missing"),
        ([*HEADER[:-1], "DOB"], "column DOB stands 2 times"),
    ],
)
def test_a_wrong_header_is_named(extract, header, message):
    """A mapped column is there once."""
    with pytest.raises(Terminal, match=message):
        read_members(extract(SUBSCRIBER, header=header), CEDAR_VALLEY)


def test_a_half_extract_is_refused(extract):
    """Empty, cut in a row, between columns, or inside quotes: never half a truth."""
    whole = extract(SUBSCRIBER, DEPENDENT)
    assert read_members(whole, CEDAR_VALLEY).num_rows == 2
    with pytest.raises(Terminal, match="cut off"):
        read_members(extract(SUBSCRIBER, DEPENDENT, end=""), CEDAR_VALLEY)
    with pytest.raises(Terminal, match="data row 2 has another number of columns"):
        read_members(extract(SUBSCRIBER, DEPENDENT[:6]), CEDAR_VALLEY)
    with pytest.raises(Terminal, match="cut off"):
        read_members(extract(SUBSCRIBER, [*DEPENDENT[:5], '"LOCK']), CEDAR_VALLEY)
    whole.write_text("")
    with pytest.raises(Terminal, match="is empty"):
        read_members(whole, CEDAR_VALLEY)
    whole.unlink()
    with pytest.raises(Terminal, match="No carrier extract"):
        read_members(whole, CEDAR_VALLEY)


def test_an_extract_in_another_encoding_is_refused_without_its_text(extract):
    """The reader's own message would quote the row; ours does not."""
    path = extract(changed(SUBSCRIBER, "LAST_NM", "PEÑA"))
    path.write_bytes(path.read_text().encode("latin-1"))
    with pytest.raises(Terminal, match="no CSV file in UTF-8") as hit:
        read_members(path, CEDAR_VALLEY)
    assert "PE" not in str(hit.value)
    assert hit.value.__suppress_context__


def test_a_cut_parquet_extract_is_refused(tmp_path):
    """Without its footer a Parquet file is no file."""
    path = tmp_path / "members.parquet"
    pq.write_table(pa.table({name: ["x"] for name in HEADER}), path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(Terminal, match="no whole Parquet file"):
        read_members(path, CEDAR_VALLEY)


@pytest.mark.parametrize(
    ("column", "values"),
    [("POLICY_NO", [8801.0]), ("DOB", [True]), ("APTC_AMT", [Decimal("1.005")])],
)
def test_a_parquet_column_of_a_wrong_type_is_refused(tmp_path, column, values):
    """What cannot become ours without loss is named by its column."""
    row = dict(zip(HEADER, [[cell or None] for cell in SUBSCRIBER], strict=True))
    path = tmp_path / "members.parquet"
    pq.write_table(pa.table({**row, column: values}), path)
    with pytest.raises(Terminal, match=f"column {column}(,| has type)"):
        read_members(path, CEDAR_VALLEY)


def test_an_incomplete_mapping_is_refused(extract):
    """The partner's file must say where each of our columns is found."""
    records = CEDAR_VALLEY.carrier_records
    mapping = {ours: theirs for ours, theirs in records.members.items() if ours != "aptc"}
    partner = CEDAR_VALLEY.model_copy(
        update={"carrier_records": records.model_copy(update={"members": mapping})}
    )
    with pytest.raises(Terminal, match="does not say which column of the carrier is aptc"):
        read_members(extract(SUBSCRIBER), partner)


PAYMENT = ["8801", "412.30", "2025-12-28", "2026-01-31"]
PAYMENT_HEADER = list(CEDAR_VALLEY.carrier_records.payments.values())


@pytest.mark.parametrize(("place", "column"), [(0, "POLICY_NO"), (1, "PAID_AMT"), (2, "PAID_DT")])
def test_a_payment_without_policy_amount_or_date_is_refused(extract, place, column):
    """It says nothing about what is owed; the day it is paid through may be unknown."""
    wrong = [cell if number != place else "" for number, cell in enumerate(PAYMENT)]
    through_unknown = [*PAYMENT[:3], ""]
    path = extract(PAYMENT, through_unknown, header=PAYMENT_HEADER)
    assert read_payments(path, CEDAR_VALLEY)["paid_through"].null_count == 1

    path = extract(PAYMENT, wrong, header=PAYMENT_HEADER)
    with pytest.raises(Terminal, match=f"column {column}, data row 2: empty"):
        read_payments(path, CEDAR_VALLEY)


def test_a_strange_payment_is_read_as_it_stands(extract):
    """Negative, in the future, for a policy that nobody knows: whoever decides sees all of them."""
    rows = [["8801", "-412.30", "2025-12-28", ""], ["NOBODYS", "1", "2099-01-01", "2099-12-31"]]
    payments = read_payments(extract(*rows, header=PAYMENT_HEADER), CEDAR_VALLEY).to_pylist()

    assert [(one["amount"], one["received_on"]) for one in payments] == [
        (Decimal("-412.30"), date(2025, 12, 28)),
        (Decimal(1), date(2099, 1, 1)),
    ]


REQUEST_HEADER = list(CEDAR_VALLEY.carrier_records.requests.values())
CANCEL = ["8801", "cancel", "CANCEL-FLC", "", "2026-01-08"]
TERMINATE = ["8802", "terminate", "TERM-OTH", "2026-03-31", "2026-03-02"]
REINSTATE = ["8803", "reinstate", "", "", "2026-04-01"]


def test_requests_of_the_carrier_are_read(extract):
    """Cancellation, termination and reinstatement, each with what it needs."""
    path = extract(CANCEL, TERMINATE, REINSTATE, header=REQUEST_HEADER)
    requests = read_requests(path, CEDAR_VALLEY)

    assert requests.schema.equals(tables.CARRIER_REQUESTS)
    assert [tuple(row.values()) for row in requests.to_pylist()] == [
        ("8801", "cancel", "CANCEL-FLC", None, date(2026, 1, 8)),
        ("8802", "terminate", "TERM-OTH", date(2026, 3, 31), date(2026, 3, 2)),
        ("8803", "reinstate", None, None, date(2026, 4, 1)),
    ]
    assert read_requests(extract(header=REQUEST_HEADER), CEDAR_VALLEY).num_rows == 0


@pytest.mark.parametrize(
    ("row", "place", "value", "message"),
    [
        (CANCEL, 1, "stop", "column REQUEST_CD, data row 2: none of cancel, terminate, reinstate"),
        (CANCEL, 1, "", "column REQUEST_CD, data row 2: empty"),
        (CANCEL, 2, "", "column REASON_CD, data row 2: empty, but a cancellation has a reason"),
        (TERMINATE, 2, "", "column REASON_CD, data row 2: empty, but a termination has a reason"),
        (TERMINATE, 3, "", "column LAST_DAY_DT, data row 2: empty, but a termination has a last"),
        (REINSTATE, 4, "", "column REQUEST_DT, data row 2: empty"),
    ],
)
def test_a_wrong_request_is_named_by_column_and_row(extract, row, place, value, message):
    """What the transaction needs must be there."""
    wrong = [cell if number != place else value for number, cell in enumerate(row)]
    with pytest.raises(Terminal, match=message):
        read_requests(extract(CANCEL, wrong, header=REQUEST_HEADER), CEDAR_VALLEY)


def test_requests_need_a_mapping(extract):
    """Settings that name a source, and a partner's file that does not say what its columns are."""
    records = CEDAR_VALLEY.carrier_records.model_copy(update={"requests": None})
    partner = CEDAR_VALLEY.model_copy(update={"carrier_records": records})
    with pytest.raises(Terminal, match=r"carrier_records\.requests is not in the partner's file"):
        read_requests(extract(header=REQUEST_HEADER), partner)
