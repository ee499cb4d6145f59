"""A night that is killed at any point and run again ends as the night that nobody disturbed."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from schemas.fault_points import AFTER, BEFORE, FAULT_POINTS, OF_KEYS, TELL
from tests.cases.payments import payments
from tests.pipeline.killed_nights import SSHD, Stage, openssh, pool_of_forks
from tests.pipeline.killed_story import CEDAR, Story, own_bounds

AT_ONCE = 2
MOST_LIVES = 60  # a life that is killed early may bring one file more to the exchange, and no other
ROWS = 3
# What a night without any failure does not come by.
_OF_FAILURES = {
    f"{commit}{when}" for commit in ("step failed", "files left") for when in (BEFORE, AFTER)
}


@dataclass
class Played:
    """The stage, what the undisturbed night left, and which fault points it came by, in order."""

    stage: Stage
    pool: object
    undisturbed: dict
    points: list[str]

    def differences(self, name, *fault_points):
        """Killed at each of the fault points, one life after the other; then run to its end.

        Where it was killed, and the names of all that is otherwise than in the undisturbed night.
        """
        forks = self.pool.get()
        try:
            with self.stage.trial(name, forks) as trial:
                lives = [trial.night(point) for point in fault_points]
                ended = trial.night()
                assert ended.killed_at is None
                state = trial.end_state(ended) if ended.out else {"said": ended.err}
        finally:
            self.pool.put(forks)
        return [life.killed_at for life in lives], different(state, self.undisturbed)


def different(one, other):
    """The names of what two nights have left otherwise."""
    return sorted(k for k in one.keys() | other.keys() if one.get(k) != other.get(k))


@pytest.fixture(scope="module")
def played(tmp_path_factory, new_database_url, open_world):
    """The fourth night of a small partner, which has all kinds of things to read and to send."""
    if SSHD is None:
        pytest.skip("no sshd here: install the package openssh-server")
    folder = tmp_path_factory.mktemp("killed")
    url = new_database_url()
    beginning = folder / "beginning"
    options = {"members": 80, "partner_ids": (CEDAR,)}
    options |= {"partner_files": own_bounds(folder / "partners")}
    with open_world(folder / "world", url, **options) as world:
        Story(world).lead_up()
        as_of = world.clock(4).isoformat()
        home = world.house.settings.home
        copy(world.folder / "exchange" / "mailboxes", beginning / "mailboxes")
        copy(home, beginning / "home")
        copy(world.folder / "carrier", beginning / "carrier")
    pay(beginning / "mailboxes" / CEDAR / "outbox")
    with openssh(folder) as port, pool_of_forks(folder, AT_ONCE) as pool:
        stage = Stage(folder, port, as_of, CEDAR, url)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            ends = list(threads.map(lambda n: undisturbed(stage, pool, n), range(AT_ONCE)))
        assert ends[0][1] == ends[1][1]
        yield Played(stage, pool, ends[0][1], ends[0][0])


def pay(outbox):
    """A HIX 820 of the exchange, for policies that nobody knows."""
    receiver = f"{'001234567T':15}"
    content = payments().with_isa(8, receiver).with_isa(9, "261204").with_isa(13, "000090820")
    (outbox / "OPR.001234567T.I820.D261204.T030000000.P").write_text(content.text(), "ascii")


def copy(source, target):
    """A folder with all that is in it."""
    shutil.copytree(source, target)


def undisturbed(stage, pool, number):
    """The fault points that a night comes by, and what it leaves."""
    forks = pool.get()
    try:
        with stage.trial(f"undisturbed-{number}", forks) as trial:
            ended = trial.night(TELL)
            assert ended.code in (0, 1), ended.err
            points = re.findall(r"fault point \d+: (.*)", ended.err)
            return points, trial.end_state(ended)
    finally:
        pool.put(forks)


def play(played, cases):
    """Each case is the fault points of the lives before the last; by case, what it left otherwise.

    Asserts that every life ended where it was to end.
    """

    def one(numbered):
        number, points = numbered
        return played.differences(f"trial-{number}", *points)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        ends = list(threads.map(one, enumerate(cases)))
    for points, (killed_at, _) in zip(cases, ends, strict=True):
        named = [played.points[int(p) - 1] if p.isdigit() else p for p in points]
        assert killed_at == named
    return {points: otherwise for points, (_, otherwise) in zip(cases, ends, strict=True)}


@pytest.mark.fault("F9")
def test_a_night_comes_by_every_fault_point(played):
    """None is forgotten by the loop below: each lies between two effects of this night."""
    assert set(played.points) == set(FAULT_POINTS) - _OF_FAILURES - OF_KEYS


def test_the_night_says_and_hears_all_that_there_is(played):
    """All five kinds in one file, held ones, what cannot be sent, a rejection, all answers."""
    decisions = played.undisturbed["book.decision"]
    kinds = ("effectuation", "cancellation", "termination", "maintenance", "reinstatement")
    (sent,) = [row for row in played.undisturbed["files"] if "IC834.D261204" in row]

    assert "'delivered'" in sent
    for kind in kinds:
        assert any(f"'{kind}'" in row and "'sent'" in row for row in decisions), kind
    for state in ("held", "rejected"):
        assert any(f"'{state}'" in row for row in decisions), state
    assert any("our-reference-malformed" in row for row in decisions)
    levels = ("interchange", "group", "set", "business")
    answers = played.undisturbed["ledger.answer"]
    assert all(any(f"'{level}'" in row for row in answers) for level in levels)


@pytest.mark.fault("F9")
def test_killed_at_one_place_after_the_other_a_night_ends_the_same(played):
    """Same ledger, book, files, bytes and balance.

    Each life is killed at the first place of another kind, further on than the life before: three
    rows of lives come by all of them. That a night was killed at each alone, soak shows.
    """
    places = list(dict.fromkeys(played.points))
    ends = play(played, [tuple(places[row::ROWS]) for row in range(ROWS)])

    assert sum(len(lives) for lives in ends) == len(places)
    assert {lives: end for lives, end in ends.items() if end} == {}


def test_killed_twice_in_a_row_at_the_same_point_a_night_ends_the_same(played):
    """What the second life repeats, the third repeats again."""
    points = ("tables in place", "decisions settled, after the commit", "outgoing file renamed")
    ends = play(played, [tuple(point for point in points for _ in range(2))])

    assert {case: end for case, end in ends.items() if end} == {}


@pytest.mark.fault("F9")
@pytest.mark.soak
@pytest.mark.parametrize("third", [1, 2, 3])
def test_killed_at_any_point_and_run_again_a_night_ends_the_same(played, third):
    """For every n: killed at the n-th point, run again."""
    ends = play(played, [(str(number),) for number in range(third, len(played.points) + 1, 3)])

    assert {case: end for case, end in ends.items() if end} == {}


@pytest.mark.soak
@pytest.mark.parametrize("stride", [23, 27, 31])
def test_killed_again_and_again_a_night_ends_the_same(played, stride):
    """Each life comes so many points far, until one comes to the end."""
    forks = played.pool.get()
    try:
        with played.stage.trial(f"stride-{stride}", forks) as trial:
            lives = [trial.night(str(stride))]
            while lives[-1].killed_at is not None and len(lives) < MOST_LIVES:
                lives.append(trial.night(str(stride)))
            ended = lives[-1]
            state = trial.end_state(ended)
    finally:
        played.pool.put(forks)

    assert len(lives) > 2
    assert different(state, played.undisturbed) == []
