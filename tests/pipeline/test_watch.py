"""What is watched: the figures of a night, and who is told when one is beyond its bound."""

import json
import re
import signal
import socket
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from ledger import audit
from ledger.corrections import Word
from ledger.expected_files import expected_files
from ledger.operator_words import explain_absence, hold_partner, resume_partner
from pipeline.alerts import evaluate
from pipeline.chain import verify_chain
from pipeline.expiries import expiries
from pipeline.exposition import exposition
from pipeline.figures import figures
from pipeline.receive import receive_files
from pipeline.runs import at_work
from pipeline.settings import AlertSettings, EmailSettings, WebhookSettings
from pipeline.steps import Steps
from pipeline.telling import MOMENT, SIGNATURE, signature
from schemas.errors import Terminal
from schemas.watch import load_watch
from tests.cases.world import CEDAR
from tests.pipeline.sinks import mail_server, make_certificate, webhook

ROSA = Word("Rosa", "rosa", "The exchange has said so.")
SECRET = "a secret of both sides"


@pytest.fixture(scope="module")
def story(tmp_path_factory, new_database_url, open_world):
    """A world after one night of cedar."""
    folder = tmp_path_factory.mktemp("watch")
    with open_world(folder, new_database_url(), members=20, partner_ids=(CEDAR,)) as world:
        world.send(1)
        world.run(1)
        yield world


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls") / "mail.pem")


def told_by(world, now=None):
    """The figures by metric and labels."""
    labels = {one.name: one.labels for one in load_watch().metrics}
    found = figures(world.house, now or world.clock(1))
    return {
        (one.metric, *(one.labels[name] for name in labels[one.metric])): one.value for one in found
    }


def alerting(world, **sinks):
    """The house with these sinks."""
    settings = world.house.settings.model_copy(update={"alerts": AlertSettings(**sinks)})
    return replace(world.house, settings=settings)


def of_rule(evaluation, rule):
    return [one for one in evaluation.open if one.rule == rule]


def test_the_figures_say_what_the_night_has_done(story):
    """Its clock and state, its files and sets, and that it balances."""
    told = told_by(story)
    ((files,),) = story.rows(
        "SELECT count(*) FROM ledger.file WHERE direction = 'exchange_to_issuer'"
    )
    ((state,),) = story.rows("SELECT state FROM ledger.run")
    assert told["edi834_run_clock_seconds", CEDAR, state] == story.clock(1).timestamp()
    assert told["edi834_run_age_seconds", CEDAR] == 0
    assert sum(v for key, v in told.items() if key[0] == "edi834_night_files") == files > 0
    assert {v for key, v in told.items() if key[0] == "edi834_out_of_balance"} == {0}
    stages = {key[2] for key in told if key[0] == "edi834_stage_seconds"}
    assert {"file checked", "file staged", "decisions settled", "file delivered"} <= stages
    assert told["edi834_files_missing", CEDAR, "enrollment"] == 0
    assert told["edi834_steps_failed", CEDAR] == 0


def test_a_partner_for_whom_no_run_has_ever_worked_is_told_of(cedar_world):
    """Of a home that nobody has switched on: since its trail began, or else since files are due."""
    house = cedar_world.house
    hour = datetime.now(UTC)

    (of_files,) = of_rule(evaluate(house, hour), "no-run")
    hold(cedar_world, hold_partner)
    in_time = evaluate(house, hour + timedelta(hours=25))
    (of_trail,) = of_rule(evaluate(house, hour + timedelta(hours=27)), "no-run")

    first_day = min(row.effective_from for row in house.partner(CEDAR).expected_files)
    assert of_files.about == of_trail.about == {"partner": CEDAR}
    assert of_files.value >= (hour.date() - first_day - timedelta(days=1)).total_seconds()
    assert of_rule(in_time, "no-run") == []
    assert of_trail.value == pytest.approx(timedelta(hours=27).total_seconds(), abs=600)


@pytest.mark.control("no-phi-in-logs")
def test_each_figure_is_declared_and_names_nobody(story):
    """Labels are partners, kinds and states: no value of a member is among them."""
    declared = {one.name: set(one.labels) for one in load_watch().metrics}
    found = figures(story.house, story.clock(1))
    people = {
        value
        for row in story.rows(
            "SELECT last_name, first_name, ssn, exchange_member_id FROM book.member"
        )
        for value in row
        if value
    }
    assert {one.metric: set(one.labels) for one in found}.items() <= declared.items()
    assert people
    assert not people & {value for one in found for value in one.labels.values()}


def test_what_prometheus_reads_is_every_metric(story):
    """Also those without any sample, and by the command, too."""
    names = {one.name for one in load_watch().metrics}
    text = exposition(figures(story.house, story.clock(1))).decode()
    assert {one.name for one in text_string_to_metric_families(text)} == names
    ended = story.edi834("metrics")
    assert ended.code == 0
    assert {one.name for one in text_string_to_metric_families(ended.out)} == names


