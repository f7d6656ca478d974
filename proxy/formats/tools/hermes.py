"""Hermes 2 Pro and 3, Qwen2.5, Qwen3, QwQ, SmolLM3, Granite 4; models that were taught no calls are told it::

I look it up.
<tool_call>
{"name": "f", "arguments": {"a": 1}}
</tool_call>
<tool_call>
{"name": "g", "arguments": {}}
</tool_call>
"""

from __future__ import annotations

from ...syntax import CallSyntax
from ..family import Family, Signs

HERMES = Family(
    calls=CallSyntax(
        trigger="<tool_call>",
        before_name='\n{"name": "',
        after_name='", "arguments": ',
        after_call="}\n</tool_call>",
        between="\n<tool_call>",
    ),
    markers=("<tool_call>", "</tool_call>"),
    signs=Signs(template=("<tool_call>",)),
)
