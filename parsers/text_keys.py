"""Short texts of an Arrow array as integers, which compare and compute at once."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.segments import KEY_BYTES, Ints, Keys

_LOW_BYTES = np.array([(1 << 8 * size) - 1 for size in range(KEY_BYTES + 1)], dtype=np.uint64)
_LETTERS = npt.NDArray[np.uint8]


def text_keys(texts: pa.Array) -> tuple[Keys, Ints]:
    """First 8 bytes of each text as one little-endian integer, and its length in bytes.

    Zero bytes stand behind shorter texts. A null counts as the empty text. `texts` is an array of
    large strings.
    """
    _, at, letters = texts.buffers()
    offsets = np.frombuffer(at, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    first, last = (int(offsets[0]), int(offsets[-1])) if len(texts) else (0, 0)
    content = np.zeros(last - first + KEY_BYTES, dtype=np.uint8)
    if last > first:
        content[:-KEY_BYTES] = np.frombuffer(letters, dtype=np.uint8)[first:last]
    words = np.ndarray((last - first + 1,), dtype="<u8", buffer=content, strides=(1,))
    lengths = np.diff(offsets)
    return words[offsets[:-1] - first] & low_bytes(lengths), lengths


def low_bytes(counts: Ints) -> Keys:
    """Integers in which that many of the low bytes have all bits set, at most 8."""
    return _LOW_BYTES.take(counts, mode="clip")


def texts_of_keys(keys: Keys) -> pa.Array:
    """The texts (large strings) of keys: what stands before the zero bytes of each."""
    letters = keys.astype("<u8").view(np.uint8).reshape(-1, KEY_BYTES)
    is_filled = letters > 0
    # A zero byte inside a text belongs to it: it ends behind its last letter.
    lengths = np.where(is_filled.any(axis=1), KEY_BYTES - is_filled[:, ::-1].argmax(axis=1), 0)
    belongs: npt.NDArray[np.bool_] = np.arange(KEY_BYTES) < lengths[:, None]
    offsets = np.zeros(len(keys) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    content: _LETTERS = letters[belongs]
    return pa.LargeStringArray.from_buffers(len(keys), pa.py_buffer(offsets), pa.py_buffer(content))
