"""Codes that X12 has for a data element, whichever guide uses them: tells IK403 I6 from 7.

The lists of X12 itself are not free to copy. The union over all guides whose maps are inside
`pyx12`, with the external code sets that those name, is what is known here: decision 0011.
"""

import xml.etree.ElementTree as ET
from collections import defaultdict
from functools import cache
from importlib.resources import files

from schemas.guide import external_codes


def codes_of_x12(data_element: str) -> frozenset[str]:
    """Every code of an X12 data element that some guide allows."""
    return _codes().get(data_element, frozenset())


@cache
def _codes() -> dict[str, frozenset[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in files("pyx12").joinpath("map").iterdir():
        if path.name[:3].isdigit() and path.name.endswith(".xml"):
            for element in ET.fromstring(path.read_bytes()).iter("element"):  # noqa: S314, our own package
                found[element.findtext("data_ele") or ""] |= _listed(element)
    return {data_element: frozenset(codes) for data_element, codes in found.items()}


def _listed(element: ET.Element) -> frozenset[str]:
    valid = element.find("valid_codes")
    if valid is None:
        return frozenset()
    codes = frozenset(code.text or "" for code in valid.iter("code"))
    external = valid.get("external")
    return codes | external_codes(external) if external else codes
