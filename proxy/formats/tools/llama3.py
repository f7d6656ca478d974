"""Llama 3.1, 3.2 and 3.3, calls as JSON. The tag and the calls after the first are rare; text never stands beside
a call::

    {"name": "f", "parameters": {"a": 1}}
    <|python_tag|>{"name": "f", "parameters": {"a": 1}}
    {"name": "f", "parameters": {"a": 1}}; {"name": "g", "parameters": {}}

An answer that begins like a call but names no given tool is text: it is the JSON that somebody asked for.
"""

from __future__ import annotations

from ...syntax import CallSyntax
from ..family import Family, Signs

LLAMA3 = Family(
    calls=CallSyntax(
        lead="<|python_tag|>",
        trigger='{"name": "',
        before_name="",
        after_name='", "parameters": ',
        after_call="}",
        between='; {"name": "',
        anywhere=False,
    ),
    markers=("<|python_tag|>",),
    signs=Signs(template=('"parameters"', "<|eot_id|>"), tokens=("<|python_tag|>",)),
)
