"""Files that are set apart, and numbers that came before."""

from dataclasses import replace

import pytest

from schemas.limits import load_limits
from schemas.partners import load_partner
from schemas.verdict import Quarantine
from tests.cases.ffe import FFE
from validators.check import Terms

HARBOR = load_partner("harbor-light-nc")
OURS = Terms(HARBOR, other_receivers=frozenset({"001234567T"}))
SEEN = frozenset({("CMSFFM", "000000001")})
(GOOD,) = FFE["ffe-cancellation"]
STRANGER = GOOD.with_isa(6, f"{'STRANGER':15}")


def test_a_stranger_is_not_answered(reader):
    """The file is set apart as a whole; also what follows in it from a known sender."""
    content = STRANGER.text() + GOOD.with_isa(13, "000000002").text()
    verdict = reader.verdict(content, OURS)
    assert verdict.quarantine == Quarantine("sender-unknown", is_answered=False)
    assert not verdict.is_answered
    assert verdict.file_verdict == "rejected"
    assert verdict.dispositions["reason"].to_pylist() == ["sender-unknown"] * 2


def test_a_stranger_is_answered_where_the_partner_agreed_to_it(reader):
    """TA1 R 006, and the known sender of the same file is judged on its own."""
    answering = replace(OURS, partner=HARBOR.model_copy(update={"on_unknown_sender": "answer"}))
    alone = reader.verdict(STRANGER, answering)
    assert alone.quarantine == Quarantine("sender-unknown", is_answered=True)
    assert alone.interchange_verdicts["ta1_note"].to_pylist() == ["006"]
    both = reader.verdict(STRANGER.text() + GOOD.with_isa(13, "000000002").text(), answering)
    assert both.interchange_verdicts["ta1_code"].to_pylist() == ["R", "A"]
    assert both.quarantine is None


def test_a_file_in_the_wrong_mailbox_is_not_answered(reader):
    """What is addressed to another of our partnerships may have been shown to the wrong one."""
    verdict = reader.verdict(GOOD.with_isa(8, f"{'001234567T':15}"), OURS)
    assert verdict.quarantine == Quarantine("receiver-of-another-mailbox", is_answered=False)
    nobody = reader.verdict(GOOD.with_isa(8, f"{'NOBODY':15}"), OURS)
    assert nobody.quarantine is None
    assert nobody.interchange_verdicts["ta1_note"].to_pylist() == ["008"]


@pytest.mark.parametrize(
    ("is_copy", "rule", "is_set_apart"),
    [(True, "interchange-duplicate", False), (False, "interchange-number-reused", True)],
)
def test_a_number_that_came_before_is_told_by_its_content(reader, is_copy, rule, is_set_apart):
    """TA1 R 025 either way; other content under the number waits for a person."""
    verdict = reader.verdict(GOOD, replace(OURS, seen_interchanges=SEEN, is_copy=is_copy))
    assert verdict.interchange_verdicts["ta1_note"].to_pylist() == ["025"]
    assert verdict.dispositions["reason"].to_pylist() == [rule]
    assert (verdict.quarantine is not None) == is_set_apart
    assert verdict.is_answered


def test_a_good_interchange_is_not_held_back_by_a_repeated_one(reader):
    """One bad interchange does not harm the other."""
    content = GOOD.text() + GOOD.with_isa(13, "000000002").text()
    verdict = reader.verdict(content, replace(OURS, seen_interchanges=SEEN))
    assert verdict.interchange_verdicts["ta1_code"].to_pylist() == ["R", "A"]
    assert verdict.quarantine is None


def test_a_group_number_of_an_earlier_file_is_worth_a_warning(reader):
    """X12.5 asks only that GS06 differs within its interchange."""
    asked = []

    def seen_groups(pairs):
        asked.extend(pairs)
        return pairs

    verdict = reader.verdict(GOOD, replace(OURS, seen_groups=seen_groups))
    assert asked == [("NC0", "1")]
    assert verdict.issues["rule"].to_pylist() == ["group-control-number-seen"]
    assert verdict.file_verdict == "accepted"


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"PK\x03\x04" + b"\0" * 26 + GOOD.text().encode(), "file-archived"),
        (b"\x1f\x8b\x08\0", "file-archived"),
        (b"-----BEGIN PGP MESSAGE-----\n", "file-encrypted"),
        (b"%PDF-1.7\n" + GOOD.text().encode(), "file-not-x12"),
        (b"<!DOCTYPE ack [<!ENTITY e 'x'>]><ack>&e;</ack>", "file-not-x12"),
        (GOOD.text().encode("cp037"), "file-wide-characters"),
        (b"ISA*00*short~", "interchange-header-malformed"),
    ],
)
def test_what_is_no_interchange_is_told_by_its_first_bytes(reader, content, rule):
    """An archive that stores an interchange uncompressed is an archive still."""
    verdict = reader.verdict(content, OURS)
    assert verdict.quarantine == Quarantine(rule, is_answered=True)
    assert verdict.file_verdict == "unreadable"
    assert verdict.issues["rule"].to_pylist() == [rule]


def test_a_file_above_the_limit_is_not_read(reader):
    """Whatever it holds."""
    size = len(GOOD.text())
    limits = replace(load_limits(), file_bytes=size - 1)
    assert reader.rules(GOOD, replace(OURS, limits=limits)) == ["file-too-large"]
    enough = replace(limits, file_bytes=size)
    assert reader.rules(GOOD, replace(OURS, limits=enough)) == []
