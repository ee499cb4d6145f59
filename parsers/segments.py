"""Bytes to one row per segment, without copying them.

NumPy finds the delimiters. Between two delimiters stands a token; the first token of a segment is
its id, the others are its elements in order. Everything else in this package works on the columns
of `Segments`; no object stands for a segment.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.delimiters import Delimiters

Ints = npt.NDArray[np.int64]
Offsets = npt.NDArray[np.int32]  # places within a stretch: half the memory of places in a file
Keys = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.intp]
Lengths = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

KEY_BYTES = 8
PATTERN_BITS = 31  # more elements than any segment of the guide has; those behind count as one
_ID_BITS = 56
_ID_LETTERS = (1 << _ID_BITS) - 1
BLANKS = b"\t\n\v\f\r "  # what may stand between segments
_MASKS = np.array([(1 << (8 * n)) - 1 for n in range(KEY_BYTES)] + [2**64 - 1], dtype=np.uint64)


def key(text: str) -> int:
    """The integer that stands for a token of at most 8 bytes in columns of keys."""
    return int.from_bytes(text.encode("latin-1"), "little")


@dataclass(frozen=True)
class Segments:
    """The segments of a stretch of bytes.

    `starts` and `ends` bound each token (half open, within `data`). `first_token` and
    `token_count` say which tokens make up a segment. `data` is followed by 8 readable bytes, and
    holds less than 2 GiB. `base` is the place of its first byte in the file.
    """

    data: npt.NDArray[np.uint8]
    base: int
    delimiters: Delimiters
    starts: Offsets
    ends: Offsets
    first_token: Ints
    token_count: Ints
    is_terminated: bool  # False when the last segment stops without a terminator
    blanks_removed: Flags  # per segment: something other than CR and LF stood before its id
    empties_behind: Flags  # per segment: behind it a terminator ends nothing and was passed over

    def __len__(self) -> int:
        return len(self.first_token)

    @cached_property
    def byte_starts(self) -> Ints:
        """First byte of each segment, counted in the file."""
        return self.in_file(self.starts[self.first_token])

    @cached_property
    def byte_ends(self) -> Ints:
        """End of each segment, its terminator not included, counted in the file."""
        return self.in_file(self.ends[self.first_token + self.token_count - 1])

    def in_file(self, places: Offsets) -> Ints:
        """Places in the stretch as places in the file."""
        found: Ints = places + np.int64(self.base)
        return found

    @cached_property
    def ids(self) -> Keys:
        """Key of each segment id; ids of more than 8 bytes share the key of their first 8."""
        return self.token_keys(self.first_token)

    @cached_property
    def id_index(self) -> tuple[list[str], npt.NDArray[np.int32]]:
        """The distinct segment ids (at most 7 bytes of each), and which one each segment has."""
        # The length stands in the highest byte, so that an id with a NUL is no other id.
        lengths = np.minimum(self.lengths(self.first_token), KEY_BYTES).astype(np.uint64)
        letters = self.ids & np.uint64(_ID_LETTERS)
        encoded = pa.array(letters | (lengths << np.uint64(_ID_BITS))).dictionary_encode()
        names = [
            (value & _ID_LETTERS)
            .to_bytes(KEY_BYTES, "little")[: value >> _ID_BITS]
            .decode("latin-1")
            for value in encoded.dictionary.to_pylist()
        ]
        return names, encoded.indices.to_numpy(zero_copy_only=False)

    def has_id(self, *segment_ids: str) -> Flags:
        """Per segment: whether its id is one of `segment_ids`."""
        names, index = self.id_index
        wanted = [number for number, name in enumerate(names) if name in segment_ids]
        if not wanted:
            return np.zeros(len(self), dtype=np.bool_)
        found: Flags = index == wanted[0] if len(wanted) == 1 else np.isin(index, wanted)
        return found

    @cached_property
    def _words(self) -> Keys:
        return _words_of(self.data)

    def token_keys(self, tokens: Ints) -> Keys:
        """First 8 bytes of each token as one integer, zero bytes behind shorter ones."""
        return self._token_keys[tokens]

    @cached_property
    def _token_keys(self) -> Keys:
        keys: Keys = self._words[self.starts]
        keys &= _MASKS.take(self.token_lengths, mode="clip")  # at most 8 bytes
        return keys

    def keys_at(self, places: Offsets, wanted: Flags) -> Keys:
        """The 8 bytes at each place where `wanted`, 0 elsewhere. Places are within `data`."""
        keys = np.zeros(len(places), dtype=np.uint64)
        keys[wanted] = self._words[places[wanted]]
        return keys

    def element_keys(self, rows: Ints | Rows, element: int) -> Keys:
        """Key of an element of each segment row; 0 where the segment is shorter."""
        has_it = self.token_count[rows] > element
        keys = self._token_keys[self.first_token[rows] + element * has_it]
        keys *= has_it
        return keys

    def lengths(self, tokens: Ints) -> Lengths:
        """Bytes in each token."""
        return self.token_lengths[tokens]

    @cached_property
    def token_lengths(self) -> Lengths:
        """Bytes in each token of the stretch."""
        lengths: Lengths = self.ends - self.starts
        return lengths

    @cached_property
    def patterns(self) -> Ints:
        """Per segment: bit k is set when element k has a value; element 0 is the id."""
        counts = np.minimum(self.token_count, PATTERN_BITS)
        patterns: Ints = np.left_shift(1, counts) - 1
        if bool((self.token_count > PATTERN_BITS).any()):
            return self._patterns_of_long(patterns)
        empties = np.flatnonzero(self.token_lengths == 0)
        begins = np.zeros(len(self.starts), dtype=np.int32)
        begins[self.first_token] = 1
        rows = np.cumsum(begins, dtype=np.int32)[empties] - 1  # -1 before the first segment
        positions = empties - self.first_token[rows]
        known = np.flatnonzero((rows >= 0) & (positions < self.token_count[rows]))
        np.bitwise_xor.at(patterns, rows[known], np.left_shift(1, positions[known]))
        return patterns

    def _patterns_of_long(self, patterns: Ints) -> Ints:
        """The same where a segment has more elements than there are bits."""
        first_entry = np.cumsum(self.token_count) - self.token_count
        entries = np.arange(int(self.token_count.sum()))
        tokens = entries + np.repeat(self.first_token - first_entry, self.token_count)
        positions = entries - np.repeat(first_entry, self.token_count)
        bits = np.left_shift(
            (self.token_lengths[tokens] > 0).astype(np.int64),
            np.minimum(positions, PATTERN_BITS - 1),
        )
        np.bitwise_or.reduceat(bits, first_entry, out=patterns)
        return patterns

    def tokens_at(self, rows: Ints, position: int) -> Ints:
        """Token of element `position` of each segment row; -1 where the segment is shorter."""
        return np.where(
            self.token_count[rows] > position, self.first_token[rows] + position, np.int64(-1)
        )

    def texts(self, tokens: Ints) -> pa.Array:
        """Text of each token as `large_string`; null for token -1 and for an empty token.

        Bytes that are not UTF-8 are read as Latin-1, and a rule reports them.
        """
        taken = self._bytes_of(tokens)
        if self.is_ascii:
            return taken.view(pa.large_string())
        try:
            return taken.cast(pa.large_string())
        except pa.ArrowInvalid:
            return pa.array([decode(value) for value in taken.to_pylist()], pa.large_string())

    def codes(self, tokens: Ints) -> pa.Array | None:
        """The same as `texts` where all are of one length and fit into a key; None elsewhere.

        So it is with most codes, and then nothing has to be looked up byte by byte.
        """
        is_there = tokens >= 0
        is_whole = bool(is_there.all())
        lengths = self.token_lengths[tokens if is_whole else tokens[is_there]]
        size = int(lengths[0]) if len(lengths) else 0
        if not 0 < size <= KEY_BYTES or not self.is_ascii or (lengths != size).any():
            return None
        keys = self._token_keys[tokens]
        if not is_whole:
            keys[~is_there] = 0
        letters = keys.view(np.uint8).reshape(-1, KEY_BYTES)[:, :size].tobytes()
        offsets = np.arange(0, len(letters) + 1, size, dtype=np.int64)
        bits = None if is_whole else pa.py_buffer(np.packbits(is_there, bitorder="little"))
        buffers = [bits, pa.py_buffer(offsets), pa.py_buffer(letters)]
        return pa.Array.from_buffers(pa.large_string(), len(tokens), buffers)

    def _bytes_of(self, tokens: Ints) -> pa.Array:
        """The bytes of each token, copied out of the received ones by Arrow; null where empty.

        Arrow copies twice as fast where nothing can be null, so nulls are marked afterwards.
        """
        taken = self._all_bytes.take(pa.array((tokens + 1) << 1))
        _, offsets, data = taken.buffers()
        bounds = np.frombuffer(offsets, dtype=np.int32)[: len(tokens) + 1]
        is_filled = bounds[1:] > bounds[:-1]
        bits = None
        if not is_filled.all():
            bits = pa.py_buffer(np.packbits(is_filled, bitorder="little"))
        buffers = [bits, pa.py_buffer(bounds.astype(np.int64)), data]
        return pa.Array.from_buffers(pa.large_binary(), len(tokens), buffers)

    @cached_property
    def _all_bytes(self) -> pa.Array:
        """The received bytes as an Arrow array, of which token t is entry 2t + 2.

        Between two tokens stands a delimiter. The first entry is empty: token -1.
        """
        offsets = np.zeros(2 * len(self.starts) + 2, dtype=np.int32)
        offsets[2::2] = self.starts
        offsets[3::2] = self.ends
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self.data)]
        return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)

    @cached_property
    def is_ascii(self) -> bool:
        """No byte is above 0x7F."""
        return not bool((self.data > 0x7F).any())


def _words_of(data: npt.NDArray[np.uint8]) -> Keys:
    """The 8 bytes at every place as one integer."""
    return np.ndarray(shape=(len(data) - KEY_BYTES + 1,), dtype="<u8", buffer=data, strides=(1,))


def decode(value: bytes | None) -> str | None:
    """Text of an element: UTF-8, else Latin-1."""
    if value is None:
        return None
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def is_blank(data: npt.NDArray[np.uint8]) -> Flags:
    """Whether each byte is one of `BLANKS`; other control characters are no blanks."""
    blank: Flags = (data - np.uint8(BLANKS[0]) <= BLANKS[4] - BLANKS[0]) | (data == BLANKS[5])
    return blank


def _skip_blanks(data: npt.NDArray[np.uint8], starts: Offsets, ends: Offsets) -> Offsets:
    """Starts moved past the blanks and line ends before each segment id."""
    moved = starts.copy()
    for _ in range(2):  # nothing, LF or CRLF: nearly every file needs no more
        stands_on_blank = is_blank(data[moved]) & (moved < ends)
        if not stands_on_blank.any():
            return moved
        moved += stands_on_blank
    late = np.flatnonzero(is_blank(data[moved]) & (moved < ends))
    if len(late):
        solid = np.append(np.flatnonzero(~is_blank(data)), len(data))
        found = solid[np.searchsorted(solid, moved[late])]
        moved[late] = np.minimum(found, ends[late])
    return moved


def _has_only_line_ends(data: npt.NDArray[np.uint8], begins: Offsets, starts: Offsets) -> Flags:
    """Whether nothing but CR and LF stands between each begin and start (looked at: two bytes)."""
    first = data[begins]
    second = data[np.minimum(begins + 1, len(data) - 1)]
    gap = starts - begins
    line_end = (first == 0x0A) | (first == 0x0D)
    second_line_end = (second == 0x0A) | (second == 0x0D)
    clean: Flags = (gap == 0) | ((gap == 1) & line_end) | ((gap == 2) & line_end & second_line_end)
    return clean


def split_segments(content: bytes, base: int, delimiters: Delimiters) -> Segments:
    """The segments of `content`, whose first byte stands at `base` in the file.

    Blanks and line ends before a segment id belong to no token. A terminator with nothing before
    it (an empty segment) is dropped; the bytes behind the last terminator make a segment unless
    they are blank. With a line end as the terminator, other line ends are blanks.
    """
    data = np.frombuffer(content + bytes(KEY_BYTES), dtype=np.uint8)
    body = data[: len(content)]
    is_delimiter = (body == delimiters.element) | (body == delimiters.segment)
    ends = np.flatnonzero(is_delimiter).astype(np.int32)
    terminates = body[ends] == delimiters.segment
    last = int(ends[-1]) + 1 if len(ends) else 0
    rest_is_blank = bool(is_blank(body[last:]).all())
    is_terminated = rest_is_blank and (len(ends) == 0 or bool(terminates[-1]))
    if not is_terminated:
        ends = np.append(ends, np.int32(len(content)))
        terminates = np.append(terminates, True)
    starts = np.empty_like(ends)
    starts[:1] = 0
    starts[1:] = ends[:-1] + 1

    last_tokens = np.flatnonzero(terminates)
    first_token = np.empty_like(last_tokens)
    first_token[:1] = 0
    first_token[1:] = last_tokens[:-1] + 1
    begins = starts[first_token]
    moved = _skip_blanks(data, begins, ends[first_token])
    starts[first_token] = moved
    token_count = last_tokens - first_token + 1
    filled = (token_count > 1) | (ends[first_token] > moved)
    kept = np.flatnonzero(filled)
    clean = _has_only_line_ends(data, begins, moved)
    has_empty_behind = np.append(~filled[1:], False)
    return Segments(
        data=data,
        base=base,
        delimiters=delimiters,
        starts=starts,
        ends=ends,
        first_token=first_token[kept],
        token_count=token_count[kept],
        is_terminated=is_terminated,
        blanks_removed=~clean[kept],
        empties_behind=has_empty_behind[kept],
    )


@dataclass(frozen=True)
class Heads:
    """Where segments begin and end, and how some of them begin: enough to count these by their ids.

    `words` are the first 8 bytes of the segments at `rows`: those that may have an id to count.
    """

    starts: Offsets
    ends: Offsets
    rows: Rows
    words: Keys
    separator: int

    def rows_of(self, segment_id: str) -> Rows:
        """The segments whose id is `segment_id` (at most 7 bytes), one of those to count."""
        length = len(segment_id)
        alike = np.flatnonzero((self.words & _MASKS[length]) == np.uint64(key(segment_id)))
        rows = self.rows[alike]
        closing = (self.words[alike] >> np.uint64(8 * length)) & np.uint64(0xFF)
        is_whole = (closing == self.separator) | (self.ends[rows] - self.starts[rows] == length)
        found: Rows = rows[is_whole]
        return found


def find_heads(content: bytes, delimiters: Delimiters, counted: Iterable[str]) -> Heads:
    """The heads of the segments that `split_segments` finds, where the separator is no blank.

    Only those with an id in `counted` can be asked for.
    """
    data = np.frombuffer(content + bytes(KEY_BYTES), dtype=np.uint8)
    ends = np.flatnonzero(data[: len(content)] == delimiters.segment).astype(np.int32)
    ends = np.append(ends, np.int32(len(content)))
    starts = np.append(np.int32(0), ends[:-1] + 1)
    moved = _skip_blanks(data, starts, ends)
    filled = np.flatnonzero(moved < ends)
    starts, ends = moved[filled], ends[filled]
    may_count = np.zeros(256, dtype=np.bool_)
    may_count[[ord(segment_id[0]) for segment_id in counted]] = True
    rows = np.flatnonzero(may_count[data[starts]])
    return Heads(starts, ends, rows, _words_of(data)[starts[rows]], delimiters.element)
