"""How model families think: what a thought stands between, and what ``reasoning_effort`` means for them.

Budgets in tokens. Source: API contract, section 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..syntax import ThoughtSyntax
from .family import Signs

_BUDGETS = {"none": 0, "minimal": 256, "low": 1_024, "medium": 4_096, "high": None}


@dataclass(frozen=True, slots=True)
class Effort:
    """template: arguments of the chat template. budget: the tokens that a thought may take, after which it is
    closed; None: any number."""

    template: Mapping[str, object] = field(default_factory=dict)
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class Reasoning:
    """syntax, markers: see Syntax. switch: the argument of the chat template that turns thoughts on and off.
    levels: what ``reasoning_effort`` is for a template that takes it by that name; such a family needs no budget
    for what it has a level of its own for."""

    syntax: ThoughtSyntax | None = None
    markers: tuple[str, ...] = ()
    signs: Signs = field(default_factory=Signs)
    switch: str | None = None
    levels: Mapping[str, str] = field(default_factory=dict)

    def effort(self, name: str | None) -> Effort:
        """name: ``none``, ``minimal``, ``low``, ``medium`` or ``high``; None leaves it to the template. A family
        that does not think makes no effort."""
        if name is None or self.syntax is None:
            return Effort()
        if self.levels:
            budget = None if self.levels[name] == name else _BUDGETS[name]
            return Effort({"reasoning_effort": self.levels[name]}, budget)
        return Effort({self.switch: name != "none"} if self.switch else {}, _BUDGETS[name])

    def is_thinking(self, tail: str) -> bool:
        """Whether a rendered prompt that ends so leaves the sample inside a thought."""
        return self.syntax is not None and tail.rstrip().endswith(self.syntax.opening)


_THINK = ThoughtSyntax("<think>", "</think>")
_TOKENS = ("<think>", "</think>")

REASONING: dict[str, Reasoning] = {
    # No thoughts.
    "none": Reasoning(),
    # gpt-oss. It cannot be told not to think: with no effort the thought is closed at once.
    "harmony": Reasoning(
        ThoughtSyntax("<|channel|>analysis<|message|>", "<|end|><|start|>assistant", "", ""),
        ("<|channel|>", "<|message|>", "<|end|>", "<|start|>"),
        Signs(template=("<|channel|>", "analysis"), tokens=("<|channel|>",)),
        levels={"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high"},
    ),
    # Magistral from 2507 on: its system prompt asks for thoughts.
    "magistral": Reasoning(
        ThoughtSyntax("[THINK]", "[/THINK]", "", ""), ("[THINK]", "[/THINK]"), Signs(template=("[THINK]",))
    ),
    # GLM-4.5 to 4.7: as Qwen3, with other white space.
    "glm4": Reasoning(
        ThoughtSyntax("\n<think>", "</think>", "", "\n"),
        _TOKENS,
        Signs(template=("enable_thinking", "</think>", "<arg_key>")),
        switch="enable_thinking",
    ),
    # Qwen3, SmolLM3: the template's own switch, on unless it is turned off.
    "enable_thinking": Reasoning(
        _THINK, _TOKENS, Signs(template=("enable_thinking", "</think>")), switch="enable_thinking"
    ),
    # DeepSeek V3.1: the template's own switch, off unless it is turned on.
    "thinking": Reasoning(
        ThoughtSyntax("<think>", "</think>", "", ""),
        _TOKENS,
        Signs(template=("thinking is defined", "</think>")),
        switch="thinking",
    ),
    # DeepSeek R1 and its distillates, QwQ, Qwen3 Thinking: always, whether the template opens the thought or not.
    "think": Reasoning(_THINK, _TOKENS, Signs(template=("</think>",))),
}
