"""Contents that make a careless reader slow or large, of any size.

As a script (`python -m tests.laws.hostile [SIZE]`) it prints processor time and issues for a size
and for twice that size: a ratio near 2 is linear work.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cases.enrollment import MEMBER, enrollment
from tests.cases.reading import Reader

TEXT = enrollment().text()
_BEFORE = TEXT[: TEXT.index("INS*")]
_BEHIND = TEXT[TEXT.index("SE*31") :]
_FIRST, _OTHERS = "~".join(MEMBER[:2]) + "~", "~".join(MEMBER[2:]) + "~"


def _in_member(filling):
    return _BEFORE + _FIRST + filling + _OTHERS + _BEHIND


CONTENTS = {
    "a member with many identifiers": lambda n: _in_member("REF*17*0000011111~" * n),
    "a member with many coverages": lambda n: _in_member("HD*021**HLT~DTP*348*D8*20260101~" * n),
    "a member of nothing but faults": lambda n: _in_member("REF*17*a:b~" * n),
    "a header that never ends": lambda n: _BEFORE + "N1*P5*A*FI*1~" * n + _BEHIND,
    "segments of one letter": lambda n: _BEFORE + "A~" * n + _BEHIND,
    "an element of any length": lambda n: _in_member("REF*17*" + "x" * 10 * n + "~"),
    "separators without end": lambda n: TEXT.replace("HLH*N", "HLH*N" + "*" * 10 * n),
    "components without end": lambda n: TEXT.replace("HLH*N", "HLH*N" + ":" * 10 * n),
    "repetitions without end": lambda n: TEXT.replace("19800229*F", "19800229*F**" + "C^" * n),
    "empty segments": lambda n: TEXT.replace("~LS", "~" * n + "LS"),
    "line ends as terminators": lambda n: TEXT.replace("~", "\n").replace("LS*", "\n" * n + "LS*"),
    "blanks before a member": lambda n: TEXT.replace("~INS", "~" + " " * 10 * n + "INS"),
    "nothing but blanks": lambda n: " " * 10 * n,
    "many groups": lambda n: (
        TEXT[:106] + TEXT[106 : TEXT.index("IEA*")] * (n // 100) + "IEA*1*000000001~"
    ),
    "many interchanges": lambda n: TEXT * (n // 1000),
    "junk behind the end": lambda n: TEXT + "QQ*1~" * n,
    "the letters ISA": lambda n: TEXT + "ISA*" * n,
}


def measure(reader, content):
    """Seconds of the processor and issues of one check."""
    path = reader.path(content)
    begun = time.process_time()
    issues = len(reader.verdict(path.read_bytes()).issues)
    return time.process_time() - begun, issues


def _show(size):
    with TemporaryDirectory() as folder:
        reader = Reader(Path(folder))
        for name, make in CONTENTS.items():
            one, two = (measure(reader, make(n)) for n in (size, 2 * size))
            ratio = two[0] / max(one[0], 1e-6)
            print(f"{name:32} {one[0]:7.2f} s {two[0]:7.2f} s  ratio {ratio:4.1f}  {two[1]} issues")  # noqa: T201


if __name__ == "__main__":
    _show(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