def test_a_missing_file_is_told_once_and_so_is_its_end(story):
    """Signed, with ids only; again when it came, or somebody has said why not, and never more."""
    late = story.clock(2) + timedelta(minutes=90)
    with webhook() as hook:
        house = alerting(story, webhook=WebhookSettings(url=hook.url, secret=SECRET))
        first, again = evaluate(house, late), evaluate(house, late + timedelta(minutes=1))
        (missing,) = of_rule(first, "file-missing")
        assert again.told == 0
        assert of_rule(again, "file-missing") == [missing]
        with house.engine.begin() as conn:
            partner = house.partner(CEDAR)
            exchanges = {partner.exchange: house.exchange(CEDAR)}
            (gone,) = [
                one for one in expected_files(conn, [partner], exchanges, late) if one.is_alarm
            ]
            explain_absence(conn, CEDAR, gone.kind, gone.due_at, ROSA)
        end, after = evaluate(house, late), evaluate(house, late)
    told = [json.loads(body) for _, body in hook.taken]
    of_it = [(one["event"], one["about"]) for one in told if one["rule"] == "file-missing"]
    about = {"partner": CEDAR, "kind": "enrollment"}
    assert of_it == [("opened", about), ("closed", about)]
    assert (end.told, after.told) == (1, 0)
    headers, body = hook.taken[0]
    assert headers[SIGNATURE] == signature(SECRET, headers[MOMENT], body)
    assert SECRET not in body.decode()


@pytest.mark.fault("F23")
def test_an_answer_that_does_not_come_is_told_and_nothing_is_sent_again(story):
    """By the second drop after the delivery; what follows is for a person to say."""
    sent = "SELECT name, delivered_at FROM ledger.file WHERE direction = 'issuer_to_exchange'"
    before = story.rows(sent)
    in_time = evaluate(story.house, story.clock(1) + timedelta(hours=1))
    late = evaluate(story.house, story.clock(3))
    (told,) = of_rule(late, "answer-late")
    assert of_rule(in_time, "answer-late") == []
    assert (told.about, told.value) == ({"partner": CEDAR}, 1)
    assert story.rows(sent) == before


@pytest.mark.fault("F40")
def test_a_sink_that_is_down_hears_of_it_later(story):
    """The alert stays known meanwhile, and a night goes on as if there were no sink."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    hold(story, hold_partner)
    late = story.clock(6)
    with_hook = WebhookSettings(url=f"http://127.0.0.1:{port}/hook", secret=SECRET)
    house = alerting(story, webhook=with_hook)
    down = evaluate(house, late)
    assert of_rule(down, "no-run")
    assert down.told == 0
    assert re.fullmatch(r"The webhook at 127\.0\.0\.1 does not answer.*", *down.failures)
    with webhook(503, port=port) as hook:
        up = evaluate(house, late)
    hold(story, resume_partner)
    assert up.failures == ()
    assert hook.asked == up.told + 1 == len(hook.taken) + 1
    assert "no-run" in {json.loads(body)["rule"] for _, body in hook.taken}


@pytest.mark.fault("F40")
def test_what_is_over_before_a_sink_hears_of_it_is_not_told(story):
    """Nobody is called for what is true no more."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with_hook = WebhookSettings(url=f"http://127.0.0.1:{port}/hook", secret=SECRET)
    house = alerting(story, webhook=with_hook)
    close_all(house)
    assert of_rule(evaluate(house, story.clock(6)), "no-run")
    with webhook(port=port) as hook:
        evaluate(house, story.clock(1))
    told = [json.loads(body) for _, body in hook.taken]
    assert ("opened", "no-run") not in {(one["event"], one["rule"]) for one in told}


def test_a_rule_that_is_no_more_keeps_no_message_back(story):
    """After an upgrade its alert is closed, and nobody is told of it; of the others they are."""
    late = story.clock(6)
    with webhook() as hook:
        house = alerting(story, webhook=WebhookSettings(url=hook.url, secret=SECRET))
        close_all(house)
        with house.engine.begin() as conn:
            columns = "ledger.alert (rule, about, value, opened_at)"
            conn.execute(
                sa.text(f"INSERT INTO {columns} VALUES ('gone', '{{}}', 1, :at)"), {"at": late}
            )
            heard = "INSERT INTO ledger.alert_told SELECT alert_id, 'opened', 'webhook', :at"
            conn.execute(sa.text(f"{heard} FROM ledger.alert WHERE rule = 'gone'"), {"at": late})
        found = evaluate(house, late)
        again = evaluate(house, late)
    told = [json.loads(body)["rule"] for _, body in hook.taken]
    assert found.failures == ()
    assert "no-run" in told
    assert "gone" not in told
    assert (len(told), again.told) == (found.told, 0)


