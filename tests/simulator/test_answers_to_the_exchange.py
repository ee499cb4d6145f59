"""What the exchange makes of the carrier's TA1, 999 and effectuations."""

from decimal import Decimal

import pytest

from simulator.standing import current
from simulator.state import ACCEPTED, GOOD


@pytest.fixture
def answered(new_exchange, carrier_of):
    """An exchange whose first night was sent and acknowledged, and its carrier."""
    exchange = new_exchange()
    exchange.send(1)
    carrier = carrier_of(exchange)
    carrier.acknowledge(1)
    exchange.read_answers(1)
    return exchange, carrier


def initial_policy(exchange, least=1):
    """An initial policy of at least so many members, of one delivered set."""
    for history in exchange.state.histories("cedar-valley-tx", f"{ACCEPTED} AND {GOOD}"):
        (first,) = exchange.state.load_transactions(history.transaction_ids[:1])
        alone = len(history.transaction_ids) == history.arrived == 1
        if alone and first.kind == "initial" and len(first.members) >= least:
            return first.policy
    raise AssertionError("no such policy")


def sent_set(carrier, policy):
    """The one good set of the policy."""
    return carrier.sets_of(1, policy.policy_id)[-1][1]


def deliver(exchange, carrier, policy, alter=lambda segments: segments, **numbers):
    """What the summary of night 1 says about an effectuation of the policy, altered."""
    made = alter(carrier.confirmation(sent_set(carrier, policy), numbers.pop("set_number", None)))
    made[-1] = f"SE*{len(made)}*{made[-1].split('*')[2]}"
    carrier.effectuate(policy.partner_id, [made], policy.plan_id, **numbers)
    return exchange.read_answers(1)


def status(exchange, policy):
    rows = exchange.book().to_pylist()
    return next(row["status"] for row in rows if row["exchange_policy_id"] == policy.policy_id)


def test_nothing_is_in_the_book_before_it_is_acknowledged(new_exchange):
    """A policy that nobody confirmed having read is not delivered."""
    exchange = new_exchange()
    exchange.send(1)
    assert exchange.book().num_rows == 0
    assert exchange.read_answers(1).interchanges_unanswered > 0


def test_the_book_holds_what_was_accepted(answered):
    """Every policy of an undamaged or accepted set, one row a member, amounts on the subscriber."""
    exchange, _ = answered
    rows = exchange.book().to_pylist()
    assert rows
    keys = [(row["exchange_policy_id"], row["exchange_member_id"]) for row in rows]
    assert len(keys) == len(set(keys))
    assert all((row["premium_total"] is not None) == row["is_subscriber"] for row in rows)
    assert {"initial", "effectuated", "cancelled", "terminated"} == {row["status"] for row in rows}
    cancelled = [row for row in rows if row["status"] == "cancelled"]
    assert all(row["benefit_end"] == row["benefit_begin"] for row in cancelled)
    assert all(len(row["plan_id"]) == 16 for row in rows)
    assert all(isinstance(row["aptc"], Decimal) for row in rows if row["is_subscriber"])


def test_a_summary_counts_what_was_read(answered):
    """TA1 and 999 by kind; the truncated file is rejected, the duplicate refused, once."""
    exchange, _ = answered
    summary = exchange.read_answers(1)
    files = [f for f in exchange.sent_files(1) if f.fault not in {"empty", "unknown_sender"}]
    assert summary.files_read["TA1"] == len(files)
    assert summary.files_read["999"] == len(files) - 2
    assert summary.interchanges_rejected == 1
    assert summary.duplicates_refused == 1
    assert summary.interchanges_acknowledged == len(files) - 2
    assert summary.interchanges_unanswered == 0
    assert summary.not_understood == ()
    assert summary.sets_rejected == 0 < summary.sets_accepted


def test_a_refused_duplicate_takes_nothing_back(answered):
    """TA1 R 025 answers the copy: the sets of the first file stay accepted."""
    exchange, _ = answered
    (duplicate,) = [f for f in exchange.sent_files(1) if f.fault == "duplicate"]
    (original,) = exchange.state.connection.execute(
        "SELECT a.ta1 FROM files a JOIN files b USING (interchange, partner_id)"
        " WHERE a.fault IS NULL AND b.name = ?",
        (duplicate.name,),
    ).fetchone()
    assert original == "A"


def test_a_good_file_that_is_rejected_is_the_carrier_s_mistake(new_exchange, carrier_of):
    """Every set of it is named, and none is in the book."""
    exchange = new_exchange()
    exchange.send(1)
    number, sets = exchange.state.connection.execute(
        "SELECT interchange, count(*) FROM files JOIN sends USING (file_id)"
        " WHERE partner_id = 'harbor-light-nc' AND files.fault IS NULL GROUP BY file_id"
    ).fetchone()
    carrier = carrier_of(exchange)
    ta1 = f"TA1*{number:09d}*261201*0600*R*022"
    carrier.deliver("harbor-light-nc", "TA1", carrier.envelope("harbor-light-nc", [ta1], 0))
    assert len(exchange.read_answers(1).sets_rejected_without_fault) == sets
    assert exchange.book().num_rows == 0


