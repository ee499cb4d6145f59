"""What must never be committed."""

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# In pieces, or this file would find itself.
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b")
MACHINE = re.compile(r"(?<![\w.\-/])/(?:home|root|work|Users)/\w")
INDEX = re.compile(r"index-url|find-links|pythonhosted|pypi\.org|/simple\b|://[^\s@/]+@")
CONFIGURATION = (".txt", ".toml", ".lock", ".json", ".cfg", ".ini", ".yaml", ".yml", "Makefile")

# As REF*SY and NM109 after qualifier 34 hold it, whatever the delimiter, and as people write it.
SSN = re.compile(r"(?:\bSY|\b34)[*|^](\d{9})\b|\b(\d{3}-\d{2}-\d{4})\b")


def found(house, pattern, endings=""):
    return [
        f"{name}:{number}"
        for name, text in house.committed.items()
        if name.endswith(endings or "") and name not in {"constraints.txt", "LICENSE"}
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def was_never_issued(digits):
    """Whether a number is outside what the Social Security Administration has ever given out.

    Areas 000, 666 and 900-999 are not issued; in the last, groups from 50 up are taxpayer numbers
    of the IRS, so only 10-49 is nobody's.
    """
    area, group = digits[:3], digits[3:5]
    return area in {"000", "666"} or (area >= "900" and "10" <= group <= "49")


def test_nothing_is_left_unfinished(house):
    """Work that is known to be missing is an issue, not a comment."""
    assert found(house, UNFINISHED, ".py") == []


def test_no_path_of_one_machine(house):
    """What works on one machine only does not belong here."""
    assert found(house, MACHINE) == []


def test_no_symbolic_link(house):
    """A link leads out of the checkout, or nowhere, on every machine but the one it was made on."""
    assert house.links == []


def test_no_address_of_a_package_index(house):
    """Everybody installs from the index that they trust (decision 0005)."""
    assert found(house, INDEX, CONFIGURATION) == []


@pytest.mark.control("test-data")
def test_social_security_numbers_are_nobody_s(house):
    """Synthetic people only: a number that somebody could have is not a test value."""
    suspicious = [
        name
        for name, text in house.committed.items()
        for match in SSN.finditer(text)
        if not was_never_issued((match[1] or match[2]).replace("-", ""))
    ]
    assert suspicious == []


def pins(house):
    """Name, rest of the line and hashes of each pinned package."""
    text = (house.root / "constraints.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for line in lines:
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        yield Requirement(requirement), hashes


@pytest.mark.control("supply-chain")
def test_every_pin_is_exact_and_hashed(house):
    """What was reviewed is what gets installed, from whichever index."""
    loose = [
        str(requirement)
        for requirement, hashes in pins(house)
        if not str(requirement.specifier).startswith("==")
        or requirement.url
        or not hashes
        or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)
    ]
    assert loose == []


@pytest.mark.control("supply-chain")
def test_pins_cover_what_the_project_asks_for(house):
    """After a change of dependencies somebody has to run `make constraints`."""
    groups = house.project["dependency-groups"]
    wanted = [
        Requirement(text)
        for text in house.project["project"]["dependencies"] + groups["dev"] + groups["build"]
    ]
    pinned = {}
    for requirement, _ in pins(house):
        [specifier] = requirement.specifier
        pinned.setdefault(canonicalize_name(requirement.name), []).append(specifier.version)
    unmet = [
        str(each)
        for each in wanted
        if not pinned.get(canonicalize_name(each.name))
        or not all(each.specifier.contains(v) for v in pinned[canonicalize_name(each.name)])
    ]
    assert unmet == []
