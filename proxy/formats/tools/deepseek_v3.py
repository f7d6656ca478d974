"""DeepSeek V3, V3-0324, R1 and R1-0528 (not R1's distillates, which lack the tokens)::

I look it up.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f
```json
{"a": 1}
```<｜tool▁call▁end｜>
<｜tool▁call▁begin｜>function<｜tool▁sep｜>g
```json
{}
```<｜tool▁call▁end｜><｜tool▁calls▁end｜>
"""

from __future__ import annotations

from ...syntax import CallSyntax
from ..family import Family, Signs

_CALLS, _CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
_CALL, _NAME, _CALL_END = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"

DEEPSEEK_V3 = Family(
    calls=CallSyntax(
        trigger=_CALLS,
        before_name=f"{_CALL}function{_NAME}",
        after_name="\n```json\n",
        after_call=f"\n```{_CALL_END}",
        between="\n",
        last=_CALLS_END,
    ),
    markers=(_CALLS, _CALLS_END, _CALL, _NAME, _CALL_END),
    signs=Signs(template=(_CALLS, "```json"), tokens=(_CALLS,)),
)
