"""``top_logprobs`` and ``logit_bias`` through the official client, on the real model."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion
from openai.types.chat.chat_completion_token_logprob import ChatCompletionTokenLogprob
from tokenizers import Tokenizer

from tests.sdk.chat import content_of, streamed, text_of, token_texts, user, whole
from tests.sdk.engine_gauge import EngineGauge

TOP: dict[str, object] = {"logprobs": True, "top_logprobs": 5, "max_tokens": 16}


def entries(answer: ChatCompletion, index: int = 0) -> list[ChatCompletionTokenLogprob]:
    logprobs = answer.choices[index].logprobs
    assert logprobs is not None
    return logprobs.content or []


def top_texts(entry: ChatCompletionTokenLogprob) -> list[str]:
    return [other.token for other in entry.top_logprobs]


@pytest.fixture(scope="module")
def token_id(tokenizer_folder: Path) -> Callable[[str], str]:
    tokenizer = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))

    def find(text: str) -> str:
        (token,) = tokenizer.encode(text, add_special_tokens=False).ids
        return str(token)

    return find


@pytest.mark.parametrize("temperature", [0.0, 1.2])
@pytest.mark.parametrize("top", [1, 5])
def test_they_are_the_best_of_a_distribution_that_the_chosen_token_is_of(
    client: OpenAI, temperature: float, top: int
) -> None:
    answer = whole(client, **TOP | {"top_logprobs": top, "temperature": temperature, "seed": 3})
    assert "".join(entry.token for entry in entries(answer)) == text_of(answer)
    assert len(entries(answer)) == 16
    for entry in entries(answer):
        values = [other.logprob for other in entry.top_logprobs]
        assert len(set(top_texts(entry))) == len(values) == top
        assert values == sorted(values, reverse=True)
        assert sum(map(math.exp, values)) <= 1
        named = {other.token: other.logprob for other in entry.top_logprobs}
        assert named.get(entry.token, entry.logprob) == entry.logprob
        assert (entry.token in named) or entry.logprob <= values[-1]
        assert temperature or entry.token == top_texts(entry)[0]


def test_they_change_neither_the_answer_nor_its_log_probs(client: OpenAI) -> None:
    plain = whole(client, temperature=1.2, seed=11, logprobs=True, max_tokens=16)
    found = whole(client, temperature=1.2, seed=11, **TOP)
    assert text_of(found) == text_of(plain)
    assert [entry.logprob for entry in entries(found)] == pytest.approx(
        [entry.logprob for entry in entries(plain)], abs=2e-3
    )
    assert found.usage == plain.usage


def test_a_stream_says_the_same(client: OpenAI) -> None:
    answer = whole(client, temperature=0, n=2, **TOP)
    found: list[list[ChatCompletionTokenLogprob]] = [[], []]
    for chunk in streamed(client, temperature=0, n=2, **TOP):
        for choice in chunk.choices:
            found[choice.index] += (choice.logprobs and choice.logprobs.content) or []
    for index in range(2):
        assert [(entry.token, top_texts(entry)) for entry in found[index]] == [
            (entry.token, top_texts(entry)) for entry in entries(answer, index)
        ]
        values, expected = ([entry.logprob for entry in side] for side in (found[index], entries(answer, index)))
        assert values == pytest.approx(expected, abs=2e-3)


def test_parts_of_a_character_have_their_bytes(client: OpenAI, model: str) -> None:
    answer = whole(client, messages=user("हिन्दी में नमस्ते कहो।"), temperature=0, **TOP | {"max_tokens": 24})
    tokens = [(entry.token, bytes(entry.bytes or ())) for entry in entries(answer)]
    tokens += [(top.token, bytes(top.bytes or ())) for entry in entries(answer) for top in entry.top_logprobs]
    assert any(text.startswith("bytes:") for text, _ in tokens)
    for text, data in tokens:
        written = "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)
        assert text == (written if text.startswith("bytes:") else data.decode())
    whole_bytes = b"".join(bytes(entry.bytes or ()) for entry in entries(answer))
    assert whole_bytes.decode(errors="ignore") == text_of(answer)


def test_tokens_that_a_stop_string_cuts_off_are_not_listed(client: OpenAI) -> None:
    free = whole(client, temperature=0, **TOP)
    stop = "".join(token_texts(free)[6:8])
    answer = whole(client, temperature=0, stop=stop, **TOP)
    assert text_of(answer) == text_of(free).partition(stop)[0]
    assert [(entry.token, top_texts(entry)) for entry in entries(answer)] == [
        (entry.token, top_texts(entry)) for entry in entries(free)[: len(entries(answer))]
    ]
    assert "".join(token_texts(answer)) == text_of(answer)


@pytest.mark.parametrize("temperature", [0.0, 1.0, 2.0])
def test_a_bias_of_100_forces_a_token(client: OpenAI, token_id: Callable[[str], str], temperature: float) -> None:
    answer = whole(client, temperature=temperature, max_tokens=5, logit_bias={token_id(" lion"): 100})
    assert text_of(answer) == " lion" * 5
    assert answer.choices[0].finish_reason == "length"


def test_a_bias_of_minus_100_bans_a_token(client: OpenAI, token_id: Callable[[str], str]) -> None:
    banned = " the"
    free = whole(client, temperature=0, logprobs=True, max_tokens=40)
    assert banned in token_texts(free)
    answer = whole(client, temperature=0, logprobs=True, max_tokens=40, logit_bias={token_id(banned): -100})
    assert banned not in token_texts(answer)
    before = token_texts(free).index(banned)
    assert token_texts(answer)[:before] == token_texts(free)[:before]


def test_a_bias_is_not_in_the_log_probs(client: OpenAI, token_id: Callable[[str], str]) -> None:
    options = TOP | {"temperature": 0, "max_tokens": 1}
    (free,) = entries(whole(client, **options))
    (forced,) = entries(whole(client, **options, logit_bias={token_id(" lion"): 100}))
    assert (forced.token, top_texts(forced)) == (" lion", top_texts(free))
    values, expected = ([other.logprob for other in entry.top_logprobs] for entry in (forced, free))
    assert values == pytest.approx(expected, abs=2e-3)
    assert forced.logprob < values[-1]


def test_a_seeded_answer_with_a_bias_repeats(client: OpenAI, token_id: Callable[[str], str]) -> None:
    options: dict[str, object] = {"temperature": 1.0, "max_tokens": 16, "logit_bias": {token_id(" lion"): 3}}
    first, second, other = (text_of(whole(client, seed=seed, **options)) for seed in (5, 5, 6))
    assert first == second != other


def test_plain_answers_go_on_beside_one_that_needs_logits(client: OpenAI, engine: EngineGauge) -> None:
    """Four seeded streams say what they say without company, and none of them stands still."""
    whole(client, **TOP | {"max_tokens": 1})  # the first one has to wait for a compilation

    def four() -> tuple[list[str], list[float]]:
        texts, gaps = [""] * 4, [0.0] * 4

        def read(number: int) -> None:
            last = None
            for chunk in streamed(client, seed=number, temperature=1.0, max_tokens=60):
                now = time.monotonic()
                gaps[number] = max(gaps[number], now - (last or now))
                last = now
                texts[number] += content_of(chunk)

        threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return texts, gaps

    alone, _ = four()
    beside = streamed(client, **TOP | {"max_tokens": 1000, "frequency_penalty": -2.0, "temperature": 0})
    with beside:
        for _ in itertools.islice(beside, 3):
            """It runs."""
        texts, gaps = four()
    assert texts == alone
    assert max(gaps) < 2
    engine.wait_for(0, 5)
