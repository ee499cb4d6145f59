"""Files that should not have come: each has its answer, and the other files of the night go on."""

import csv
from dataclasses import dataclass, field

import pytest

from schemas.partners import load_partner
from simulator.generate import write_enrollment_file

CEDAR, HARBOR = "cedar-valley-tx", "harbor-light-nc"
NAME = "OPR.001234567T.I834.D261201.T1800{:05d}.P"


def good(folder, number):
    """A good file for cedar-valley-tx whose ISA13 is that number."""
    path = folder / f"good{number}.834"
    write_enrollment_file(path, 6, number, load_partner(CEDAR))
    header, body = path.read_bytes().split(b"~GS*", 1)
    body, trailer = body.rsplit(b"~IEA*", 1)
    number_text = b"%09d" % number
    header = header.replace(b"*000000001*", b"*%s*" % number_text)
    return header + b"~GS*" + body + b"~IEA*" + trailer.replace(b"000000001", number_text)


def changed(old, new):
    """The content with the first `old` replaced; it must be there."""

    def change(content):
        assert old in content
        return content.replace(old, new, 1)

    return change


def counted_up(segment):
    """The content with the count in the last such trailer one too high."""

    def change(content):
        start = content.rindex(b"~%s*" % segment) + 1
        end = content.index(b"~", start)
        name, count, number = content[start:end].split(b"*")
        return content[:start] + b"%s*%d*%s" % (name, int(count) + 1, number) + content[end:]

    return change


@dataclass(frozen=True)
class Bad:
    """A fault and its answer: TA105, the codes in the 999, state in the ledger, rule reported."""

    fault: object
    state: str
    verdict: str
    ta1: str | None
    codes: tuple[str, ...] = field(default=())
    has_999: bool = False
    rule: str | None = None


