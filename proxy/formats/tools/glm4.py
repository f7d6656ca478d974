"""GLM-4.5, 4.6 and 4.7 (which writes no newlines)::

I look it up.
<tool_call>f
<arg_key>a</arg_key>
<arg_value>1</arg_value>
<arg_key>b</arg_key>
<arg_value>two words</arg_value>
</tool_call>
"""

from __future__ import annotations

from ...syntax import CallSyntax, ParameterSyntax
from ..family import Family, Signs

GLM4 = Family(
    calls=CallSyntax(
        trigger="<tool_call>",
        before_name="",
        after_name="",
        after_call="\n</tool_call>",
        between="\n<tool_call>",
        parameters=ParameterSyntax("\n<arg_key>", "</arg_key>\n<arg_value>", "</arg_value>"),
    ),
    markers=("<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"),
    signs=Signs(template=("<tool_call>", "<arg_key>")),
)
