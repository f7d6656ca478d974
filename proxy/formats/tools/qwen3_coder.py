"""Qwen3-Coder, Qwen3.5: each parameter apart, strings as they are::

I look it up.
<tool_call>
<function=f>
<parameter=a>
1
</parameter>
<parameter=b>
two
lines
</parameter>
</function>
</tool_call>
"""

from __future__ import annotations

from ...syntax import CallSyntax, ParameterSyntax
from ..family import Family, Signs

QWEN3_CODER = Family(
    calls=CallSyntax(
        trigger="<tool_call>",
        before_name="\n<function=",
        after_name=">\n",
        after_call="</function>\n</tool_call>",
        between="\n<tool_call>",
        parameters=ParameterSyntax("<parameter=", ">\n", "\n</parameter>\n"),
    ),
    markers=("<tool_call>", "</tool_call>"),
    signs=Signs(template=("<tool_call>", "<function=", "<parameter=")),
)
