"""Files with exactly one fault, made from good ones by a seed."""

from dataclasses import dataclass
from random import Random

ODD_VALUES = ("", "ZZZ", "1", "99", "ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 12, "20260230", "-1.5", "A:B")
STRANGE_SEGMENTS = (
    "CLM*1*2",
    "ZZZ*1",
    "N1*ZZ*X",
    "REF*??*1",
    "LX*9",
    "nm1*IL*1",
    "NTE*ADD*X",
    "N3",
)
BYTES = "\t\x00\x1b|{`az09AZ* :^\x7f~"


@dataclass(frozen=True)
class Mutant:
    """A file with one fault: what was done, and to which segment (counted from 0)."""

    deed: str
    segment: int
    text: str

    @property
    def reach(self):
        """How far from `segment` the fault may be seen: of a swap both segments are its place."""
        return int(self.deed == "swap")


def _recounted(segments):
    """The segments with an SE01 that fits, for faults that are not about counts."""
    written, begun = [], 0
    for place, segment in enumerate(segments):
        if segment.startswith("ST*"):
            begun = place
        elif segment.startswith("SE*"):
            written.append("*".join(("SE", str(place - begun + 1), *segment.split("*")[2:])))
            continue
        written.append(segment)
    return written


def _text(segments):
    return "".join(f"{segment}~" for segment in segments)


def _segment_fault(random, segments, place):
    deed = random.choice(("drop", "double", "swap", "insert", "rename"))
    one, others = segments[place], list(segments)
    if deed == "drop":
        del others[place]
    elif deed == "double":
        others.insert(place, one)
    elif deed == "swap":
        others[place : place + 2] = others[place : place + 2][::-1]
    elif deed == "insert":
        others.insert(place, random.choice(STRANGE_SEGMENTS))
    else:
        others[place] = random.choice(("ZZ", "QQQQ", "AMT", "NM1", "REF")) + one[one.find("*") :]
    return deed, _text(_recounted(others) if place < len(segments) - 3 else others)


def _element_fault(random, segments, place):
    elements = segments[place].split("*")
    position = random.randrange(1, len(elements))
    deed = random.choice(("empty", "overwrite", "truncate", "lengthen", "append", "cut"))
    value = elements[position]
    if deed == "cut":
        elements = elements[:position]
    elif deed == "append":
        elements += [""] * random.randrange(12) + ["X"]
    else:
        elements[position] = {
            "empty": "",
            "overwrite": random.choice(ODD_VALUES),
            "truncate": value[:-1],
            "lengthen": value + random.choice("A1 "),
        }[deed]
    changed = "*".join(elements)
    return f"{deed} {position}", _text([*segments[:place], changed, *segments[place + 1 :]])


def _byte_fault(random, segments, place):
    one = segments[place]
    at = random.randrange(len(one))
    changed = one[:at] + random.choice(BYTES) + one[at + 1 :]
    return f"byte {at}", _text([*segments[:place], changed, *segments[place + 1 :]])


def mutant(random: Random, segments):
    """A mutant of a good file (its segments without terminators); its ISA is left alone."""
    place = random.randrange(1, len(segments))
    fault = random.choice((_segment_fault, _element_fault, _element_fault, _byte_fault))
    deed, text = fault(random, list(segments), place)
    return Mutant(deed, place, text)
