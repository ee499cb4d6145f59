"""What other rules would have done: who, by which rule, how much money, and nothing is changed."""

import json
import re
from decimal import Decimal
from types import SimpleNamespace

import pytest

from schemas.partners import load_partner
from simulator.generate import write_enrollment_file

CEDAR, HARBOR = "cedar-valley-tx", "harbor-light-nc"
DATE = "element-date-invalid"
SPOILT = "CMSFFM.001234567T.I834.D261201.T180000901.P"
EVERY_TABLE = """
SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1
"""
CONTENT = "SELECT count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} t"
SEQUENCES = "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2"


def spoilt_file(folder):
    """Sixty members, in some of whose sets a birth date is none."""
    path = folder / "spoilt.834"
    write_enrollment_file(path, 60, 77, load_partner(CEDAR))
    return re.sub(rb"(DMG\*D8\*19[78]\d)\d{4}", rb"\g<1>0230", path.read_bytes())


@pytest.fixture(scope="module")
def past(tmp_path_factory, new_database_url, open_world):
    """A night in which both partners got files, cedar-valley-tx one with wrong birth dates too."""
    folder = tmp_path_factory.mktemp("past")
    with open_world(folder, new_database_url()) as world:
        world.send(1)
        content = spoilt_file(folder)
        (world.outbox(CEDAR) / SPOILT).write_bytes(content)
        world.run(1)
        yield SimpleNamespace(world=world, content=content, environment=world.environment())


@pytest.fixture
def ask(edi834, past, tmp_path):
    """Asks with changes given as texts by the names of their files; gives how it ended."""

    def run(*options, **changes):
        for name, text in changes.items():
            kind, _, stem = name.partition("_")
            path = tmp_path / "changes" / kind / f"{stem.replace('_', '-')}.toml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        if "--since" not in options:
            options += ("--since", "2026-12-01")
        return edi834("whatif", "--rules", tmp_path / "changes", *options, **past.environment)

    return run


def severity(rule, changed):
    """A file of rules in which one has another severity."""
    return f'[[rules]]\nid = "{rule}"\nseverity = "{changed}"\n'


MILDER = severity(DATE, "warning")


def dollars(content, name):
    """The sum of an amount over the sets of a file with a wrong birth date."""
    sets = [part for part in content.split(b"~ST*834*") if b"0230~" in part or b"0230*" in part]
    amounts = re.findall(rb"~N1\*75\*" + name + rb"~REF\*9[A-Z0-9]\*([0-9.]+)", b"".join(sets))
    return sum(map(Decimal, (amount.decode() for amount in amounts)))


def is_stated(row):
    """Whether the member's own loop states an amount of the policy."""
    return Decimal(row["premium_total"]) or Decimal(row["aptc"])


def state_of(world):
    """Everything that the database and the home hold."""
    names = [name for (name,) in world.rows(EVERY_TABLE)]
    home = world.house.settings.home
    files = {
        str(path.relative_to(home)): path.read_bytes()
        for kind in ("landing", "tables", "reports")
        for path in (home / kind).rglob("*")
        if path.is_file()
    }
    return {name: world.rows(CONTENT.format(name)) for name in names}, world.rows(SEQUENCES), files


def test_a_milder_rule_would_have_accepted_these_members(past, ask):
    """They are named by their ids, with the rule that refused them and what they pay."""
    ended = ask("--json", rules_dates=MILDER)
    found = json.loads(ended.out)
    (file,) = [row for row in found["files"] if row["file_name"] == SPOILT]
    members = [row for row in found["members"] if row["file_id"] == file["file_id"]]
    gained = file["newly_accepted"]
    rejected = past.world.rows(
        "SELECT member_ordinal FROM ledger.disposition"
        " WHERE reason = :rule AND file_id = :file ORDER BY 1",
        rule=DATE,
        file=file["file_id"],
    )

    assert ended.code == 1
    assert len(members) == gained["members"] == len(rejected) > 3
    assert [(row["member_ordinal"],) for row in members] == rejected
    assert [(file["answers_otherwise"],)] == past.world.rows(
        "SELECT (SELECT count(*) FROM ledger.transaction_set WHERE file_id = :f AND ack <> 'A')"
        " + (SELECT count(*) FROM ledger.functional_group WHERE file_id = :f AND ack <> 'A')",
        f=file["file_id"],
    )
    assert file["newly_rejected"]["members"] == found["totals"]["newly_rejected"]["members"] == 0
    assert Decimal(gained["premium_total"]) == dollars(past.content, b"PRE AMT TOT") > 0
    assert Decimal(gained["aptc"]) == dollars(past.content, b"APTC AMT") > 0
    (row,) = found["rules"]
    assert (row["rule"], row["severity_before"], row["severity_after"]) == (
        DATE,
        "reject",
        "warning",
    )
    assert row["findings_before"] == row["findings_after"] >= gained["policies"]
    assert row["newly_accepted"] == found["totals"]["newly_accepted"]
    ids = {row["exchange_policy_id"] for row in members}
    assert len(ids) == gained["policies"]
    assert all(policy.encode() in past.content for policy in ids)
    assert found["changes"] == [
        {"kind": "rule", "id": DATE, "field": "severity", "before": "reject", "after": "warning"}
    ]


