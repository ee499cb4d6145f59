"""What we write is what our own parser and the simulated exchange read."""

from datetime import date

import pyarrow as pa

from parsers.members import read_business_tables
from parsers.reading import open_received
from replies.ack999 import write_999
from replies.issuer834 import count_groups, count_sets, write_issuer_transactions
from replies.ta1 import write_ta1
from replies.x12_writer import ControlNumbers
from simulator.reading import read_interchanges

ECHOED = (
    "is_subscriber", "relationship_code", "exchange_subscriber_id", "exchange_member_id",
    "issuer_subscriber_id", "issuer_member_id", "exchange_policy_id", "last_name", "first_name",
    "middle_name", "name_suffix", "birth_date", "gender_code", "eligibility_begin",
)  # fmt: skip


def test_effectuations_read_back_as_they_were_meant(tmp_path, member, transactions, envelope):
    """Our parser finds each member, coverage and category of the table again."""
    rows = transactions(
        member("1", "11", middle_name="Q", name_suffix="JR", gender_code=None, birth_date=None),
        member("2", "21", issuer_policy_id=None, benefit_begin=date(2026, 2, 1)),
    )
    control = ControlNumbers(range(1, 1 + count_groups(rows)), range(1, 1 + count_sets(rows)))
    path = tmp_path / "transactions.edi"
    path.write_bytes(write_issuer_transactions(rows, envelope(), control))
    with open_received(path) as received:
        read = [read_business_tables(stretch) for stretch in received.stretches()]
    members = pa.concat_tables([tables.members for tables in read])
    assert members.select(ECHOED).equals(rows.select(ECHOED))
    assert set(members["maintenance_reason"].to_pylist()) == {"28"}
    assert set(members["additional_maintenance_reason"].to_pylist()) == {"CONFIRM"}
    coverages = pa.concat_tables([tables.coverages for tables in read])
    echoed = ("benefit_begin", "plan_id", "exchange_policy_id", "issuer_policy_id")
    assert coverages.select(echoed).equals(rows.select(echoed))
    assert coverages["last_premium_paid"].equals(rows["last_premium_paid"])


def test_the_exchange_reads_our_answers(verdict, envelope):
    """The simulator's reader, written independently, finds TA1 and 999 where they belong."""
    about = verdict({"17": {"1001": ("A", []), "1002": ("R", ["5"])}})
    (interchange,) = read_interchanges(write_ta1(about, [envelope(8)]))
    assert interchange.control_number == "000000008"
    assert [segment[1] for segment in interchange.acknowledgments] == ["000000905"]
    assert (interchange.groups, interchange.trailer[1]) == ([], "0")
    (interchange,) = read_interchanges(write_999(about, envelope(9), ControlNumbers([3], [4])))
    (group,) = interchange.groups
    (answer,) = group.sets
    assert (group.control_number, answer.control_number) == ("3", "000000004")
    acknowledged = [segment[2] for segment in answer.segments if segment[0] == "AK2"]
    assert acknowledged == ["1001", "1002"]
