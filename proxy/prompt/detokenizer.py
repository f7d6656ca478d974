"""Generated ids in, text out, a token at a time: never half a character, nothing invented, and the 10,000th
token costs what the first did."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

_Utf8 = codecs.getincrementaldecoder("utf-8")


class Detokenizer:
    """One sample's text. bytes_of: what each id adds (``Tokenizer.bytes_of``).

    Bytes that are no UTF-8 are dropped; the beginning of a character waits for its rest.
    """

    def __init__(self, bytes_of: Sequence[bytes]) -> None:
        self._bytes_of = bytes_of
        self._decoder = _Utf8(errors="ignore")
        self._decode = self._decoder.decode

    @property
    def whole(self) -> bool:
        """Whether no character waits for its rest."""
        return not self._decoder.getstate()[0]

    def feed(self, token: int) -> str:
        """The characters that the id completes. Raises IndexError for an id outside the vocabulary."""
        return self._decode(self._bytes_of[token])

    def finish(self) -> str:
        """The end of the text: a character whose rest never came is dropped."""
        return self._decode(b"", True)
