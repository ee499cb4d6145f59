"""SNIP 1 and 2: what depends on the shape of a header or member alone is judged once per shape."""

import numpy as np

from parsers.segments import Ints
from parsers.shapes import rows_of_lanes
from validators.element_presence import find_presence_faults
from validators.issues import Findings
from validators.structure import find_structure_faults


def find_shape_faults(findings: Findings) -> None:
    """Segments and elements that are misplaced, surplus or missing.

    The exemplars are judged first; then, row by row, all headers and members of a faulty shape.
    """
    placement = findings.stretch.placement
    trial = Findings(findings.stretch, findings.limits)
    _judge(trial, placement.exemplar_rows)
    if not trial.found:
        return
    is_faulty = np.zeros(len(placement.lanes.starts), dtype=np.bool_)
    for finding in trial.found:
        is_faulty[placement.lane_of[finding.rows]] = True
    _judge(findings, rows_of_lanes(placement.lanes, is_faulty[placement.exemplar_of]))


def _judge(findings: Findings, rows: Ints) -> None:
    find_structure_faults(findings, rows)
    find_presence_faults(findings, rows)