def test_files_are_read_once_and_put_aside(answered):
    """The inbox is empty, and the same file again changes nothing."""
    exchange, carrier = answered
    before = exchange.read_answers(1)
    processed = sorted((carrier.root / "cedar-valley-tx" / "processed").iterdir())
    assert processed
    assert not list((carrier.root / "cedar-valley-tx" / "inbox").iterdir())
    copy = carrier.root / "cedar-valley-tx" / "inbox" / processed[0].name
    copy.write_bytes(processed[0].read_bytes())
    assert exchange.read_answers(1) == before


def test_unfinished_files_wait(answered):
    """A name that ends in .part is still being written."""
    exchange, carrier = answered
    part = carrier.root / "cedar-valley-tx" / "inbox" / "a.csv.part"
    part.write_text("half")
    exchange.read_answers(2)
    assert part.exists()


def test_an_unaccepted_enrollment_stays_out_with_all_that_follows(new_exchange, carrier_of):
    """A change that was accepted counts for nothing while its enrollment was not."""
    exchange = new_exchange()
    exchange.send(1)
    carrier = carrier_of(exchange)
    (policy_id, first) = exchange.state.connection.execute(
        "SELECT policy_id, min(set_number) FROM transactions JOIN sends USING (transaction_id)"
        " GROUP BY policy_id HAVING count(*) = 2 LIMIT 1"
    ).fetchone()
    carrier.acknowledge(1, rejected_sets={first})
    exchange.read_answers(1)
    assert policy_id not in exchange.book()["exchange_policy_id"].to_pylist()


def test_a_right_effectuation_is_accepted_and_answered(answered, pyx12_accepts):
    """The policy is effectuated; a TA1 and a 999 that pyx12 accepts wait in the outbox."""
    exchange, carrier = answered
    policy = initial_policy(exchange, least=2)
    summary = deliver(exchange, carrier, policy)
    assert summary.effectuations_rejected == ()
    assert summary.effectuations_accepted == 1
    assert status(exchange, policy) == "effectuated"
    outbox = exchange.mailboxes.outbox(policy.partner_id)
    (ta1,), (ack,) = list(outbox.glob("*.TA1.*")), list(outbox.glob("*.999.*"))
    assert "~TA1*" in ta1.read_text("ascii")
    assert "*A*000~" in ta1.read_text("ascii")
    assert "~IK5*A~AK9*A*1*1*1~" in ack.read_text("ascii")
    assert pyx12_accepts(ack.read_bytes())


def test_issuer_ids_come_back_on_later_maintenance(answered):
    """REF*23, ZZ and X9 are sent where they are known (CMS guide 7.2, table 22)."""
    exchange, carrier = answered
    policy = initial_policy(exchange, least=2)
    deliver(exchange, carrier, policy)
    known = current(exchange.state, policy.policy_id)
    assert known.issuer_policy_id == f"P{policy.policy_id}"
    assert [e.issuer_member_id for e in known.enrollees] == [
        f"M{e.person.member_id}" for e in policy.enrollees
    ]


def test_an_effectuated_policy_is_not_effectuated_again(answered):
    """CMS guide 7.2, table 16."""
    exchange, carrier = answered
    policy = initial_policy(exchange)
    deliver(exchange, carrier, policy)
    summary = deliver(exchange, carrier, policy)
    assert summary.effectuations_accepted == 1
    assert summary.effectuations_rejected == (
        (policy.policy_id, "the policy is effectuated already"),
    )


def replaced(old, new, count=-1):
    """Replaces a text in every segment, or in the first ones."""

    def alter(segments):
        return "~".join(segments).replace(old, new, count).split("~")

    return alter


def without(start):
    def alter(segments):
        gone = next(i for i, segment in enumerate(segments) if segment.startswith(start))
        return segments[:gone] + segments[gone + 1 :]

    return alter


