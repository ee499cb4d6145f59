"""What leaves is what was decided: our 834s read back, compared, and shown to pyx12."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import issuer_proof
from pipeline.issuer_proof import Disproof, prove_issuer_transactions
from pipeline.issuer_shapes import bytes_for_pyx12
from pipeline.second_opinion import pyx12_accepts, refused_by_pyx12
from replies.issuer834 import count_groups, count_sets, write_issuer_transactions
from replies.issuer_order import in_order
from replies.x12_writer import ControlNumbers, Envelope
from schemas import tables
from schemas.errors import Terminal
from schemas.partners import load_exchange, load_partner
from tests.replies.test_issuer834_to_the_letter import (
    BACK,
    CANCELLED,
    CHANGED,
    CONFIRMED,
    ENDED,
    MORNING,
    UNCHANGED,
    john,
)

HARBOR = load_partner("harbor-light-nc")
ENVELOPE = Envelope(HARBOR, load_exchange("ffe"), 7, MORNING)
EVERYTHING = [CONFIRMED, john(CONFIRMED), CANCELLED, ENDED, CHANGED, UNCHANGED, BACK]


def table(rows):
    columns = {name: [row.get(name) for row in rows] for name in tables.ISSUER_TRANSACTIONS.names}
    return pa.table(columns, schema=tables.ISSUER_TRANSACTIONS)


def numbered(rows):
    """Each subscriber's rows under a policy id of their own."""
    policies = np.cumsum([row["is_subscriber"] for row in rows])
    return [
        row | {"exchange_policy_id": f"91{policy:08d}"}
        for row, policy in zip(rows, policies.tolist(), strict=True)
    ]


def control_of(rows):
    return ControlNumbers(range(21, 21 + count_groups(rows)), range(501, 501 + count_sets(rows)))


def written(rows):
    return write_issuer_transactions(rows, ENVELOPE, control_of(rows))


def proved(content, rows):
    return prove_issuer_transactions(content, rows, ENVELOPE, control_of(rows))


@pytest.mark.control("x12")
def test_a_file_of_every_transaction_is_proved_and_given_back():
    """The tables are those of the bytes, for the book to take in."""
    rows = table(numbered(EVERYTHING))
    proof = proved(written(rows), rows)
    assert proof.verdict.file_verdict == "accepted"
    assert (
        proof.tables.members["maintenance_type"].to_pylist() == rows["maintenance_type"].to_pylist()
    )
    assert proof.tables.coverages.num_rows == 5
    assert proof.tables.reporting_categories.num_rows == 2 * 2 + 2 + 2 + 2 + 2


# Bytes of ours, what stands there instead, and the policy of which it is told.
OF_ONE = {
    "name": (b"NM1*IL*1*DOE*JOHN", b"NM1*IL*1*DOE*JACK", 1, "NM1*IL, NM104"),
    "end of coverage": (b"DTP*357*D8*20260131", b"DTP*357*D8*20260130", 3, "DTP*357"),
    "premium paid": (b"DTP*543*D8*20260131", b"DTP*543*D8*20260228", 1, "DTP*543"),
    "reason": (b"REF*17*TERM~", b"REF*17*TERM-OTH~", 3, "our-combination-unknown at INS03"),
    "plan": (b"REF*CE*91002NC001000101", b"REF*CE*91002NC001000102", 1, "REF*CE"),
    "policy": (b"REF*1L*9100000002", b"REF*1L*9100000009", 2, "REF*1L"),
    "reference": (b"BGN*00*12456", b"BGN*00*12457", 1, "BGN02"),
    "former id": (b"REF*XM*P-9001", b"REF*XM*P-9009", 4, "REF*XM"),
    "former member id": (b"REF*ABB*M-11111", b"REF*ABB*M-11112", 4, "REF*ABB"),
    "former subscriber id": (b"REF*Q4*S-11111", b"REF*Q4*S-11112", 4, "REF*Q4"),
    "broken rule": (b"BGN*00*12456", b"BGN*15*12456", 1, "our-purpose-not-original at BGN01"),
}
OF_THE_FILE = {
    "receiver": (b"CMSFFM ", b"CMSFFX "),
    "plan of the group": (b"GS*BE*91002NC0010001", b"GS*BE*91002NC0010002"),
    "control number": (b"*000000007", b"*000000008"),
    "transaction set that is none of ours": (b"*000000501", b"*000000599"),
}


@pytest.mark.control("x12")
@pytest.mark.parametrize("what", OF_ONE)
def test_a_set_that_says_something_else_does_not_leave(what):
    """Whatever is changed after the decision: told of its decision alone, without a value."""
    rows = table(
        [row | {"decision_id": int(row["exchange_policy_id"])} for row in numbered(EVERYTHING)]
    )
    content = written(rows)
    good, bad, policy, told = OF_ONE[what]
    assert good in content
    found = proved(content.replace(good, bad, 1), rows)

    assert isinstance(found, Disproof)
    assert found.obstacles["decision_id"].to_pylist() == [9100000000 + policy]
    (sentence,) = found.obstacles["obstacle"].to_pylist()
    assert told in sentence
    assert not {"DOE", "JACK", "JOHN", "12457"} & set(sentence.replace(",", " ").split())


@pytest.mark.parametrize("what", OF_THE_FILE)
def test_a_file_that_is_not_ours_as_a_whole_is_our_own_failure(what):
    """What belongs to no set alone: nothing of the file leaves."""
    rows = table(numbered(EVERYTHING))
    content = written(rows)
    assert OF_THE_FILE[what][0] in content
    with pytest.raises(Terminal):
        proved(content.replace(*OF_THE_FILE[what]), rows)


