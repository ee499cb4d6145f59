"""Members whose ids the carrier has lost: matched in the night, or in a queue for persons."""

import csv
import json

import pytest

from pipeline.replay import replay

CEDAR = "cedar-valley-tx"
IDS = ("POLICY_NO", "EXCH_MEMBER_NO", "CONTRACT_NO", "SUBSCRIBER_NO", "MEMBER_NO")


def rewrite(path, change):
    """The carrier's extract with two of its records changed: the last two subscribers'."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    change(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def lose_ids(rows):
    """Two members under ids of nobody; one of them with another first name as well."""
    for number, row in enumerate(rows[:2]):
        row.update({name: f"LOST{number}" for name in IDS if name in row})
    rows[1]["FIRST_NM"] = "QUINTESSA"


@pytest.fixture
def night_with_lost_ids(cedar_world):
    """A night after which one pair is matched and one waits."""
    world = cedar_world
    world.send(1)
    rewrite(world.folder / "carrier" / CEDAR / "members.csv", lose_ids)
    world.run(1)
    return world


def test_a_person_decides_what_the_night_could_not(night_with_lost_ids, edi834):
    """The pair is shown masked; accepted, the next night compares both records; replays agree."""
    world = night_with_lost_ids
    environment = world.environment()
    told = edi834("matches", "list", "--json", **environment)
    (waiting,) = [json.loads(line) for line in told.out.splitlines()]
    every = edi834("matches", "list", "--all", "--json", **environment)
    states = sorted(json.loads(line)["state"] for line in every.out.splitlines())
    number = str(waiting["match_id"])
    masked = edi834("matches", "show", number, **environment)
    shown = json.loads(edi834("matches", "show", number, "--reveal", "--json", **environment).out)
    word = ("--by", "Ada", "--reason", "A new first name.")
    first = edi834("matches", "accept", number, *word, **environment)
    other = ("--by", "Ben", "--reason", "As Ada says.")
    said = edi834("matches", "accept", number, *other, **environment)
    world.run(2)
    missing = world.rows(
        "SELECT missing_at_carrier, missing_in_book FROM reconciliation.result"
        " WHERE partner_id = :p ORDER BY run_id",
        p=CEDAR,
    )

    assert (told.code, states) == (1, ["matched", "proposed"])
    assert shown["carrier"]["first_name"] == "QUINTESSA"
    assert shown["book"]["last_name"] == shown["carrier"]["last_name"]
    assert "QUINTESSA" not in masked.out
    assert shown["book"]["last_name"] not in masked.out
    assert "1 pair needs another person." in first.out
    assert said.code == 0
    assert [tuple(before - after for before, after in zip(*missing, strict=True))] == [(1, 1)]
    assert world.rows(
        "SELECT field FROM reconciliation.difference WHERE run_id = 2 AND field = 'first_name'"
    )
    noted = world.rows(
        "SELECT actor, action FROM ledger.audit_entry WHERE object_kind = 'match' ORDER BY ordinal"
    )
    assert ("Ada", "match accept") in noted
    assert "revealed" in [action for _, action in noted]
    assert edi834("matches", "list", **environment).code == 0
    assert replay(world.house).is_identical
