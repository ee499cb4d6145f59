"""The commands of the month, in a world whose exchange has sent real files."""

import json
from dataclasses import replace

import pytest

from simulator.monthly import MonthlyExchange, segments_of

CEDAR = "cedar-valley-tx"
HEAD = ("001234567T", "TX0", "91001")


def month(world, *arguments):
    """Exit code, output and error of a real `edi834 month` in this world."""
    return world.edi834("month", *arguments)


@pytest.fixture(scope="module")
def january(tmp_path_factory, new_database_url, open_world):
    """A world after its first night, and its exchange's book of 2027."""
    folder = tmp_path_factory.mktemp("january")
    with open_world(folder, new_database_url(), partner_ids=(CEDAR,)) as world:
        world.send(1)
        world.run(1)
        world.exchange.read_answers(1)
        known = world.exchange.known_to_carrier(CEDAR, 1)
        segments = [one for each in known for one in segments_of(each.policy, 2027)]
        yield world, MonthlyExchange(HEAD, segments)


def answered(world, exchange, as_of):
    """What `month rcno` says of the exchange's answer to a new RCNI."""
    asked = ("--partner", CEDAR, "--year", 2027, "--as-of", as_of)
    written = month(world, "rcni", *asked, "--out", world.folder, "--json")
    assert written.code == 0, written.err
    told = json.loads(written.out)
    with open(told["file"], "rb") as file:  # noqa: PTH123
        content = exchange.answer(file.read(), world.clock(2).date())
    path = world.folder / "answer.txt"
    path.write_bytes(content)
    ended = month(world, "rcno", path, *asked, "--json")
    return told, ended.code, json.loads(ended.out)


def test_a_month_goes_by_commands_until_both_sides_agree(january):
    """Told, answered, disputed by a person, and told again."""
    world, exchange = january

    told, _, first = answered(world, exchange, "2026-12-03T00:00:00")
    assert first["state"] == "loaded"
    assert first["records"] == int(told["totals"]["record_count"]) > 20
    assert {issue["rule"] for issue in first["issues"]} == set()
    assert set(first["actions"]) <= {"ignore"}, "ids of ours that the exchange takes over"

    _, code, second = answered(world, exchange, "2026-12-04T00:00:00")
    assert (code, second["actions"], second["rows"]["matched"]) == (0, {}, first["records"])
    assert second["dollars"]["matched"]["issuer_premium"] == told["totals"]["premium_total"]
    assert month(world, "actions").code == 0

    place = next(n for n, one in enumerate(exchange.segments) if "aptc" in one.values)
    wrong = exchange.segments[place]
    exchange.segments[place] = replace(wrong, values={**wrong.values, "aptc": "1.23"})
    _, code, third = answered(world, exchange, "2026-12-05T00:00:00")
    assert (code, third["rows"]["differing"], third["actions"]) == (1, 1, {"dispute": 1})

    listed = month(world, "actions", "--json")
    action = json.loads(listed.out)
    assert (listed.code, action["field"], action["state"]) == (1, "aptc", "draft")
    assert "1.23" not in listed.out + month(world, "show", action["action_id"]).out
    assert "1.23" in month(world, "show", action["action_id"], "--reveal").out
    ((revealed,),) = world.rows(
        "SELECT count(*) FROM ledger.audit_entry WHERE action = 'revealed'"
        " AND object_kind = 'month action'"
    )
    assert revealed == 1

    said = ("--by", "a steward", "--reason", "The 834 says so.")
    assert month(world, "release", action["action_id"], *said).code == 0
    assert month(world, "release", action["action_id"], *said).code == 2
    path = world.folder / "disputes.txt"
    assert month(world, "disputes", "--partner", CEDAR, "--out", path).code == 0
    assert exchange.take_disputes(path.read_bytes()) == 1
    again = month(world, "disputes", "--partner", CEDAR, "--out", world.folder / "again.txt")
    assert (again.code, (world.folder / "again.txt").exists()) == (1, False)
    assert "Nothing is new" in again.out
    assert "--again 1" in again.out
    shown = json.loads(month(world, "show", action["action_id"], "--json").out)
    assert (shown["state"], shown["dispute_file_id"]) == ("released", 1)
    assert month(world, "disputes", "--again", 1, "--out", world.folder / "again.txt").code == 0
    assert (world.folder / "again.txt").read_bytes() == path.read_bytes()
    assert month(world, "disputes", "--again", 2, "--out", path).code == 2
    assert month(world, "disputes", "--out", path).code == 2
    _, code, last = answered(world, exchange, "2026-12-06T00:00:00")
    assert (code, last["rows"]["matched"]) == (0, first["records"])
    days = ("--from", "2026-12-03", "--to", "2026-12-06", "--format", "csv")
    reported = world.edi834("report", "reconciliation", *days, "--out", world.folder / "report")
    assert reported.code == 0, reported.err
    told = (world.folder / "report" / "rates.csv").read_text("utf-8").splitlines()[1:]
    whole = [line for line in told if '"monthly"' in line and '"all","all"' in line]
    assert [line.rsplit(",", 3)[1:] for line in whole] == [
        [str(first["records"]), str(first["records"]), "1"],
        [str(first["records"]), str(first["records"] - 1), "0.984375"],
    ], "the same bytes again are no other answer"


def test_a_file_that_is_no_answer_is_refused_in_words(january):
    """Which line, and what to do; the exit code says that nothing was taken."""
    world, _ = january
    path = world.folder / "nonsense.txt"
    path.write_text("03|x\n02|x\n")

    ended = month(world, "rcno", path, "--partner", CEDAR, "--year", 2027)

    assert ended.code == 2
    assert "refused" in ended.out
    assert "line 1: The record code" in ended.out
    assert month(world, "rcno", path / "no", "--partner", CEDAR, "--year", 2027).code == 2


def test_the_screen_shows_the_balance_of_both_sides(january):
    """Records and dollars, there and here."""
    world, _ = january
    path = world.folder / "answer.txt"

    ended = month(world, "rcno", path, "--partner", CEDAR, "--year", 2027)

    assert "was here before" in ended.out
    assert "premium there" in ended.out
    assert "matched" in ended.out