def test_a_coverage_that_an_end_must_not_have_is_told_of_its_set():
    """A rule of ours says so before the rows are counted."""
    rows = table(numbered(EVERYTHING))
    content = written(rows).replace(b"DMG*D8*19800229*F~LS", b"DMG*D8*19800229*F~HD*024**HLT~LS")
    assert isinstance(proved(content, rows), Disproof)


@pytest.mark.control("x12")
def test_sets_that_pyx12_refuses_stay_and_those_of_their_shape(monkeypatch):
    """It is shown a part of a large file: what it has not seen is built alike."""
    rows = numbered([row for _ in range(8) for row in (CONFIRMED, ENDED)])
    rows = table([row | {"decision_id": number} for number, row in enumerate(rows)])
    monkeypatch.setattr(issuer_proof, "_MEMBERS_FOR_PYX12", 4)
    monkeypatch.setattr(issuer_proof, "pyx12_accepts", lambda _: False)
    monkeypatch.setattr(issuer_proof, "refused_by_pyx12", lambda _: [502])
    found = proved(written(rows), rows)

    assert isinstance(found, Disproof)
    assert found.obstacles["decision_id"].to_pylist() == list(range(1, 16, 2))

    monkeypatch.setattr(issuer_proof, "refused_by_pyx12", lambda _: [])
    with pytest.raises(Terminal, match="refused by pyx12"):
        proved(written(rows), rows)


@pytest.mark.control("x12")
def test_pyx12_names_the_sets_that_it_refuses():
    """By their ST02, from its own 999."""
    content = written(table(numbered(EVERYTHING)))
    assert refused_by_pyx12(content) == []
    bad = content.replace(b"DTP*357*D8*20260131", b"DTP*999*D8*20260131")
    assert refused_by_pyx12(bad) == [503]


def test_a_warning_of_the_guide_does_not_hold_a_file():
    """QTY is as the exchange last sent it, although a cancellation has the subscriber alone."""
    rows = table([CANCELLED | {"total_count": 3, "dependent_count": 2}])
    verdict = proved(written(rows), rows).verdict
    assert set(verdict.issues["severity"].to_pylist()) <= {"warning", "info"}


def test_a_large_file_is_shown_to_pyx12_in_part(monkeypatch):
    """Each group, and a set of each shape: the rest is proved by our own parser alone."""
    plans = ("91002NC001000101", "91002NC001000201", "91002NC090000101")
    kinds = ([CONFIRMED], [CONFIRMED, john(CONFIRMED)], [ENDED], [BACK])
    rows = numbered(
        [
            row | {"plan_id": plans[number % 3]}
            for number in range(40)
            for row in kinds[number // 3 % 4]
        ]
    )
    shown = []
    monkeypatch.setattr(issuer_proof, "_MEMBERS_FOR_PYX12", 12)
    monkeypatch.setattr(
        issuer_proof, "pyx12_accepts", lambda content: shown.append(content) or True
    )
    proved(written(table(rows)), table(rows))
    (part,) = shown
    assert pyx12_accepts(part)
    assert part.count(b"GS*BE*") == 3
    assert part.count(b"INS*") <= 12
    for code in (b"*021*28*", b"*024*59*", b"*025**", b"INS*N*"):
        assert code in part
    assert bytes_for_pyx12(written(table(rows)), None, in_order(table(rows)), 1000) == written(
        table(rows)
    )


NAMES = st.text(min_size=1, max_size=20).filter(lambda name: any(c.isalnum() for c in name))
MAYBE = st.none() | NAMES
IDS = st.text("ABC0123-", min_size=2, max_size=12).filter(lambda text: text.strip("-"))
DAYS = st.dates(date(1930, 1, 1), date(2025, 12, 31))


@st.composite
def decided(draw):
    """Rows of several policies and plans, in any order of transactions, with awkward values."""
    rows = []
    for number in range(draw(st.integers(1, 6))):
        row = draw(st.sampled_from([CONFIRMED, CANCELLED, ENDED, BACK, CHANGED]))
        dependents = draw(st.integers(0, 3)) if row in (CONFIRMED, CHANGED) else 0
        begin = draw(st.dates(date(2025, 1, 1), date(2026, 12, 31)))
        plan = draw(st.sampled_from(["91002NC001000101", "91002NC001000201", "91002NC001000106"]))
        policy = {
            "plan_id": plan,
            "eligibility_begin": begin,
            "benefit_begin": begin,
            "reference": str(draw(st.integers(1000, 999_999_999))),
            "sponsor_name": draw(NAMES),
            "total_count": dependents + 1,
            "dependent_count": dependents or None,
            "exchange_policy_id": f"{number}{draw(st.integers(0, 99_999))}",
        }
        if row is CANCELLED:
            policy["eligibility_end"] = begin
        if row is ENDED:
            policy["eligibility_end"] = date(2027, 1, draw(st.integers(1, 31)))
        rows.append(row | policy | draw(person()))
        for member in range(dependents):
            plain = UNCHANGED if row is CHANGED else john(row)
            rows.append(plain | policy | draw(person()) | {"exchange_member_id": f"77{member}"})
    return rows


@st.composite
def person(draw):
    """Awkward names, dates and ids."""
    return {
        "last_name": draw(NAMES),
        "first_name": draw(MAYBE),
        "middle_name": draw(MAYBE),
        "name_suffix": draw(st.none() | st.sampled_from(["JR", "III", "Sr.", " "])),
        "birth_date": draw(st.none() | DAYS),
        "gender_code": draw(st.sampled_from([None, "F", "M"])),
    }


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(decided())
def test_what_is_written_reads_back_as_the_row(rows):
    """Awkward names, dates and plans, any mixture: the proof finds nothing else than the rows."""
    said = table(rows)
    proof = proved(written(said), said)
    assert proof.tables.members.num_rows == len(rows)
