"""Mistral's tokenizers v11 and v13 (Small 3.2, Magistral, Devstral, Ministral 3, Large 3); the id is v11's::

I look it up.[TOOL_CALLS]f[CALL_ID]abc123def[ARGS]{"a": 1}[TOOL_CALLS]g[ARGS]{}
"""

from __future__ import annotations

from ...syntax import CallSyntax
from ..family import Family, Signs

MISTRAL_V11 = Family(
    calls=CallSyntax(
        trigger="[TOOL_CALLS]",
        before_name="",
        call_id="[CALL_ID]",
        after_name="[ARGS]",
        after_call="",
        between="[TOOL_CALLS]",
    ),
    markers=("[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"),
    signs=Signs(template=("[TOOL_CALLS]", "[ARGS]"), tokens=("[TOOL_CALLS]", "[ARGS]")),
)
