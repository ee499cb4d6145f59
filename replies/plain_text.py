"""What may stand in a text that we send (decision 0006).

A delimiter or control character inside a text becomes a blank; ASCII stays as it is; any other
letter is transliterated (JOSÉ becomes JOSE) and what has no ASCII form becomes a question mark.
"""

import re
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

# Letters and signs that Unicode does not decompose into an ASCII letter and a mark.
_TRANSLITERATIONS = str.maketrans(
    {
        "ß": "ss", "Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "Ø": "O", "ø": "o",
        "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Ð": "D", "ð": "d", "Þ": "TH", "þ": "th",
        "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"',
        "\u2010": "-", "\u2011": "-", "\u2013": "-", "\u2014": "-",
    }
)  # fmt: skip


def plain(column: pa.Array | pa.ChunkedArray, delimiters: str) -> pa.Array:
    """The column without delimiters, control characters and letters outside ASCII.

    What is blank afterwards is null.
    """
    text = pc.cast(one_array(column), pa.large_string())
    if not pc.all(pc.string_is_ascii(text)).as_py() and len(text):
        encoded = text.dictionary_encode()
        ascii_values = [to_ascii(value) for value in encoded.dictionary.to_pylist()]
        text = pa.array(ascii_values, pa.large_string()).take(encoded.indices)
    blanked = pc.replace_substring_regex(text, f"[{_removed(delimiters)}]", " ")
    trimmed = pc.utf8_trim(blanked, characters=" ")
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.large_string()), trimmed)


def is_filled(column: pa.Array | pa.ChunkedArray, delimiters: str) -> pa.Array:
    """Per row whether it holds a character that may stand there and is no blank; false for null."""
    found = pc.match_substring_regex(one_array(column), f"[^ {_removed(delimiters)}]")
    return pc.fill_null(found, False)


def _removed(delimiters: str) -> str:
    """What a text must not hold, as it stands between the brackets of a pattern."""
    return rf"{re.escape(delimiters)}\x00-\x1f\x7f"


def to_ascii(value: str) -> str:
    """The value in ASCII letters: marks removed, known signs replaced, the rest as `?`."""
    decomposed = unicodedata.normalize("NFKD", value.translate(_TRANSLITERATIONS))
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return bare.encode("ascii", "replace").decode("ascii")


def one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The column in one piece."""
    if isinstance(column, pa.ChunkedArray):
        return pa.concat_arrays(column.chunks) if column.chunks else pa.array([], column.type)
    return column