def without_last_member(segments):
    last = max(i for i, segment in enumerate(segments) if segment.startswith("INS*"))
    return [*segments[:last], segments[-1]]


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (replaced("*021*28*", "*021*EC*"), "INS01 to INS05"),
        (replaced("*CONFIRM", "*CANCEL"), "CONFIRM"),
        (replaced("QTY*TO*", "QTY*TO*1"), "QTY"),
        (replaced("DTP*348*D8*20270101", "DTP*348*D8*20270102", 1), "benefit begin"),
        (replaced("DTP*356*D8*20270101", "DTP*356*D8*20270102", 1), "eligibility begin"),
        (without("DTP*543"), "last premium paid"),
        (replaced("DTP*348*D8*20270101~REF", "DTP*348*D8*20270101~DTP*543*D8*20270131~REF"), "543"),
        (replaced("BGN*00*", "BGN*00*9"), "BGN02"),
        (without("REF*CE"), "REF*CE"),
        (replaced("REF*17*2", "REF*17*3", 1), "members"),
        (without_last_member, "members"),
        (replaced("REF*0F*2", "REF*0F*3", 1), "REF*0F"),
        (replaced("N1*IN*CEDAR VALLEY HEALTH PLAN*FI*0", "N1*IN*OTHER*FI*1"), "payer"),
        (replaced("REF*17*2026120121000000", "REF*17*20261201"), "REQUEST SUBMIT TIMESTAMP"),
        (replaced("~HD*021**HLT", "~HD*021**DEN"), "HD is not as sent"),
    ],
)
def test_a_wrong_effectuation_is_rejected_with_its_reason(answered, alter, reason):
    """Each field rule of CMS guide 7.2, table 18, on its own."""
    exchange, carrier = answered
    policy = initial_policy(exchange, least=2)
    summary = deliver(exchange, carrier, policy, alter)
    assert summary.effectuations_accepted == 0
    ((_, reasons),) = summary.effectuations_rejected
    assert reason in reasons
    assert status(exchange, policy) == "initial"


def test_an_effectuation_of_an_unknown_policy_is_rejected(answered):
    """A policy id that the exchange never gave."""
    exchange, carrier = answered
    policy = initial_policy(exchange)
    summary = deliver(exchange, carrier, policy, replaced("REF*1L*1", "REF*1L*7"))
    ((_, reasons),) = summary.effectuations_rejected
    assert "not known" in reasons


def test_a_group_with_the_parties_as_received_is_rejected(answered):
    """GS02 and GS03 change places (CMS guide 7.2, table 13)."""
    exchange, carrier = answered
    policy = initial_policy(exchange)
    other = "91001TX0900001" if policy.insurance_line == "HLT" else "91001TX0010001"
    made = carrier.confirmation(sent_set(carrier, policy))
    carrier.effectuate(policy.partner_id, [made], other)
    ((_, reasons),) = exchange.read_answers(1).effectuations_rejected
    assert reasons == "GS02 and GS03 are not plan and tenant"


@pytest.mark.parametrize(
    ("numbers", "answer"),
    [
        ({"interchange": 71}, "*R*025~"),
        ({"group": 72}, "~AK9*R*1*1*0*19~"),
        ({"set_number": "0073"}, "~IK5*R*23~"),
    ],
)
def test_a_control_number_used_before_is_rejected(answered, numbers, answer):
    """ISA13 by TA1, GS06 and ST02 by 999 (CMS guide 7.2, section 3.5)."""
    exchange, carrier = answered
    policy = initial_policy(exchange)
    deliver(exchange, carrier, policy, **numbers)
    summary = deliver(exchange, carrier, policy, **numbers)
    outbox = exchange.mailboxes.outbox(policy.partner_id)
    answers = "".join(
        path.read_text("ascii")
        for path in outbox.iterdir()
        if ".TA1." in path.name or ".999." in path.name
    )
    assert answer in answers
    assert summary.effectuations_accepted == 1


def test_an_effectuation_that_pyx12_refuses_is_rejected(answered):
    """A code that no list has: IK5 R, and nothing is effectuated."""
    exchange, carrier = answered
    policy = initial_policy(exchange)
    summary = deliver(exchange, carrier, policy, replaced("*28*A*", "*28*Z*"))
    assert summary.effectuations_accepted == 0
    outbox = exchange.mailboxes.outbox(policy.partner_id)
    (ack,) = outbox.glob("*.999.*")
    assert "~IK5*R*5~AK9*R*1*1*0~" in ack.read_text("ascii")


def test_reports_and_strange_files_are_told_apart(answered):
    """Error reports are counted; what is neither X12 nor a report is not understood."""
    exchange, carrier = answered
    inbox = carrier.root / "harbor-light-nc" / "inbox"
    (inbox / "errors.csv").write_text("rule,message\n")
    (inbox / "errors.html").write_text("<p>")
    (inbox / "007654321T.DSH.ERR834.D261201.T210000000.P").write_text("rule,message\n")
    (inbox / "bytes.P").write_bytes(b"ISA\xff\xfe")
    (inbox / "text.P").write_text("hello")
    summary = exchange.read_answers(2)
    assert summary.files_read == {"report": 3, "not understood": 2}
    assert summary.not_understood == ("bytes.P", "text.P")