CASES = {
    "empty": Bad(lambda _: b"", "quarantined", "unreadable", None, rule="file-empty"),
    "blank": Bad(lambda _: b" \r\n\r\n", "quarantined", "unreadable", None, rule="file-empty"),
    "not_x12": Bad(
        lambda _: b"%PDF-1.7 newsletter", "quarantined", "unreadable", None, rule="file-not-x12"
    ),
    "truncated": Bad(
        lambda content: content[: len(content) * 2 // 3].rstrip(b"~"),
        "applied", "rejected", "R*023", rule="interchange-trailer-missing",
    ),
    "unknown_sender": Bad(
        changed(b"*ZZ*CMSFFM         *", b"*ZZ*999999999      *"),
        "quarantined", "rejected", None, rule="sender-unknown",
    ),
    "not_for_us": Bad(
        changed(b"*ZZ*001234567T     *", b"*ZZ*009999999T     *"),
        "applied", "rejected", "R*008", rule="receiver-unknown",
    ),
    "in_the_wrong_mailbox": Bad(
        changed(b"*ZZ*001234567T     *", b"*ZZ*007654321T     *"),
        "quarantined", "rejected", None, rule="receiver-of-another-mailbox",
    ),
    "wrong_group_count": Bad(
        counted_up(b"IEA"), "applied", "rejected", "R*021", rule="interchange-group-count-differs"
    ),
    "wrong_interchange_number": Bad(
        lambda content: content[: content.rindex(b"*") + 1] + b"000000999~",
        "applied", "rejected", "R*001", rule="interchange-control-number-differs",
    ),
    "wrong_set_count": Bad(
        counted_up(b"GE"), "applied", "partially_accepted", "A*000", ("AK9*R", "*5~"), True,
        "group-set-count-differs",
    ),
    "wrong_segment_count": Bad(
        counted_up(b"SE"), "applied", "partially_accepted", "A*000", ("IK5*R*4",), True,
        "set-segment-count-differs",
    ),
    "test_file": Bad(
        changed(b"*1*P*:", b"*1*T*:"), "applied", "rejected", "R*020", rule="usage-not-agreed"
    ),
    "nul_in_the_sender": Bad(
        changed(b"*ZZ*CMSFFM         *", b"*ZZ*CMSFFM\0\0\0\0\0\0\0\0\0*"),
        "quarantined", "rejected", None, rule="sender-unknown",
    ),
    "nul_in_the_interchange_number": Bad(
        changed(b"*00501*00000011", b"*00501*0000001\0"),
        "applied", "rejected", "R*018", rule="interchange-control-number-invalid",
    ),
    "nul_in_the_group": Bad(
        changed(b"*1*X*005010X220A1~", b"*1\0*X*005010X220A1~"),
        "applied", "partially_accepted", "A*000", ("AK9*R",), True, "group-control-number-invalid",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def night(tmp_path_factory, new_database_url, open_world):
    """A night with one file of each fault, a good one, a duplicate and a changed duplicate."""
    folder = tmp_path_factory.mktemp("bad_files")
    with open_world(folder, new_database_url()) as world:
        world.exchange.send(1)
        world.write_carrier_records(1)
        outbox = world.outbox(CEDAR)
        for path in outbox.iterdir():
            path.unlink()
        for number, case in enumerate(CASES.values(), 101):
            (outbox / NAME.format(number)).write_bytes(case.fault(good(folder, number)))
        (outbox / NAME.format(201)).write_bytes(good(folder, 201))
        (outbox / NAME.format(202)).write_bytes(good(folder, 201))
        other = good(folder, 203).replace(b"*000000203", b"*000000201")
        (outbox / NAME.format(203)).write_bytes(other)
        sent = {path.name: path.read_bytes() for path in outbox.iterdir()}
        result = world.run(1)
        yield world, result, sent


@pytest.mark.parametrize("name", CASES)
def test_a_bad_file_has_its_answer(night, name):
    """Ledger state, TA1, 999 and a row of the error report, as the table of bad input says."""
    world, _, _ = night
    case = CASES[name]
    file_name = NAME.format(101 + list(CASES).index(name))
    row = world.file_named(file_name)
    ta1, report = world.answer("ta1", file_name), world.answer("999", file_name)

    assert (row.state, row.verdict) == (case.state, case.verdict)
    if case.ta1 is None:
        assert ta1 is None
    else:
        assert f"*{case.ta1}~" in ta1
    assert (report is not None) == case.has_999
    for code in case.codes:
        assert code in report
    if case.rule:
        assert case.rule in reported(world)[file_name]


def reported(world):
    """The rules in the error report of cedar-valley-tx, by file name."""
    (report,) = (world.house.settings.reports_folder).glob(f"*/{CEDAR}/errors.csv")
    rules = {}
    for row in csv.DictReader(report.open(encoding="utf-8")):
        rules.setdefault(row["file_name"], set()).add(row["rule"])
        assert row["sentence"], f"{row['rule']} has no sentence"
        assert "{" not in row["sentence"]
    return rules


def test_the_exchange_is_not_told_of_files_that_it_may_not_have_sent(night):
    """What a stranger sent, or is another issuer's, stands only in the report for our people."""
    world, _, _ = night
    ((key,),) = world.rows(
        "SELECT storage_key FROM ledger.file WHERE kind = 'error_report' AND partner_id = :p",
        p=CEDAR,
    )
    letter = (world.house.settings.landing_folder / key).read_text()
    for case in ("unknown_sender", "in_the_wrong_mailbox"):
        name = NAME.format(101 + list(CASES).index(case))
        assert name in reported(world)
        assert name not in letter
    assert NAME.format(101 + list(CASES).index("test_file")) in letter


def test_good_files_go_on_beside_bad_ones(night):
    """The good file of the same partner and all files of the other partner are applied."""
    world, result, _ = night
    good_file = world.file_named(NAME.format(201))

    assert (good_file.state, good_file.verdict) == ("applied", "accepted")
    assert "TA1*000000201*" in world.answer("ta1", good_file.name)
    assert "IK5*R" not in world.answer("999", good_file.name)
    assert result.failures == ()
    accepted = {
        row["partner_id"]: row["accepted"]
        for row in result.balance.to_pylist()
        if row["level"] == "members"
    }
    assert accepted[CEDAR] > 0
    assert accepted[HARBOR] > 0


@pytest.mark.fault("F6")
def test_the_same_content_under_another_name_has_no_second_effect(night):
    """The copy is a duplicate of the first, answered with TA1 025 and without a 999."""
    world, _, _ = night
    first, copy = world.file_named(NAME.format(201)), world.file_named(NAME.format(202))

    assert (copy.state, copy.duplicate_of) == ("duplicate", first.file_id)
    assert "*R*025~" in world.answer("ta1", copy.name)
    assert world.answer("999", copy.name) is None
    assert world.rows(
        "SELECT count(*) FROM book.event WHERE file_id = :copy", copy=copy.file_id
    ) == [(0,)]


def test_the_same_interchange_number_with_other_content_is_refused(night):
    """TA1 025, and nothing of it in the book."""
    world, _, _ = night
    other = world.file_named(NAME.format(203))

    assert (other.state, other.verdict) == ("quarantined", "rejected")
    assert "with other content" in other.note
    assert "*R*025~" in world.answer("ta1", other.name)
    assert world.rows(
        "SELECT count(*) FROM book.event WHERE file_id = :other", other=other.file_id
    ) == [(0,)]


def test_no_byte_of_what_was_sent_is_lost(night):
    """Each file lies in the landing zone byte for byte, and no longer in the outbox."""
    world, result, sent = night
    for name, content in sent.items():
        stored = world.house.settings.landing_folder / world.file_named(name).storage_key
        assert stored.read_bytes() == content
    files = next(
        row
        for row in result.balance.to_pylist()
        if (row["partner_id"], row["level"]) == (CEDAR, "files")
    )
    assert files["received"] == len(sent)
    assert not list(world.outbox(CEDAR).iterdir())


@pytest.mark.fault("F6")
def test_the_same_file_again_is_a_sighting(night):
    """The name and content of a former night: no new row, no new answer, removed again."""
    world, _, sent = night
    name = NAME.format(201)
    before = world.rows("SELECT count(*) FROM ledger.file WHERE partner_id = :p", p=CEDAR)
    (world.outbox(CEDAR) / name).write_bytes(sent[name])
    result = world.run(2)

    assert result.failures == ()
    assert CEDAR not in {row["partner_id"] for row in result.balance.to_pylist()}
    assert before == world.rows("SELECT count(*) FROM ledger.file WHERE partner_id = :p", p=CEDAR)
    seen = world.rows("SELECT count(*) FROM ledger.sighting WHERE run_id = :r", r=result.run.run_id)
    assert seen == [(1,)]
    assert not list(world.outbox(CEDAR).iterdir())


@pytest.mark.fault("F5")
def test_a_known_name_with_other_content_is_a_file_of_its_own(night):
    """The corrected file under the same name is received, answered and applied."""
    world, _, _ = night
    name = NAME.format(201)
    (world.outbox(CEDAR) / name).write_bytes(good(world.folder, 301))
    result = world.run(3)
    states = world.rows(
        "SELECT verdict FROM ledger.file WHERE name = :name ORDER BY file_id", name=name
    )

    assert result.failures == ()
    assert states == [("accepted",), ("accepted",)]
