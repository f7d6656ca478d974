"""DeepSeek V3.1::

    I look it up.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{"a": 1}<｜tool▁call▁end｜>...
    ...<｜tool▁call▁begin｜>g<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>

(one line).
"""

from __future__ import annotations

from ...syntax import CallSyntax
from ..family import Family, Signs

_CALLS, _CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
_CALL, _NAME, _CALL_END = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"

DEEPSEEK_V31 = Family(
    calls=CallSyntax(trigger=_CALLS, before_name=_CALL, after_name=_NAME, after_call=_CALL_END, last=_CALLS_END),
    markers=(_CALLS, _CALLS_END, _CALL, _NAME, _CALL_END),
    signs=Signs(template=(_CALLS,), tokens=(_CALLS,)),
)
