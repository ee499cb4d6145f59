"""What may be told of a received value: its shape. Nobody can read from it what the value says."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas import tables

LONGEST = 50  # characters; what is longer is cut

Places = npt.NDArray[np.int64]


def _shown_for_each_byte() -> npt.NDArray[np.uint8]:
    shown = np.full(256, ord("*"), np.uint8)  # control characters, and bytes outside ASCII
    shown[32:127] = np.arange(32, 127)
    for first, last, letter in (("0", "9", "#"), ("A", "Z", "A"), ("a", "z", "a")):
        shown[ord(first) : ord(last) + 1] = ord(letter)
    return shown


_SHOWN = _shown_for_each_byte()


def shapes(content: npt.NDArray[np.uint8], starts: Places, ends: Places) -> pa.Array:
    """The shapes of spans of the content, null for an empty span.

    Letters become A or a, digits #, signs stay, all other bytes become *.
    """
    lengths = np.clip(ends - starts, 0, LONGEST)
    offsets = np.append(0, np.cumsum(lengths))
    places = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
    shown = _SHOWN[content[places]]
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(shown)]
    texts = pa.LargeStringArray.from_buffers(len(lengths), *buffers[1:])
    return pa.array(texts.to_numpy(zero_copy_only=False), tables.TEXT, mask=lengths == 0)
