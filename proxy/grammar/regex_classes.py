r"""Character classes of regular expressions: ``\d``, ``\w``, ``\s``, ``\p{..}``, and letters of either case."""

from __future__ import annotations

import unicodedata

from .intervals import ANY, ASCII, BEYOND_ASCII, Intervals
from .regex_syntax import Chars, InvalidPattern

DIGITS = Intervals([(0x30, 0x39)])
UPPER = Intervals([(0x41, 0x5A)])
LOWER = Intervals([(0x61, 0x7A)])
LETTERS = UPPER | LOWER
WORD = DIGITS | LETTERS | Intervals.of("_")
NEWLINE = Intervals.of("\n")
# WhiteSpace and LineTerminator of ECMA-262, 12.2 and 12.3.
SPACE = Intervals([(0x09, 0x0D), (0x2000, 0x200A), (0x2028, 0x2029)]) | Intervals.of(
    " \xa0\u1680\u202f\u205f\u3000\ufeff"
)
ESCAPED = {
    **{letter: Chars(points) for letter, points in {"d": DIGITS, "w": WORD, "s": SPACE}.items()},
    **{letter: Chars(~points) for letter, points in {"D": DIGITS, "W": WORD, "S": SPACE}.items()},
}
# The checker's dot, like that of most engines, stops at a line feed only; ECMA's at U+000D, U+2028 and U+2029 too.
DOT = Chars(~NEWLINE)

_CATEGORIES = {
    **{"Letter": "L", "Lowercase_Letter": "Ll", "Uppercase_Letter": "Lu", "Titlecase_Letter": "Lt"},
    **{"Modifier_Letter": "Lm", "Other_Letter": "Lo", "Mark": "M", "Combining_Mark": "M"},
    **{"Nonspacing_Mark": "Mn", "Spacing_Mark": "Mc", "Enclosing_Mark": "Me", "Number": "N"},
    **{"Decimal_Number": "Nd", "digit": "Nd", "Letter_Number": "Nl", "Other_Number": "No"},
    **{"Punctuation": "P", "punct": "P", "Connector_Punctuation": "Pc", "Dash_Punctuation": "Pd"},
    **{"Open_Punctuation": "Ps", "Close_Punctuation": "Pe", "Initial_Punctuation": "Pi"},
    **{"Final_Punctuation": "Pf", "Other_Punctuation": "Po", "Symbol": "S", "Math_Symbol": "Sm"},
    **{"Currency_Symbol": "Sc", "Modifier_Symbol": "Sk", "Other_Symbol": "So", "Separator": "Z"},
    **{"Space_Separator": "Zs", "Line_Separator": "Zl", "Paragraph_Separator": "Zp", "Other": "C"},
    **{"Control": "Cc", "cntrl": "Cc", "Format": "Cf", "Surrogate": "Cs", "Private_Use": "Co", "Unassigned": "Cn"},
}
_SHORT = {*_CATEGORIES.values(), "LC"}
_BINARY = {
    **{"Any": ANY, "ASCII": ASCII, "Alphabetic": LETTERS, "Alpha": LETTERS, "Latin": LETTERS, "Latn": LETTERS},
    **{"Lowercase": LOWER, "Lower": LOWER, "Uppercase": UPPER, "Upper": UPPER},
    **{"White_Space": SPACE & ASCII, "space": SPACE & ASCII},
}


def unicode_property(name: str) -> Chars:
    r"""``\p{name}``: known for ASCII. Any other character is in doubt, as the tables differ from one Unicode
    version to the next; and every one where the name is not known here."""
    key, _, value = name.rpartition("=")
    if key not in ("", "General_Category", "gc", "Script", "sc", "Script_Extensions", "scx") or not value.strip():
        raise InvalidPattern(f"\\p{{{name}}} is no Unicode property")
    if value in ("Any", "ASCII"):
        return Chars(_BINARY[value])
    category = _CATEGORIES.get(value, value)
    if category in _SHORT and not key.startswith("s"):
        points = Intervals((point, point) for point in range(0x80) if _is_in(chr(point), category))
        return Chars(points, BEYOND_ASCII)
    known = _BINARY.get(value)
    return Chars(Intervals(), ANY) if known is None else Chars(known, BEYOND_ASCII)


def _is_in(char: str, category: str) -> bool:
    found = unicodedata.category(char)
    return found in ("Lu", "Ll", "Lt") if category == "LC" else found.startswith(category)


def either_case(chars: Chars) -> Chars:
    """With the same letters in the other case. What that means beyond ASCII is in doubt but for single letters."""
    swapped = [(a ^ 0x20, b ^ 0x20) for half in (UPPER, LOWER) for a, b in chars.points & half]
    found = chars.points | Intervals(swapped)
    # U+017F, the long s, and U+212A, the Kelvin sign: the letters beyond ASCII whose other case is in it.
    for sign, letters in ((0x17F, "Ss"), (0x212A, "Kk")):
        if any(ord(letter) in found for letter in letters) or sign in found:
            found |= Intervals.of(letters) | Intervals([(sign, sign)])
    beyond = found & BEYOND_ASCII
    if beyond == BEYOND_ASCII or not beyond - Intervals([(0x17F, 0x17F), (0x212A, 0x212A)]):
        return Chars(found, chars.doubtful)
    if beyond.size > 16:
        return Chars(found, chars.doubtful | BEYOND_ASCII)
    written = "".join(chr(point) for a, b in beyond for point in range(a, b + 1))
    return Chars(found | Intervals.of(written.lower() + written.upper()), chars.doubtful)
