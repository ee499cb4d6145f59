"""Business acknowledgements (BAA): read row by row, whatever stands in the file."""

import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.business_acknowledgements import read_business_acknowledgement
from schemas import tables
from schemas.business_acknowledgements import load_answer_rules
from schemas.limits import load_answer_limits
from schemas.partners import load_exchange, load_partner

HARBOR_LIGHT = load_partner("harbor-light-nc")
FFE = load_exchange("ffe")
LIMITS = replace(load_answer_limits(), file_bytes=8_000, answers=2)
GOOD = """<?xml version="1.0" encoding="UTF-8"?>
<BusinessApplicationAcknowledgment><TradingPartnerId>007654321T</TradingPartnerId>
 <Transaction><InterchangeControlNumber>000000012</InterchangeControlNumber>
  <GroupControlNumber>12</GroupControlNumber>
  <TransactionSetControlNumber>000000034</TransactionSetControlNumber>
  <ExchangeAssignedSubscriberId>0000011111</ExchangeAssignedSubscriberId>
  <ExchangeAssignedMemberId/><ExchangeAssignedPolicyId>9100000001</ExchangeAssignedPolicyId>
  <Error><Severity>R</Severity><Element>DTP*356</Element><Code>E046</Code>
   <Text>Not Matching</Text></Error>
 </Transaction></BusinessApplicationAcknowledgment>
"""


@pytest.fixture
def read(tmp_path):
    """What a file of these bytes, or of this text, says to Harbor Light."""

    def reading(content, limits=None):
        path = tmp_path / "answer.xml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_business_acknowledgement(path, HARBOR_LIGHT, FFE, limits)

    return reading


def edited(edits):
    """The good file with texts in the place of others; `20 x <Text>` is twenty elements."""
    content = GOOD
    for text, other in edits.items():
        assert text in content
        content = content.replace(text, other)
    for times in (9000, 3000):
        content = content.replace(f"{times} x", "x" * times)
    return content.replace("20 x <Text>", "<Text>" * 20 + "</Text>" * 20)


def rules_of(answer):
    return answer.issues["rule"].to_pylist()


def test_an_error_is_a_row_with_the_numbers_of_what_it_answers(read):
    """Control numbers, ids, severity, element, code and text, as they came."""
    answer = read(GOOD)
    assert answer.answers.schema.equals(tables.BUSINESS_ANSWERS)
    assert answer.issues.num_rows == 0
    assert answer.answers.to_pylist() == [
        {
            "transaction_ordinal": 1,
            "interchange_control_number": "000000012",
            "group_control_number": "12",
            "transaction_set_control_number": "000000034",
            "exchange_subscriber_id": "0000011111",
            "exchange_member_id": None,
            "exchange_policy_id": "9100000001",
            "severity": "rejected",
            "element": "DTP*356",
            "code": "E046",
            "message": "Not Matching",
        }
    ]


def test_several_errors_of_several_transactions_keep_their_order(read):
    """E148 with E158 is one answer of two codes; a warning is told apart."""
    errors = "<Error><Severity>R</Severity><Code>E148</Code></Error><Error><Code>E158</Code>"
    one = "<Transaction><TransactionSetControlNumber>7</TransactionSetControlNumber>"
    two = f"{one}{errors}<Severity>W</Severity></Error></Transaction>"
    answer = read(GOOD.replace("</Business", f"{two}</Business"))
    columns = ("transaction_ordinal", "transaction_set_control_number", "severity", "code")
    assert [tuple(row.values()) for row in answer.answers.select(columns).to_pylist()] == [
        (1, "000000034", "rejected", "E046"),
        (2, "7", "rejected", "E148"),
        (2, "7", "warning", "E158"),
    ]


def test_a_namespace_changes_nothing(read):
    """Elements are known by their local names."""
    prefixed = GOOD.replace("<", "<b:").replace("<b:/", "</b:").replace("<b:?", "<?")
    prefixed = prefixed.replace("Acknowledgment>", 'Acknowledgment xmlns:b="urn:x">', 1)
    assert read(prefixed).answers.equals(read(GOOD).answers)


