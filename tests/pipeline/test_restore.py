"""F37: yesterday's backup is restored, what came since is fetched again, and nothing doubles."""

import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from ledger import audit
from ledger.corrections import Word
from ledger.operator_words import all_partner_holds, hold_partner, resume_partner
from pipeline.backup import back_up
from pipeline.guarding import leave_home
from pipeline.night import run_night
from pipeline.replay import replay
from pipeline.restore import GAPS, restore
from pipeline.wiring import open_house
from schemas.errors import Terminal
from strongroom.keyring import Keyring

CEDAR, HARBOR = "cedar-valley-tx", "harbor-light-nc"
LATER = "peachtree-ga"  # its first night was after the backup
BELIEVED = (
    "SELECT partner_id, exchange_policy_id, status, benefit_begin, benefit_end FROM book.policy"
    " WHERE known_to = 'infinity' ORDER BY 1, 2, 4"
)
NUMBERS_OF = "SELECT kind, last_value FROM ledger.control_number WHERE partner_id = :partner"
ISA13 = re.compile(rb"ISA(?:\*[^*]*){12}\*(\d{9})\*")


def numbers_sent(world):
    """How often each control number of an interchange has come to the exchange, by partner."""
    found = Counter()
    for partner_id in (CEDAR, HARBOR):
        for folder in (world.inbox(partner_id), world.processed(partner_id)):
            for path in folder.rglob("*"):
                if path.is_file():
                    found.update((partner_id, n) for n in ISA13.findall(path.read_bytes()))
    return found


