"""pyx12 on what we send: another reader, written by others."""

import io
import logging
import re
from functools import cache
from typing import Any, TextIO

_SETS = re.compile(r"AK2\*834\*(\d+)\*[^~]*~(?:(?!IK5)[^~]*~)*IK5\*([A-Z])")  # of its own 999


def pyx12_accepts(content: bytes) -> bool:
    """Whether pyx12 finds nothing wrong with an interchange."""
    return _read(content, None)


def refused_by_pyx12(content: bytes) -> list[int]:
    """The ST02 of the transaction sets that pyx12 does not accept in an interchange.

    Empty as well when it finds something wrong and it lies in no set.
    """
    answer = io.StringIO()
    _read(content, answer)
    text = "".join(answer.getvalue().split("\n"))
    return [int(number) for number, code in _SETS.findall(text) if code != "A"]


def _read(content: bytes, answer: TextIO | None) -> bool:
    import pyx12.x12n_document

    logging.getLogger("pyx12").setLevel(logging.CRITICAL)
    accepted: bool = pyx12.x12n_document.x12n_document(
        param=_parameters_with_maps(),
        src_file=io.StringIO(content.decode("ascii")),
        fd_997=answer,
        fd_html=None,
    )
    return accepted


@cache
def _parameters_with_maps() -> Any:
    """Parameters by which pyx12 reads each of its maps once.

    For every file again takes longer than a small file. A map does not change while files are
    validated: what is counted is counted elsewhere.
    """
    import pyx12.map_if
    import pyx12.params

    pyx12.map_if.load_map_file = cache(pyx12.map_if.load_map_file)
    return pyx12.params.params()
