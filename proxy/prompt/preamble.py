"""The tools of a request for a model whose chat template has no place for them: words for its system message."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ..calls import Call, write_calls
from ..syntax import CallSyntax

_ARGUMENTS = {"argument": "value"}
RESULT, RESULT_END = "<tool_response>", "</tool_response>"


def preamble(tools: Sequence[Mapping[str, object]], syntax: CallSyntax) -> str:
    """tools: in OpenAI's shape, at least one. syntax: how the model is to write its calls."""
    example = write_calls([Call("function_name", json.dumps(_ARGUMENTS))], syntax)
    listed = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    several = "Several calls may follow one another. " if syntax.parallel else ""
    return (
        "You can call functions to answer the user. They are listed here, one JSON object a line:\n"
        f"<tools>\n{listed}\n</tools>\n"
        "To call a function, write its name and its arguments like this, and nothing after it:\n"
        f"{example}\n"
        f"{several}What a function returns comes back between {RESULT} and {RESULT_END}."
    )