def require_that_nobody_opens_half_a_home(world, database_url, monkeypatch):
    """A restore is killed with all rows there and nobody held: no night may begin on that."""
    half = world.house.settings.model_copy(
        update={"home": world.folder / "half", "database_url": database_url}
    )

    def killed(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pipeline.restore.upgrade", killed)
        with pytest.raises(KeyboardInterrupt):
            restore(world.folder / "backup", half)
    with pytest.raises(Terminal, match="is being restored, or its restore was interrupted"):
        open_house(half).__enter__()
    leave_home(half)


@pytest.mark.fault("F37")
@pytest.mark.control("contingency")
def test_a_restore_of_yesterday_reaches_today(
    tmp_path, new_database_url, new_empty_database_url, open_world, monkeypatch
):
    """The same book; no control number twice; the gap is told, and partners are held till then."""
    key_file = tmp_path / "keys.toml"
    Keyring(key_file).with_new_key(date(2026, 12, 1))
    with open_world(tmp_path, new_database_url(), key_file=key_file) as world:
        world.send(1)
        world.run(1)
        world.exchange.read_answers(1)
        back_up(world.house, tmp_path / "backup", world.clock(2))
        world.send(2)
        kept = {partner: tmp_path / "again" / partner for partner in (CEDAR, HARBOR)}
        for partner, folder in kept.items():
            shutil.copytree(world.outbox(partner), folder)
        lost = world.run(2)
        believed, sent = world.rows(BELIEVED), numbers_sent(world)
        assert lost.state != "failed"

        require_that_nobody_opens_half_a_home(world, new_empty_database_url(), monkeypatch)
        settings = world.house.settings.model_copy(
            update={"home": tmp_path / "restored", "database_url": new_empty_database_url()}
        )
        mailboxes = settings.mailboxes | {LATER: settings.mailboxes[CEDAR]}
        with_later = settings.model_copy(update={"mailboxes": mailboxes})
        restored = restore(tmp_path / "backup", with_later)
        assert restored.held == [CEDAR, HARBOR, LATER]
        with pytest.raises(Terminal, match=r"is in use\. Restore into a home that is empty"):
            restore(tmp_path / "backup", settings)

        with open_house(settings) as house:
            again = replace(world, house=house)
            with house.engine.connect() as conn:
                held = [hold.partner_id for hold in all_partner_holds(conn)]
            assert held == [CEDAR, HARBOR, LATER]
            assert dict(again.rows(NUMBERS_OF, partner=LATER)) == GAPS
            for partner, folder in kept.items():
                shutil.copytree(folder, world.outbox(partner), dirs_exist_ok=True)
            again.run(2)
            assert numbers_sent(world) == sent  # held: nothing leaves
            with house.engine.begin() as conn:
                for partner in (CEDAR, HARBOR):
                    resume_partner(conn, partner, Word("Ada", "ada", "Compared by telephone."))
            run_night(house, world.clock(2).replace(hour=2))

            assert again.rows(BELIEVED) == believed
            assert max(numbers_sent(world).values()) == 1
            assert sum(numbers_sent(world).values()) > sum(sent.values())
            gaps = again.rows(
                "SELECT details::jsonb FROM ledger.audit_entry"
                " WHERE action = 'control numbers left out'"
            )
            assert gaps
            told = {row[0]["kind"]: row[0]["to"] - row[0]["from"] for row in gaps}
            assert told == GAPS
            with house.engine.connect() as conn:
                assert audit.verify(audit.entries(conn)).is_whole
            found = replay(house)
            assert (found.differences, found.stopped) == ([], None)
        leave_home(settings)


SAID = ("--by", "Ada First", "--reason", "By telephone with the exchange.")


def undelivered(world):
    return world.rows(
        "SELECT file_id, name FROM ledger.file WHERE state = 'written'"
        " AND direction = 'issuer_to_exchange' ORDER BY 1"
    )


def held(world, *, is_held):
    with world.house.engine.begin() as conn:
        word = Word("Ada", "ada", "Agreed by telephone.")
        (hold_partner if is_held else resume_partner)(conn, CEDAR, word)


@pytest.mark.fault("F23", "F37")
@pytest.mark.control("contingency")
def test_what_waited_in_the_backup_is_not_sent_a_second_time(
    tmp_path, new_database_url, new_empty_database_url, open_world
):
    """It was delivered after the backup and taken away: a person learns so, and it stays sent once.

    Of another that never left the person learns that, too, and it goes out under its number.
    """
    with open_world(tmp_path, new_database_url(), partner_ids=(CEDAR,)) as world:
        held(world, is_held=True)
        world.send(1)
        world.run(1)
        waiting = undelivered(world)
        assert len(waiting) > 1
        back_up(world.house, tmp_path / "backup", world.clock(2))
        held(world, is_held=False)
        world.run(2)
        world.exchange.read_answers(2)
        for path in world.inbox(CEDAR).iterdir():
            path.unlink()
        (never_left, name), *taken = waiting
        for path in world.processed(CEDAR).rglob(name):
            path.unlink()
        assert max(numbers_sent(world).values()) == 1

        settings = world.house.settings.model_copy(
            update={"home": tmp_path / "restored", "database_url": new_empty_database_url()}
        )
        restored = restore(tmp_path / "backup", settings)
        assert restored.in_doubt == [file_id for file_id, _ in waiting]
        with open_house(settings) as house:
            again = replace(world, house=house)
            held(again, is_held=False)
            assert [failure.step for failure in again.run(2).failures] == ["delivering files"]
            assert max(numbers_sent(world).values()) == 1  # he has resumed without asking
            assert undelivered(again) == waiting
            items = json.loads(again.edi834("open-items", "--json").out)
            doubts = {
                (item["file_id"], item["reason"]) for item in items if item["kind"] == "in-doubt"
            }
            assert doubts == set(waiting)

            arrived = [file_id for file_id, _ in taken]
            assert again.edi834("outgoing", "arrived", *arrived, *SAID).code == 0
            assert again.edi834("outgoing", "lost", never_left, *SAID).code == 0
            assert run_night(house, world.clock(3)).failures == ()
            assert undelivered(again) == []
            assert max(numbers_sent(world).values()) == 1
            assert (world.inbox(CEDAR) / name).is_file()
            found = replay(house)
            assert (found.differences, found.stopped) == ([], None)
        leave_home(settings)
