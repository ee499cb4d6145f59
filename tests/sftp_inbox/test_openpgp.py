"""F31: what is not encrypted to us and signed by who was agreed is not opened."""

import io
import random
import shutil
from dataclasses import replace

import pytest

from schemas.errors import Terminal
from sftp_inbox.openpgp import Keys, clear_name, decrypted, encrypted
from sftp_inbox.wrapping import NotOpenedError
from tests.cases.gnupg_keys import GPG, WITHOUT_GPG, both_sides, keyring

pytestmark = pytest.mark.skipif(GPG is None, reason=WITHOUT_GPG)

CONTENT = b"ISA*00*" + random.Random(1).randbytes(3_000_000)
SHORT = b"ISA*00*" * 70  # packed by GnuPG in a packet of known length: more may follow
ENOUGH = 10**9


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    with both_sides(tmp_path_factory.mktemp("pgp")) as both:
        yield both


@pytest.fixture
def keys(sides):
    return Keys(sides.carrier.home, sides.ours, (sides.theirs,), sides.ours, (sides.theirs,))


def opened(sealed, keys, max_bytes=ENOUGH):
    return b"".join(decrypted(io.BytesIO(sealed), keys, max_bytes))


def refusal(sealed, keys, max_bytes=ENOUGH):
    with pytest.raises(NotOpenedError) as caught:
        opened(sealed, keys, max_bytes)
    assert "example.com" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("armor", [(), ("--armor",)])
def test_what_the_agreed_key_signed_is_opened(sides, keys, armor):
    sealed = sides.exchange.sealed(CONTENT, sides.ours, sides.theirs, *armor)
    assert opened(sealed, keys) == CONTENT


@pytest.mark.fault("F31")
@pytest.mark.control("authentication")
def test_nobody_but_the_agreed_signer_is_believed(sides, keys):
    """Not signed; signed by a key that has expired; signed by one that is known and not agreed."""
    by_nobody = sides.exchange.sealed(CONTENT, sides.ours, None)
    assert "not signed" in refusal(by_nobody, keys)
    past = ("--faked-system-time", "20200601T000000")
    expired = sides.exchange.sealed(CONTENT, sides.ours, sides.expired, *past)
    agreed_once = replace(keys, verify_with=(sides.theirs, sides.expired))
    assert "has expired" in refusal(expired, agreed_once)
    by_us = sides.carrier.sealed(CONTENT, sides.ours, sides.ours)
    assert "not signed by a key that was agreed" in refusal(by_us, keys)


def test_an_unknown_signer_is_not_believed(sides, keys, tmp_path):
    with keyring(tmp_path / "s") as stranger:
        theirs = stranger.new_key("stranger")
        sides.carrier.give(stranger, sides.ours)
        sealed = stranger.sealed(CONTENT, sides.ours, theirs)
    assert "a key that we do not know" in refusal(sealed, keys)


@pytest.mark.fault("F31")
def test_what_is_encrypted_to_somebody_else_stays_closed(sides, keys):
    """Although the agreed key has signed it."""
    sealed = sides.exchange.sealed(CONTENT, sides.theirs, sides.theirs)
    assert "another key" in refusal(sealed, keys)


def test_our_key_is_the_one_that_was_agreed(sides, keys):
    """A second key in our folder opens nothing."""
    second = sides.carrier.new_key("second")
    sides.carrier.give(sides.exchange, second)
    sealed = sides.exchange.sealed(CONTENT, second, sides.theirs)
    assert "another key" in refusal(sealed, keys)


ARCHIVE_FIRST = ("--recipient", "archive", "--recipient", "ours")
OURS_FIRST = ("--recipient", "ours", "--recipient", "archive")


@pytest.fixture(scope="module")
def archive(sides):
    """A key of the exchange's own, to which it encrypts what it sends as well."""
    return sides.exchange.new_key("archive")


def sealed_to(sides, names, recipients, *more, by=None):
    """Something for several recipients, in that order, by one signer or several."""
    signed = [word for one in by or (sides.theirs,) for word in ("--local-user", one)]
    to = [names.get(word, word) for word in recipients]
    return sides.exchange.gpg(*more, *to, *signed, "--sign", "--encrypt", given=SHORT)