def test_two_calls_at_once_tell_once(story):
    """The second begins and ends while the webhook is still with the first."""
    once, second = iter([True]), []
    with webhook() as hook:
        house = alerting(story, webhook=WebhookSettings(url=hook.url, secret=SECRET))
        close_all(house)
        hook.before = lambda: second.extend(evaluate(house, story.clock(6)) for _ in once)
        first = evaluate(house, story.clock(6))
    assert [(one.told, one.failures) for one in second] == [(0, ())]
    assert first.told == len(first.open) == len(hook.taken) > 0


def hold(world, say):
    with world.house.engine.begin() as conn:
        say(conn, CEDAR, ROSA)


@pytest.mark.fault("F40")
@pytest.mark.parametrize(
    ("answer", "tries", "said"),
    [(500, 3, "tried again"), (403, 1, "refuses alerts"), (302, 1, "refuses alerts")],
)
def test_what_a_webhook_answers_decides_whether_it_is_asked_again(story, answer, tries, said):
    """A server's own fault may pass; a refusal wants a person, and nobody is redirected."""
    late = story.clock(20 + answer)
    with webhook(*[answer] * 3) as hook:
        house = alerting(story, webhook=WebhookSettings(url=hook.url, secret=SECRET))
        close_all(house)
        failed = evaluate(house, late)
    assert hook.asked == tries
    assert said in failed.failures[0]


def close_all(house):
    """Ends what is open, so that the next evaluation opens it anew."""
    with house.engine.begin() as conn:
        conn.execute(sa.text("UPDATE ledger.alert SET closed_at = now() WHERE closed_at IS NULL"))


@pytest.mark.control("transmission")
def test_a_webhook_elsewhere_is_reached_by_https_only(story):
    """Nothing is sent to it otherwise."""
    house = alerting(story, webhook=WebhookSettings(url="http://hooks.example.com/", secret="x"))
    close_all(house)
    assert "is not https://" in evaluate(house, story.clock(9)).failures[0]


@pytest.mark.control("transmission")
def test_an_e_mail_tells_what_to_do(story, certificate, monkeypatch):
    """By TLS and with a password, to whom the settings name."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with mail_server(certificate) as post:
        house = alerting(story, email=by_mail(post, username="nights", password="of nights"))
        close_all(house)
        found = evaluate(house, story.clock(9))
    assert found.failures == ()
    assert found.told == len(post.taken) == len(found.open)
    (mail,) = [mail for _, mail in post.taken if "no-run" in mail["Subject"]]
    assert all(is_private for is_private, _ in post.taken)
    assert set(post.signed_in) == {("nights", "of nights")}
    assert mail["Subject"] == f"edi834 critical: no-run {CEDAR}"
    assert load_watch().condition("no-run").do in mail.get_payload(decode=True).decode()


def by_mail(post, **settings):
    return EmailSettings(
        host="127.0.0.1",
        port=post.port,
        sender="edi834@carrier.example",
        recipients=["nights@carrier.example"],
        **settings,
    )


@pytest.mark.fault("F40")
@pytest.mark.parametrize(
    ("refuses", "starttls", "said"),
    [
        ("550 nobody", False, "refuses alerts"),
        ("451 later", False, "takes nothing now"),
        (None, True, "is not trusted"),
    ],
)
def test_what_a_mail_server_refuses_is_said(story, certificate, refuses, starttls, said):
    """A wrong address and a stranger's certificate want a person; a busy server is asked again."""
    with mail_server(certificate, refuses) as post:
        house = alerting(story, email=by_mail(post, starttls=starttls))
        close_all(house)
        (sentence,) = evaluate(house, story.clock(9)).failures
    assert said in sentence
    assert "carrier.example" not in sentence
    assert post.taken == []


@pytest.mark.fault("F35")
@pytest.mark.control("integrity")
def test_a_walk_along_the_trail_is_known_and_a_broken_one_is_an_alert(story):
    """It is noted when somebody walked, and what was found; that nobody ever has is an alert."""
    before = told_by(story)
    assert ("edi834_audit_whole",) not in before
    ((began,),) = story.rows("SELECT at FROM ledger.audit_entry WHERE ordinal = 1")
    late = story.clock(60)
    age = told_by(story, late)[("edi834_audit_verified_age_seconds",)]
    assert age == (late - began).total_seconds()
    assert of_rule(evaluate(story.house, late), "chain-not-verified")
    assert verify_chain(story.house).is_whole
    assert told_by(story)[("edi834_audit_whole",)] == 1
    change = "UPDATE ledger.audit_entry SET actor = {} WHERE ordinal = 3"
    with story.house.engine.begin() as conn:
        conn.execute(sa.text("ALTER TABLE ledger.audit_entry DISABLE TRIGGER audit_refuse"))
        conn.execute(sa.text(change.format("actor || 'x'")))
    assert verify_chain(story.house).fault.ordinal == 3
    assert told_by(story)[("edi834_audit_whole",)] == 0
    found = evaluate(story.house, story.clock(1))
    with story.house.engine.begin() as conn:
        conn.execute(sa.text(change.format("trim(trailing 'x' FROM actor)")))
        conn.execute(sa.text("ALTER TABLE ledger.audit_entry ENABLE ALWAYS TRIGGER audit_refuse"))
        assert audit.verify(audit.entries(conn)).is_whole
    assert of_rule(found, "chain-broken")