def test_a_stricter_partner_would_have_rejected_its_members_and_no_others(past, ask):
    """Without its plans all of the partner's groups are refused; the other partner is untouched."""
    plan = 'plans = [{ plan_id = "99999TX0010001", insurance_line = "HLT" }]\n'
    found = json.loads(ask("--json", partners_cedar_valley_tx=plan).out)
    accepted = dict(
        past.world.rows(
            "SELECT partner_id, count(*) FROM ledger.disposition d JOIN ledger.file f"
            " USING (file_id) JOIN ledger.functional_group g USING (file_id)"
            " JOIN ledger.transaction_set s USING (file_id, set_ordinal)"
            " WHERE s.ack <> 'R' AND g.group_ordinal = s.group_ordinal GROUP BY partner_id"
        )
    )
    partners = {row["partner_id"]: row for row in found["partners"]}

    assert partners[CEDAR]["newly_rejected"]["members"] == accepted[CEDAR] > 0
    assert partners[HARBOR]["newly_rejected"]["members"] == 0
    assert list(partners) == [CEDAR, HARBOR]
    last = {row["exchange_policy_id"]: row for row in found["members"] if is_stated(row)}
    assert len(last) < len([row for row in found["members"] if is_stated(row)])
    total = sum(Decimal(row["premium_total"]) for row in last.values())
    assert Decimal(partners[CEDAR]["newly_rejected"]["premium_total"]) == total
    assert {row["rule"] for row in found["members"]} == {"group-plan-unknown"}
    assert {row["change"] for row in found["members"]} == {"newly_rejected"}
    assert all(
        row["verdict_after"] == "rejected" for row in found["files"] if row["partner_id"] == CEDAR
    )


def test_asking_changes_nothing(past, ask):
    """Every row of the database, every sequence and every stored file is what it was."""
    before = state_of(past.world)
    ended = ask(rules_dates=severity(DATE, "off"))

    assert ended.code == 1
    assert len(before[0]) > 10
    assert len(before[2]) > 10
    assert state_of(past.world) == before


def test_a_steward_reads_the_worst_first_and_no_names(past, ask):
    """What is changed, the sums, then by rule, partner, file and member."""
    plan = 'plans = [{ plan_id = "91001TX0010001", insurance_line = "HLT" }]\n'
    changes = {"rules_dates": severity(DATE, "off"), "partners_cedar_valley_tx": plan}
    ended = ask(**changes)
    lines = ended.out.splitlines()
    headings = [line.strip() for line in lines if re.match(r"By |Members", line)]

    assert ended.code == 1
    assert f"  rule {DATE}: severity reject → off" in lines
    assert any(line.startswith(f"  partner {CEDAR}: plans ") for line in lines)
    assert re.search(
        r"^Newly accepted: \d+ members of \d+ policies, premium \$", ended.out, re.MULTILINE
    )
    assert headings[:3] == ["By rule", "By partner", "By file"]
    rules = [line.split()[0] for line in lines if re.match(r"\s+(group-plan|element-date)", line)]
    assert rules[:2] == ["group-plan-unknown", DATE]
    names = set(re.findall(rb"NM1\*IL\*1\*([A-Z]+)\*", past.content))
    assert not [name for name in names if name.decode() in ended.out + ended.err]


def test_what_only_reads_otherwise_changes_nothing(ask):
    """Another sentence is a change of the row, not of what becomes of a file: exit code 0."""
    ended = ask(rules_dates=f'[[rules]]\nid = "{DATE}"\nfix = "Send a real date."\n')
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "Nothing would be otherwise.")


def test_only_files_of_the_days_and_the_partner_are_asked_about(past, ask):
    """Both days are included; the night received its files on 2 December, UTC."""
    days = ("--since", "2026-12-02", "--until", "2026-12-02")
    found = json.loads(ask("--json", "--partner", HARBOR, *days, rules_dates=MILDER).out)
    received = past.world.rows(
        "SELECT name FROM ledger.file WHERE kind = 'enrollment' AND partner_id = :p"
        " AND verdict IS NOT NULL",
        p=HARBOR,
    )

    assert sorted((row["file_name"],) for row in found["files"]) == sorted(received) != []
    assert {row["received_on"] for row in found["files"]} == {"2026-12-02"}
    assert (found["since"], found["until"], found["partner"]) == (days[1], days[3], HARBOR)


@pytest.mark.parametrize(
    ("options", "changes", "sentence"),
    [
        ((), {}, "is no folder"),
        (("--partner", "nobody"), {"rules_dates": MILDER}, "No trading partner 'nobody'"),
        (("--until", "2026-11-30"), {"rules_dates": MILDER}, "--until is before --since"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(ask, options, changes, sentence):
    """Exit code 2, and nothing on standard output."""
    ended = ask(*options, **changes)
    assert (ended.code, ended.out, len(ended.failures)) == (2, "", 1)
    assert sentence in ended.failures[0]


def test_an_answer_is_kept_for_the_people_of_one_partner(past, ask):
    """Once, with who and why, and the audit trail knows; without its members."""
    words = ("--by", "Dana", "--reason", "For CMS.")
    of_all = ask("--keep", *words, rules_dates=MILDER)
    assert (of_all.code, "Give --partner" in of_all.err) == (2, True)
    by_nobody = ask("--keep", "--partner", CEDAR, rules_dates=MILDER)
    assert (by_nobody.code, "Give --by and --reason" in by_nobody.err) == (2, True)
    kept = ask("--keep", *words, "--partner", CEDAR, "--json", rules_dates=MILDER)
    told = json.loads(kept.out)
    rows = past.world.rows(
        "SELECT what_if_id, partner_id, totals, rules, person FROM ledger.what_if"
    )
    assert [tuple(row) for row in rows] == [
        (told["kept_as"], CEDAR, told["totals"], told["rules"], "Dana")
    ]
    trail = past.world.rows("SELECT actor FROM ledger.audit_entry WHERE action = 'what-if kept'")
    assert (kept.code, [tuple(row) for row in trail]) == (1, [("Dana",)])