def hidden(recipients, *who):
    """The same recipients, some of them without their names."""
    pairs = zip(recipients[::2], recipients[1::2], strict=True)
    return [
        word
        for option, name in pairs
        for word in ("--hidden-recipient" if name in who else option, name)
    ]


@pytest.mark.parametrize("recipients", [ARCHIVE_FIRST, OURS_FIRST])
@pytest.mark.parametrize("who", [(), ("ours",), ("archive",), ("ours", "archive")])
def test_who_else_can_read_it_does_not_matter(sides, keys, archive, recipients, who):
    """A sender's own archive, named or hidden, before us or behind us: it is for us all the same.

    GnuPG says of it that it lacks the archive's key; and it ends with an error when it has tried
    whether we are the one that is hidden.
    """
    names = {"ours": sides.ours, "archive": archive}
    sealed = sealed_to(sides, names, hidden(recipients, *who))
    assert opened(sealed, keys) == SHORT


@pytest.mark.parametrize("who", [(), ("archive",)])
def test_who_else_can_read_it_excuses_nothing(sides, keys, archive, who):
    """More behind the message, or within than we take; another signer; a flipped bit."""
    names, to = {"ours": sides.ours, "archive": archive}, hidden(ARCHIVE_FIRST, *who)
    sealed = sealed_to(sides, names, to)
    assert "damaged, or not one whole" in refusal(sealed + b"junk of somebody", keys)
    assert "damaged" in refusal(sealed + sides.exchange.gpg("--store", given=b"more"), keys)
    refusal(sealed + sealed, keys)
    refusal(sealed[:-1], keys)
    refusal(sealed, keys, max_bytes=len(SHORT) // 2)
    assert "not signed" in refusal(sealed_to(sides, names, to, by=(archive,)), known(keys, sides))
    flipped = bytearray(sealed)
    flipped[len(sealed) // 2] ^= 4
    refusal(bytes(flipped), keys)


def known(keys, sides):
    """The same keys; ours knows the archive's public half too."""
    listed = sides.exchange.gpg("--export", "archive@example.com")
    sides.carrier.gpg("--import", given=listed)
    return keys


def test_a_key_of_ours_that_is_replaced_may_be_a_recipient_too(sides, keys):
    """Our folder has both secret keys, and GnuPG takes whichever comes first."""
    former = sides.carrier.new_key("ours-before")
    sides.carrier.give(sides.exchange, former)
    names = {"ours": sides.ours, "archive": former}
    for recipients in (ARCHIVE_FIRST, OURS_FIRST):
        assert opened(sealed_to(sides, names, recipients), keys) == SHORT


@pytest.mark.control("authentication")
def test_of_two_signatures_each_must_be_good_and_one_agreed(sides, keys, tmp_path):
    """In any order. One that nobody can check is refused until its key is known here, too."""
    second = sides.exchange.new_key("second-signer")
    names, to = {"ours": sides.ours}, ("--recipient", "ours")
    orders = [(sides.theirs, second), (second, sides.theirs)]
    both = [sealed_to(sides, names, to, by=by) for by in orders]
    for sealed in both:
        assert "an agreed key, and by one that we do not know" in refusal(sealed, keys)
    sides.exchange.give(sides.carrier, second)
    for sealed in both:
        assert opened(sealed, keys) == SHORT
    past = ("--faked-system-time", "20200601T000000")
    with_expired = sealed_to(sides, names, to, *past, by=(sides.expired, sides.theirs))
    assert "has expired" in refusal(with_expired, keys)
    by_second = sealed_to(sides, names, to, by=(second,))
    assert "not signed by a key that was agreed" in refusal(by_second, keys)


def test_what_is_not_encrypted_is_refused(sides, keys):
    """Plain, or signed and open: what was agreed is that nobody else can read it."""
    assert "not encrypted" in refusal(CONTENT, keys)
    signed = sides.exchange.gpg("--sign", "--local-user", sides.theirs, given=CONTENT)
    refusal(signed, keys)


@pytest.mark.fault("F31")
@pytest.mark.parametrize("at", [0.1, 0.5, 0.99])
def test_one_bit_is_enough(sides, keys, at):
    """Flipped anywhere on the way: nothing of the file is believed."""
    sealed = bytearray(sides.exchange.sealed(CONTENT, sides.ours, sides.theirs))
    sealed[int(len(sealed) * at)] ^= 4
    refusal(bytes(sealed), keys)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_what_is_cut_off_is_refused(sides, keys, share):
    sealed = sides.exchange.sealed(CONTENT, sides.ours, sides.theirs)
    refusal(sealed[: int(len(sealed) * share)], keys)


def test_what_would_be_too_large_is_not_unpacked(sides, keys):
    """Packed zeros: GnuPG stops at the limit."""
    sealed = sides.exchange.sealed(bytes(50_000_000), sides.ours, sides.theirs)
    assert len(sealed) < 1_000_000
    given = []
    with pytest.raises(NotOpenedError):
        given += decrypted(io.BytesIO(sealed), keys, 5_000_000)
    assert sum(map(len, given)) <= 5_000_000


def test_what_we_send_is_for_the_partner_alone_and_signed_by_us(sides, keys):
    sealed = b"".join(encrypted(io.BytesIO(CONTENT), keys))
    assert sides.exchange.opened(sealed) == (CONTENT, sides.ours)
    assert "another key" in refusal(sealed, keys)


def test_nothing_is_sent_to_a_key_that_is_missing_or_expired(sides, keys):
    """A person has to get the new one."""
    for to in (sides.expired, "0" * 40):
        with pytest.raises(Terminal, match="missing, locked or expired"):
            list(encrypted(io.BytesIO(CONTENT), replace(keys, encrypt_to=(to,))))


def test_a_locked_key_needs_its_passphrase_which_is_never_told(sides, keys, tmp_path, caplog):
    """Right, wrong or missing: no log and no message has it."""
    secret = "orange-bicycle-77"
    with keyring(tmp_path / "l") as locked:
        ours = locked.new_key("locked", secret)
        locked.give(sides.exchange, ours)
        sides.exchange.give(locked, sides.theirs)
        file = tmp_path / "passphrase"
        file.write_text(secret + "\n")
        mine = Keys(locked.home, ours, (sides.theirs,), ours, (sides.theirs,), file)
        sealed = sides.exchange.sealed(CONTENT, ours, sides.theirs)
        with caplog.at_level(0):
            assert opened(sealed, mine) == CONTENT
        locked.gpg("--version")
        file.write_text("pear-tricycle-88")
        locked_again(locked)
        refusal(sealed, mine)
        locked_again(locked)
        with pytest.raises(Terminal) as caught:
            list(encrypted(io.BytesIO(CONTENT), replace(mine, passphrase_file=None)))
    for told in (caplog.text, str(caught.value)):
        assert "bicycle" not in told
        assert "tricycle" not in told


def locked_again(ring):
    """The agent forgets what it was told."""
    import subprocess

    subprocess.run(["gpgconf", "--homedir", str(ring.home), "--kill", "gpg-agent"], check=True)


def test_who_stops_reading_stops_gnupg(sides, keys):
    """As when our disk is full: nothing hangs."""
    sealed = sides.exchange.sealed(CONTENT * 5, sides.ours, sides.theirs)
    chunks = decrypted(io.BytesIO(sealed), keys, ENOUGH)
    next(chunks)
    chunks.close()


def test_the_folder_of_keys_is_only_read(sides, keys, tmp_path):
    """It may be mounted so, and several processes may use it at once."""
    mounted = tmp_path / "mounted"
    shutil.copytree(sides.carrier.home, mounted, ignore=shutil.ignore_patterns("S.*"))
    before = {path: path.stat().st_mtime_ns for path in (mounted, *mounted.rglob("*"))}
    mine = replace(keys, home=mounted)

    sealed = sides.exchange.sealed(CONTENT, sides.ours, sides.theirs)
    assert opened(sealed, mine) == CONTENT
    list(encrypted(io.BytesIO(CONTENT), mine))

    assert {path: path.stat().st_mtime_ns for path in (mounted, *mounted.rglob("*"))} == before


def test_a_missing_folder_of_keys_is_named(sides, keys, tmp_path):
    with pytest.raises(Terminal, match="no folder of keys"):
        opened(b"", replace(keys, home=tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("name", "clear"),
    [("a.P.pgp", "a.P"), ("a.P.GPG", "a.P"), ("a.P.asc", "a.P"), ("a.P", "a.P"), (".pgp", "")],
)
def test_the_file_within_is_called_as_it_was(name, clear):
    assert clear_name(name) == clear
