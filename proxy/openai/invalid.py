"""pydantic's errors in, the API's out: the field as OpenAI writes it (``messages[2].content``), and the fix.

Values are named only where they are numbers or booleans: a client's text does not belong in an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..errors import ForiiError, InvalidRequest, MissingParameter

# In place of pydantic's words where these are Python's, or name what is inside.
_WORDS = {
    "model_type": "it must be a JSON object",
    "model_attributes_type": "it must be a JSON object",
    "dict_type": "it must be a JSON object",
    "too_short": "it must have at least {min_length} and has {actual_length}",
    "too_long": "it must have at most {max_length} and has {actual_length}",
    "string_pattern_mismatch": "it must match the pattern {pattern}",
}


def invalid_request(error: ValidationError, data: Mapping[str, object]) -> ForiiError:
    """The first thing that is wrong with data. error: of the model that data was validated with."""
    first = error.errors(include_url=False)[0]
    param = _param(first["loc"], data)
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        param += "." + first["ctx"]["discriminator"].strip("'")
    if first["type"] in ("missing", "union_tag_not_found"):
        return MissingParameter(f"{param!r} is required; add it to the request.", param)
    return InvalidRequest(f"{param!r} is not valid: {_message(first)}.", param)


def _param(loc: Sequence[int | str], data: object) -> str:
    """loc without the names of union members that pydantic puts between the fields."""
    name = ""
    for number, part in enumerate(loc):
        named = number == len(loc) - 1 and part != "[key]"
        if isinstance(part, int) and isinstance(data, list):
            name += f"[{part}]"
            data = data[part] if part < len(data) else None
        elif isinstance(part, str) and isinstance(data, Mapping) and (part in data or named):
            name += f".{part}" if name else part
            data = data.get(part)
    return name


def _message(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] == "union_tag_invalid":
        return f"it must be one of {context['expected_tags']}"
    message = _WORDS[error["type"]].format_map(context) if error["type"] in _WORDS else error["msg"]
    message = message[0].lower() + message[1:]
    value = error["input"]
    if isinstance(value, bool | int | float):
        return f"{message}; got {str(value).lower() if isinstance(value, bool) else value}"
    return message
