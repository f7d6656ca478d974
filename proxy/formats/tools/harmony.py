"""gpt-oss: an answer is messages with headers, which say what is text, thought or call. A call ends the answer
(``<|call|>`` ends it in the engine, so it is never seen): there is one at most::

    <|channel|>analysis<|message|>A thought.<|end|><|start|>assistant<|channel|>final<|message|>The answer.
    <|channel|>commentary<|message|>I look it up.<|end|><|start|>assistant...
    ...<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"a": 1}

(the last two are one line).
"""

from __future__ import annotations

from ...syntax import CallSyntax
from ..family import Family, Signs

HARMONY = Family(
    calls=CallSyntax(
        trigger="<|channel|>commentary to=functions.",
        before_name="",
        after_name=" <|constrain|>json<|message|>",
        after_call="",
        parallel=False,
    ),
    before_text="<|channel|>final<|message|>",
    markers=("<|channel|>", "<|message|>", "<|constrain|>", "<|start|>", "<|end|>"),
    signs=Signs(template=("<|channel|>", "<|message|>"), tokens=("<|channel|>", "<|message|>")),
    channels=True,
)
