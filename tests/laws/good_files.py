"""Good files to make mutants of: their segments, ended by ~ when they are written."""

from schemas.partners import load_partner
from simulator.generate import write_enrollment_file
from tests.cases.enrollment import (
    DEPENDENT,
    HEADER,
    MEMBER,
    Group,
    Interchange,
    Set,
    enrollment,
    everything,
)


def good_files(folder):
    """Segments of several good files: written by hand, and by the simulated exchange."""
    partner = load_partner("harbor-light-nc")
    path = folder / "generated.834"
    write_enrollment_file(path, 5, 7, partner)
    two_groups = Interchange(
        (
            Group((Set((*HEADER, *MEMBER)), Set((*HEADER, *DEPENDENT), number="0002"))),
            Group((Set((*HEADER, *MEMBER)),), number="2"),
        )
    )
    written = (enrollment(MEMBER, DEPENDENT, DEPENDENT), everything(), two_groups)
    generated = path.read_text(encoding="ascii").rstrip("~").split("~")
    return [*(tuple(one.segments()) for one in written), tuple(generated)]
