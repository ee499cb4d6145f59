"""What pyx12 says about our TA1 and 999, and whether their counts are right."""

import io
from functools import cache

import pyx12.map_if
import pyx12.params
from pyx12.segment import Segment
from pyx12.x12n_document import x12n_document

PARAMETERS = pyx12.params.ParamsBase()
pyx12.map_if.load_map_file = cache(pyx12.map_if.load_map_file)  # it reads them for every file


def complaints_about_ta1(content):
    """What pyx12 says against a file of TA1s; empty when it is valid.

    Its validator wants a group in each interchange, so each segment is held against its map of
    control segments.
    """
    control = pyx12.map_if.load_map_file("x12.control.00501.xml", PARAMETERS)
    segments = content.decode("ascii").split("~")
    assert segments.pop() == ""
    complaints = []
    for text in segments:
        node = control.getnodebypath(f"/ISA_LOOP/{text[:3]}")
        complaints += node.is_valid_errors(Segment(text, "~", "*", ":"))[1]
    return complaints


def complaints_about_999(content):
    """What pyx12's validator says against a 999; empty when it is valid."""
    report = io.StringIO()
    text = io.StringIO(content.decode("ascii"))
    valid = x12n_document(PARAMETERS, text, None, None, None, report)
    return "" if valid else report.getvalue() or "invalid"


def assert_counts_are_right(segments):
    """AK903 and AK904 count the sets that are answered and accepted, in each group."""
    received = accepted = 0
    for elements in (segment.split("*") for segment in segments):
        if elements[0] == "AK1":
            received = accepted = 0
        if elements[0] == "IK5":
            received += 1
            accepted += elements[1] in ("A", "E")
        if elements[0] == "AK9":
            assert elements[3] == str(received)
            assert elements[4] == str(0 if elements[1] == "R" else accepted)