def test_names_of_elements_are_the_exchange_s(tmp_path):
    """Another exchange's schema is another table of names, no other code."""
    names = FFE.business_acknowledgement.model_copy(update={"code": "ErrorCode", "error": "Fault"})
    exchange = FFE.model_copy(update={"business_acknowledgement": names})
    path = tmp_path / "answer.xml"
    path.write_text(GOOD.replace("Error>", "Fault>").replace("Code>", "ErrorCode>"))
    answer = read_business_acknowledgement(path, HARBOR_LIGHT, exchange)
    assert answer.answers["code"].to_pylist() == ["E046"]


@pytest.mark.parametrize("rule", load_answer_rules().values(), ids=lambda rule: rule.id)
def test_the_bad_example_of_a_rule_breaks_it_and_the_good_one_does_not(read, rule):
    """A rule that refuses the file leaves no answer; another one tells and goes on."""
    bad = rule.bad if isinstance(rule.bad, str) else edited(rule.bad)
    limits = replace(LIMITS, answers=1) if rule.id == "answers-too-many" else LIMITS
    answer = read(bad, limits)
    assert rules_of(answer) == [rule.id]
    assert answer.is_refused == (rule.severity == "reject")
    assert answer.issues["message"][0].as_py() == rule.wording
    if answer.is_refused:
        assert answer.answers.num_rows == 0
    assert rules_of(read(edited(rule.good), limits)) == []


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "answer-not-xml"),
        (b"  \n", "answer-not-xml"),
        (b"\x00\x01\x02", "answer-not-xml"),
        (b"ISA*00*          *00*", "answer-not-xml"),
        (GOOD.replace("Not Matching", "\u00e9").encode("latin-1"), "answer-not-xml"),
        (GOOD.replace("UTF-8", "EBCDIC-9").encode(), "answer-not-xml"),
        (GOOD.replace("Not Matching", "&who;").encode(), "answer-not-xml"),
        (b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "answer-with-declarations"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "answer-with-declarations"),
    ],
)
def test_what_is_no_answer_is_refused_in_one_row(read, content, rule):
    """Nothing raises, nothing is fetched, and nothing of the file is read."""
    answer = read(content)
    assert rules_of(answer) == [rule]
    assert answer.answers.num_rows == 0


def test_a_billion_laughs_are_not_laughed(read):
    """Entities in entities are refused before the first one is expanded."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY l0 "ha">{laughs}]>'
    answer = read(bomb + GOOD.partition("?>")[2].replace("Not Matching", "&l9;"))
    assert rules_of(answer) == ["answer-with-declarations"]


def test_latin_letters_are_read_where_they_are_declared(read):
    """A declared encoding counts, although the exchange says UTF-8."""
    content = GOOD.replace("UTF-8", "ISO-8859-1").replace("Not Matching", "Jos\u00e9")
    answer = read(content.encode("latin-1"))
    assert answer.answers["message"].to_pylist() == ["Jos\u00e9"]


@pytest.mark.parametrize("length", range(0, len(GOOD) - 1, 37))
def test_a_file_that_is_cut_off_is_refused_whole(read, length):
    """Half an answer is none: what it says of the first transaction may not be all of it."""
    answer = read(GOOD[:length])
    assert rules_of(answer) == ["answer-not-xml"]


def test_a_large_answer_is_read_in_little_memory(tmp_path):
    """A hundred thousand transactions without an error that is wanted leave nothing behind."""
    path = tmp_path / "answer.xml"
    path.write_text(GOOD.replace("<Error>", f"<Remark>{'x' * 100} </Remark>" * 50_000 + "<Error>"))
    tracemalloc.start()
    answer = read_business_acknowledgement(path, HARBOR_LIGHT, FFE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.answers.num_rows == 1
    assert peak < 2_000_000  # of six megabytes


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(GOOD)), noise=st.binary(min_size=1, max_size=8))
def test_no_bytes_raise(tmp_path, place, noise):
    """Whatever stands anywhere in the file: rows or issues."""
    path = tmp_path / "answer.xml"
    content = GOOD.encode()
    path.write_bytes(content[:place] + noise + content[place:])
    answer = read_business_acknowledgement(path, HARBOR_LIGHT, FFE, LIMITS)
    assert answer.is_refused or answer.answers.num_rows <= LIMITS.answers