@pytest.mark.fault("F30")
def test_what_has_its_last_day_soon_is_an_alert(story):
    """A key whose last day the settings name, three weeks before it."""
    settings = story.house.settings
    for days, is_told in ((20, True), (21, False)):
        last_day = (story.clock(1) + timedelta(days=days)).date()
        mailbox = settings.mailboxes[CEDAR].model_copy(update={"key_last_day": last_day})
        changed = settings.model_copy(update={"mailboxes": {CEDAR: mailbox}})
        house = replace(story.house, settings=changed)
        found = of_rule(evaluate(house, story.clock(1)), "expiring")
        told = [(one.about, one.value) for one in found]
        assert told == [({"what": "key", "name": CEDAR}, days)] * is_told
    assert not of_rule(evaluate(story.house, story.clock(1)), "expiring")


def test_an_agreement_that_is_over_is_told_for_a_while_only(story):
    """Its row stays in the partner's file, for the rules of its day, and alarms nobody for ever."""
    settings = story.house.settings
    boxes = {"potomac-dc": settings.mailboxes[CEDAR]}
    house = replace(story.house, settings=settings.model_copy(update={"mailboxes": boxes}))
    agreed = {"tolerance", "bound"}
    for day in (date(2026, 12, 31), date(2027, 1, 14)):
        assert agreed & {one.labels["what"] for one in expiries(house, day)}
    assert not agreed & {one.labels["what"] for one in expiries(house, date(2027, 1, 15))}


def test_the_command_shows_what_is_open_and_what_to_do(story):
    """Exit code 1 with an alert, and 2 where somebody could not be told."""
    story.write_configuration()
    ended = story.edi834("alerts", "--as-of", "2026-12-09T00:00:00")
    assert ended.code == 1
    assert f"critical: no-run ({CEDAR})" in ended.out
    as_json = json.loads(story.edi834("alerts", "--as-of", "2026-12-09T00:00:00", "--json").out)
    assert "no-run" in {one["rule"] for one in as_json["open"]}


def test_what_could_not_be_taken_is_counted_until_it_is(story):
    """A file that is too large lies in the outbox, and no row of the ledger tells of it."""
    (story.outbox(CEDAR) / "large.P").write_bytes(bytes(2000))
    settings = story.house.settings.model_copy(update={"max_file_bytes": 1000})
    with at_work(story.house, story.clock(2), [CEDAR]) as opened:
        for _ in range(2):
            receive_files(replace(story.house, settings=settings), opened.run, CEDAR)
            assert told_by(story)["edi834_files_left", CEDAR] == 1
        (left,) = of_rule(evaluate(story.house, story.clock(2)), "file-left")
        receive_files(story.house, opened.run, CEDAR)
    assert left.about == {"partner": CEDAR}
    assert told_by(story)["edi834_files_left", CEDAR] == 0
    noted = "SELECT details ->> 'count' FROM ledger.audit_entry WHERE action = 'files left'"
    assert story.rows(f"{noted} ORDER BY ordinal") == [("1",), ("0",)]


class TimeIsUpError(BaseException):
    """As Airflow raises when a task has taken too long."""


def test_a_step_that_a_scheduler_ends_is_told_as_failed(story):
    """A server that accepts and says nothing: the step's line says that it was ended."""

    def end(*_):
        raise TimeIsUpError

    before = signal.signal(signal.SIGUSR1, end)
    main = threading.main_thread().ident
    ending = threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGUSR1))
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        settings = story.house.settings
        mailbox = settings.mailboxes[CEDAR].model_copy(update={"port": silent.getsockname()[1]})
        house = replace(
            story.house, settings=settings.model_copy(update={"mailboxes": {CEDAR: mailbox}})
        )
        try:
            with at_work(house, story.clock(3), [CEDAR]) as opened:
                ending.start()
                with pytest.raises(Terminal, match="Unexpected TimeIsUpError at "):
                    Steps(house, opened.run, CEDAR).receive()
        finally:
            ending.join()
            signal.signal(signal.SIGUSR1, before)
    assert told_by(story)["edi834_steps_failed", CEDAR] == 1
