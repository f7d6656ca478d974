"""Mistral's tokenizers v3 and v7 (7B v0.3, Nemo, Large 2, Small 3): a list, with ids or without::

[TOOL_CALLS][{"name": "f", "arguments": {"a": 1}, "id": "abc123def"}, {"name": "g", "arguments": {}}]
"""

from __future__ import annotations

from ...syntax import CallSyntax
from ..family import Family, Signs

MISTRAL_V3 = Family(
    calls=CallSyntax(
        trigger="[TOOL_CALLS]",
        first="[",
        before_name='{"name": "',
        after_name='", "arguments": ',
        after_call="}",
        between=", ",
        last="]",
    ),
    markers=("[TOOL_CALLS]",),
    signs=Signs(template=("[TOOL_CALLS]",), tokens=("[TOOL_CALLS]",)),
)
