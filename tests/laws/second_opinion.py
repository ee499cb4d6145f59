"""What pyx12, the reference implementation of the guide, says about a file."""

import io
import logging
from dataclasses import dataclass
from unittest.mock import patch

import pyx12.error_handler
import pyx12.map_if
import pyx12.params
from pyx12.x12n_document import x12n_document


@dataclass(frozen=True)
class Complaint:
    """One error of pyx12: at which level, its code, and where.

    `segment` counts the segments of the file from 0; it is where pyx12 stood when it complained,
    for a missing segment the one after the gap. `about` is the id of the segment that it speaks
    of, `element` the position of the element, or None.
    """

    level: str  # isa | gs | st | seg | ele
    code: str
    segment: int
    about: str | None
    element: int | None
    said: str


@dataclass(frozen=True)
class Opinion:
    """Whether pyx12 accepts a file, and all its complaints. `crashed` names its own exception."""

    accepts: bool
    complaints: tuple[Complaint, ...]
    crashed: str | None = None


class _Listener(pyx12.error_handler.err_handler):
    """The error handler of pyx12 that also writes down where each error came up."""

    def __init__(self):
        super().__init__()
        self.segments_done = 0
        self.heard = []

    def _note(self, level, code, said, element=None, line=None):
        node = self.cur_seg_node
        about = getattr(node, "seg_id", None) or getattr(node, "id", None)
        segment = self.segments_done if line is None else line - 1
        self.heard.append(Complaint(level, code, segment, about, element, said))

    def isa_error(self, err_cde, err_str):
        self._note("isa", err_cde, err_str)
        super().isa_error(err_cde, err_str)

    def gs_error(self, err_cde, err_str):
        self._note("gs", err_cde, err_str)
        super().gs_error(err_cde, err_str)

    def st_error(self, err_cde, err_str):
        self._note("st", err_cde, err_str)
        super().st_error(err_cde, err_str)

    def seg_error(self, err_cde, err_str, err_value=None, src_line=None):
        self._note("seg", err_cde, err_str, line=src_line)
        super().seg_error(err_cde, err_str, err_value, src_line)

    def ele_error(self, err_cde, err_str, bad_value, refdes=None):
        position = self.cur_ele_node.ele_pos if self.cur_ele_node else None
        self._note("ele", err_cde, err_str, position)
        super().ele_error(err_cde, err_str, bad_value, refdes)


_load_map_file = pyx12.map_if.load_map_file
_maps = {}


def _load_once(name, *arguments):
    """A map of pyx12, which loads it anew for every file though it never changes one."""
    if name not in _maps:
        _maps[name] = _load_map_file(name, *arguments)
    return _maps[name]


def ask_pyx12(text):
    """The opinion of pyx12 about a file, without a line of its logging."""
    listeners = []

    def listen():
        listeners.append(_Listener())
        return listeners[-1]

    def count(*_):
        listeners[-1].segments_done += 1

    logging.getLogger("pyx12").setLevel(logging.CRITICAL + 1)
    with (
        patch.object(pyx12.error_handler, "err_handler", listen),
        patch.object(pyx12.map_if, "load_map_file", _load_once),
    ):
        try:
            accepts = x12n_document(
                pyx12.params.params(), io.StringIO(text), None, None, callback=count
            )
        except Exception as error:  # noqa: BLE001, its crashes are listed by the tests
            return Opinion(False, tuple(listeners[-1].heard), repr(error))
    return Opinion(accepts, tuple(listeners[-1].heard))
