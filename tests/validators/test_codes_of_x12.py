"""A wrong code is told as one of X12 or as nobody's (decision 0011)."""

import pytest

from schemas.guide import load_guide
from schemas.x12_codes import codes_of_x12
from tests.cases.enrollment import MEMBER, changed, enrollment


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("INS", "INS*Y*20*021*EC*A", ("code-not-in-guide", "I6", 2, None)),
        ("INS", "INS*Y*9Z*021*EC*A", ("element-code-invalid", "7", 2, None)),
        ("INS", "INS*Y*18*021*EC*ABCDEFG", ("element-code-invalid", "7", 5, None)),
        ("DMG", "DMG*D8*19800229*F**:ABK:2106-3", ("code-not-in-guide", "I6", 5, 2)),
        ("DMG", "DMG*D8*19800229*F**:999:2106-3", ("element-code-invalid", "7", 5, 2)),
    ],
)
def test_a_wrong_code_is_told_by_who_knows_it(reader, old, new, told):
    """In a plain element and in a component of a composite."""
    issues = reader.verdict(enrollment(changed(MEMBER, old, new))).issues.to_pylist()
    found = [(i["rule"], i["x12_code"], i["element"], i["component"]) for i in issues]
    assert told in found
    assert {rule for rule, *_ in found} <= {told[0], "element-too-long"}


def test_x12_knows_every_code_of_the_guide():
    """What the guide allows is in the lists that it is compared with."""
    elements = [e for s in load_guide().segments for e in s.elements]
    for element in (*elements, *(part for e in elements for part in e.components)):
        assert (element.codes or frozenset()) <= codes_of_x12(element.data_element)


def test_an_element_without_a_list_has_no_codes():
    """A last name is not coded."""
    assert codes_of_x12("1035") == frozenset()
