"""Names of files: what those of the exchange tell, what ours are made of, and what none decides."""

import re
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.outgoing import Letter, Writer
from pipeline.runs import Run
from schemas.partners import load_exchange, load_partner

CEDAR = "cedar-valley-tx"
FFE = load_exchange("ffe")
RECEIVED = FFE.file_names.exchange_to_issuer


@pytest.mark.parametrize("code", ["I834", "I834AR", "I834RT", "TA1", "999", "BAA"])
@pytest.mark.parametrize("direction", ["", ".IN", ".OUT"])
def test_a_name_of_the_exchange_tells_kind_and_moment(code, direction):
    """CMS guide 7.2, section 3.4: its example, with or without the direction that it names."""
    name = re.fullmatch(RECEIVED, f"OPR.270549481T.{code}.D230818.T145543411.P{direction}")
    assert name["function_code"] == code
    assert (name["trading_partner"], name["date"], name["time"]) == (
        "270549481T",
        "230818",
        "145543411",
    )


@pytest.mark.parametrize(
    "name",
    [
        "OPR.270549481T.I834.D230818.T145543.P",  # no thousandths
        "OPR.270549481T.I834.D20230818.T145543411.P",  # a year of four digits
        "OPR.270549481T.I834.D230818.T145543411.X",  # neither production nor test
        "OPR.270549481T.I834.D230818.T145543411.P.BACK",  # no direction that there is
        "opr.270549481t.i834.d230818.t145543411.p",
        "1234567890.DSH.IC834.D130223.T145543452",
        "I834.edi",
    ],
)
def test_other_names_tell_nothing(name):
    """What is not whole is not guessed at."""
    assert re.fullmatch(RECEIVED, name) is None


def written_names(partner_id, *numbers, code="IC834"):
    """Names of files that we write in one run, by their numbers."""
    partner = load_partner(partner_id)
    run = Run(1, datetime(2013, 2, 23, 19, 55, 43, tzinfo=UTC))
    writer = Writer(None, run, None, partner, load_exchange(partner.exchange))
    return [writer._name(Letter("enrollment", code), number) for number in numbers]


def test_our_names_are_the_guide_s_with_the_exchange_s_clock():
    """CMS guide 7.2, section 3.4; Eastern time, and a thousandth for each interchange number."""
    assert written_names(CEDAR, 452) == ["001234567T.DSH.IC834.D130223.T145543452.P"]


def test_no_two_names_of_a_run_are_the_same():
    """However many files a night writes: the number carries over into seconds and days."""
    names = written_names(CEDAR, *range(1, 5000))
    assert len(set(names)) == len(names)
    form = r"001234567T\.DSH\.IC834\.D\d{6}\.T\d{9}\.P"
    assert all(re.fullmatch(form, name) for name in names)


@pytest.mark.fault("F18")
def test_an_hour_that_comes_twice_gives_no_name_twice():
    """At the end of summer time: numbers count on, and with them the thousandths of the name."""
    partner = load_partner(CEDAR)
    exchange = load_exchange(partner.exchange)
    names = [
        Writer(None, Run(1, moment), None, partner, exchange)._name(Letter("ta1", "TA1"), number)
        for number, moment in enumerate(
            [datetime(2026, 11, 1, hour, 30, tzinfo=UTC) for hour in (5, 6)], 451
        )
    ]
    assert names == [
        "001234567T.DSH.TA1.D261101.T013000451.P",
        "001234567T.DSH.TA1.D261101.T013000452.P",
    ]


def test_another_exchange_has_names_of_its_own():
    """The pattern is the companion's."""
    (name,) = written_names("peachtree-ga", 7)
    assert re.fullmatch(r"from_\w+_GA_834_INDV_20130223\d{6}007_IC834\.edi", name)


@pytest.fixture(scope="module")
def named(tmp_path_factory, new_database_url, open_world):
    """A night whose files come under other names, and one in which ours come back."""
    folder = tmp_path_factory.mktemp("named")
    with open_world(folder, new_database_url(), members=60, partner_ids=(CEDAR,)) as world:
        world.send(1)
        wrong = {}
        good = [path for path in sorted(world.outbox(CEDAR).iterdir()) if is_good(path)]
        for path, name in zip(good[-3:], NAMES, strict=True):
            wrong[name] = path.rename(path.with_name(name)).read_bytes()
        world.run(1)
        (ours,) = world.inbox(CEDAR).glob("*.IC834.*")
        for name in (ours.name, BACK):
            shutil.copy(ours, world.outbox(CEDAR) / name)
        world.run(2)
        yield world, wrong, ours.name


NAMES = (
    "enrollments of tuesday.edi",
    "OPR.999999999X.I834.D261201.T060009000.P",  # somebody else's trading partner id
    "OPR.001234567T.I834.D261201.T070009000.P.OUT",
)
BACK = "OPR.001234567T.I834.D261202.T060000000.P.IN"


def is_good(path):
    """Whether it holds enrollments for us that are not damaged on purpose, and no copies."""
    content = path.read_bytes()
    return b"GS*BE*" in content and b"*CMSFFM " in content and b"20260230" not in content


def test_a_wrong_name_takes_nothing_from_what_is_in_a_file(named):
    """Kind, receiver and verdict are the content's: each is judged, answered and staged."""
    world, wrong, _ = named
    for name in wrong:
        row = world.file_named(name)
        assert row.kind == "enrollment", name
        assert row.verdict is not None, name
        assert world.answer("ta1", name) is not None, name


def test_only_a_name_that_is_whole_gives_code_and_moment(named):
    """The others have neither; they are applied behind those that have."""
    world, _, _ = named
    told = {name: world.file_named(name) for name in NAMES}
    assert [told[name].function_code for name in NAMES] == [None, "I834", "I834"]
    assert told[NAMES[0]].named_at is None
    assert told[NAMES[2]].named_at - told[NAMES[1]].named_at == timedelta(hours=1)


def test_a_file_of_ours_that_lies_in_the_outbox_is_set_apart(named):
    """The wrong way round, under its own name or another's: we answer nobody, and apply nothing."""
    world, _, ours = named
    for name in (ours, BACK):
        (row,) = world.rows(
            "SELECT state, note FROM ledger.file WHERE name = :name"
            " AND direction = 'exchange_to_issuer'",
            name=name,
        )
        assert row[0] in ("quarantined", "duplicate"), name
    assert world.answer("ta1", BACK) is None
    assert world.rows(
        "SELECT count(*) FROM book.event_set s JOIN ledger.file f USING (file_id)"
        " WHERE f.name = :n AND f.direction = 'exchange_to_issuer'",
        n=ours,
    ) == [(0,)]
