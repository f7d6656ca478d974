"""The grammars of calls, of every family, in an engine that samples: what they let through are calls of given
tools, with arguments that validate, whatever the model would rather say."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from benchmarks.maskbench import SAMPLE
from benchmarks.maskbench.reader import Reader
from benchmarks.maskbench.tools import bfcl_tools
from proxy.generation import Guide, Sampling
from proxy.grammar.bounded_answer import BoundedAnswer
from proxy.grammar.jobs import compiled
from proxy.prompt.tokenizer import Tokenizer
from proxy.tools import Tool
from tests.contract.subject import SAMPLING, Subject, answer, ask
from tests.proxy.grammar.answers import FAMILIES, bounds_of, read

pytestmark = [
    pytest.mark.skipif(not any(SAMPLE.glob("BFCL_*.json")), reason=f"SKIPPED: no BFCL schemas in {SAMPLE}"),
    pytest.mark.parametrize("subject", SAMPLING, indirect=True),
]
_MANY = 30
_TOKENS, _PLENTY = 100, 400  # markers that are no tokens of the model take many
# Its arguments come to an end, whoever writes them.
SHORT = Tool(
    "set-alarm",
    None,
    {
        "type": "object",
        "properties": {
            "day": {"enum": ["Monday", "Sunday"]},
            "hour": {"type": "integer", "minimum": 0, "maximum": 23},
            "loud": {"type": "boolean"},
        },
        "required": ["day", "hour", "loud"],
    },
)


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder: Path) -> Tokenizer:
    return Tokenizer(tokenizer_folder)


@cache
def tools() -> tuple[Tool, ...]:
    return tuple(bfcl_tools()[:_MANY])


@pytest.mark.parametrize("family", FAMILIES)
async def test_what_the_engine_lets_through_are_valid_calls(
    family: str, subject: Subject, tokenizer: Tokenizer
) -> None:
    cases = [((SHORT,), 1), (tools(), 1), (tools(), 0)]
    short, *_ = await asyncio.gather(*(_calls(family, some, least, subject, tokenizer) for some, least in cases))
    assert short >= 1


async def _calls(family: str, some: Sequence[Tool], least: int, subject: Subject, tokenizer: Tokenizer) -> int:
    """Lets the model answer, and holds the answer to its bounds. Returns how many calls are whole."""
    format = FAMILIES[family]
    bounds = bounds_of(format.syntax, some, least=least, most=1)
    found = compiled(bounds, seconds=5)
    ebnf = found.ebnf("never")
    given = await answer(
        subject.engine,
        ask(
            subject.plain,
            max_tokens=_PLENTY if some == (SHORT,) else _TOKENS,
            guide=Guide("ebnf_grammar", ebnf),
            sampling=Sampling(0.7, 0.95, 0, 1.0, 0.0, 0.0),
        ),
    )
    text = b"".join(map(tokenizer.raw_bytes, given.ids)).decode(errors="ignore")
    taken = Reader(ebnf, exactly=True).taken(text)
    if given.finish == "length":
        assert taken is None or taken == text
        return 0
    assert taken is None, text
    said, _, finish = read(format, some, text)
    assert finish == ("tool_calls" if said.calls else "stop")
    wrong = BoundedAnswer(bounds, 5).judge(unique_keys=found.checked).violation(said)
    assert wrong is None or found.checked, wrong
    return len(said.calls)
