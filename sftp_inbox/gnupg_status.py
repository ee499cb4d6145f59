"""What GnuPG's status lines say of a file that came: it may be used, or why not.

Source: doc/DETAILS of GnuPG, "Format of the --status-fd output".
"""

from collections.abc import Collection

from sftp_inbox.wrapping import NotOpenedError

Status = dict[str, list[list[str]]]  # each word, with what followed it, each time it was said

_OTHER_KEY = "it is encrypted to another key than ours"
_NOT_WHOLE = "it is damaged, or not one whole message"

# Why no key opens it: the first that holds counts. Of a file that is opened they may be said, too,
# for each key beside ours that it is encrypted to.
_CLOSED = {
    "NODATA": "it is not encrypted",
    "BAD_PASSPHRASE": "the passphrase of our key is wrong",
    "NO_SECKEY": _OTHER_KEY,
}
# One signature of which these are said is enough to refuse the file, whoever else has signed it.
_SIGNATURE_FAULTS = {
    "BADSIG": "its signature is wrong: it was altered",
    "EXPSIG": "its signature has expired",
    "EXPKEYSIG": "the key that signed it has expired",
    "REVKEYSIG": "the key that signed it was revoked",
    "ERRSIG": "it is signed by a key that we do not know",
}
_ALSO_UNKNOWN = "it is signed by an agreed key, and by one that we do not know"
_NOT_AGREED = "it is not signed by a key that was agreed"

_HIDDEN = "0" * 16  # the id of a recipient who is not named
# All that may be said of a whole file, once it was tried which of our keys a hidden recipient is.
_SAID_OF_WHOLE_FILES = {
    "BAD_PASSPHRASE", "BEGIN_DECRYPTION", "CARDCTRL", "DECRYPTION_COMPLIANCE_MODE",
    "DECRYPTION_INFO", "DECRYPTION_KEY", "DECRYPTION_OKAY", "ENC_TO", "END_DECRYPTION", "GOODMDC",
    "GOODSIG", "GOOD_PASSPHRASE", "INQUIRE_MAXLEN", "KEY_CONSIDERED", "NEED_PASSPHRASE", "NEWSIG",
    "NO_SECKEY", "PINENTRY_LAUNCHED", "PLAINTEXT", "PLAINTEXT_LENGTH", "PROGRESS", "SIG_ID",
    "TRUST_FULLY", "TRUST_MARGINAL", "TRUST_ULTIMATE", "TRUST_UNDEFINED", "USERID_HINT", "VALIDSIG",
    "VERIFICATION_COMPLIANCE_MODE",
}  # fmt: skip
_ONCE = ("PLAINTEXT", "DECRYPTION_OKAY", "GOODMDC", "END_DECRYPTION")


def status_of(stderr: str) -> Status:
    """GnuPG's status lines among whatever else it has said."""
    status: Status = {}
    for line in stderr.splitlines():
        words = line.split()
        if line.startswith("[GNUPG:] ") and len(words) > 1:
            status.setdefault(words[1], []).append(words[2:])
    return status


def require_sound(
    status: Status, returncode: int, ours: Collection[str], agreed: Collection[str]
) -> None:
    """Nothing, if the file is encrypted to our key, all of its signatures are good, and one agreed.

    `ours` has the fingerprint of our key and the ids of what is below it; `agreed` has fingerprints
    of signers. Others may be able to read the file, or have signed it as well. Raises
    NotOpenedError with the reason.
    """
    if "DECRYPTION_OKAY" not in status:
        closed = None if "DECRYPTION_KEY" in status else _first(_CLOSED, status)
        raise NotOpenedError(closed or _NOT_WHOLE)
    opened_by = {word for line in status.get("DECRYPTION_KEY", []) for word in line}
    encrypted_to = {line[0] for line in status.get("ENC_TO", []) if line}
    if (opened_by | encrypted_to).isdisjoint(ours):
        raise NotOpenedError(_OTHER_KEY)
    signers = {line[-1] for line in status.get("VALIDSIG", []) if line}
    is_agreed = "GOODSIG" in status and not signers.isdisjoint(agreed)
    fault = _first(_SIGNATURE_FAULTS, status)
    if fault is not None:
        is_only_unknown = fault == _SIGNATURE_FAULTS["ERRSIG"]
        raise NotOpenedError(_ALSO_UNKNOWN if is_agreed and is_only_unknown else fault)
    if not is_agreed:
        raise NotOpenedError(_NOT_AGREED)
    if returncode and not _is_trial_only(status):
        raise NotOpenedError(_NOT_WHOLE)


def _is_trial_only(status: Status) -> bool:
    """Whether GnuPG may have failed at nothing but a try to be somebody hidden.

    It ends with an error then although all went well, when that somebody has an elliptic key.
    """
    hidden = [_HIDDEN] in [line[:1] for line in status.get("ENC_TO", [])]
    is_one = all(len(status.get(word, [])) == 1 for word in _ONCE)
    return hidden and is_one and status.keys() <= _SAID_OF_WHOLE_FILES


def _first(reasons: dict[str, str], status: Status) -> str | None:
    return next((text for word, text in reasons.items() if word in status), None)
