"""``POST /completions``: what a text completion asks of the engine, and how it is answered, whole and streamed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

import pytest
from openai.types import Completion
from pydantic import TypeAdapter

from proxy.errors import EngineFailed
from proxy.generation import Sampling, Tokens
from proxy.openai.bodies import TextCompletion
from tests.proxy import chat
from tests.proxy.byte_model import CONTEXT, END
from tests.proxy.scripts import LOG_PROB, says
from tests.proxy.served import Serve

URL = "/inference/v1/completions"


def body(prompt: object = "Hi", /, **fields: object) -> dict[str, object]:
    return {"model": "forii/bytes", "prompt": prompt, **fields}


async def complete(serve: Serve, said: str, request: Mapping[str, object]) -> Completion:
    """The whole answer, after a look at whether the stream says the same; read as the official client does, which
    holds no answer against its own types."""
    client, _ = serve(says(said))
    whole = await client.post(URL, json=request)
    assert whole.status_code == 200, whole.text
    assert TypeAdapter(TextCompletion).validate_json(whole.content, strict=True) == whole.json()
    answer = Completion.construct(**whole.json())
    streamed = await client.post(URL, json={**request, "stream": True})
    chunks = [Completion.construct(None, **event) for event in chat.events(streamed.text)]
    for choice in answer.choices:
        parts = [part for chunk in chunks for part in chunk.choices if part.index == choice.index]
        assert "".join(part.text for part in parts) == choice.text
        assert [part.finish_reason for part in parts if part.finish_reason] == [choice.finish_reason]
        listed = [part.logprobs for part in parts if part.logprobs]
        if choice.logprobs is None:
            assert listed == []
        else:
            for name in ("tokens", "token_logprobs", "text_offset"):
                joined = [value for one in listed for value in getattr(one, name)]
                assert joined == getattr(choice.logprobs, name)
    assert chunks[-1].usage == answer.usage
    assert all(chunk.object == "text_completion" for chunk in chunks)
    return answer


async def test_a_text_goes_to_the_engine_as_it_is_with_the_old_defaults(serve: Serve) -> None:
    client, engine = serve(says(" there"))
    response = await client.post(URL, json=body("Hi<|im_end|>"))
    (generation,) = engine.asked
    assert list(generation.prompt) == [*b"Hi<|im_end|>"]
    assert generation.sampling == Sampling(0.7, 1.0, 0, 1.0, 0.0, 0.0)
    assert (generation.max_tokens, generation.log_probs, generation.stop_words) == (16, False, ())
    answer = response.json()
    assert re.fullmatch(r"cmpl-forii-[0-9a-f]{24}", answer["id"])
    assert answer["object"] == "text_completion"
    assert answer["choices"] == [{"index": 0, "text": " there", "logprobs": None, "finish_reason": "stop"}]
    assert answer["usage"]["prompt_tokens"] == 12
    for name in ("model", "prompt-tokens", "truncated-tokens", "ttft-ms", "completion-tokens", "total-ms"):
        assert f"x-forii-{name}" in response.headers


async def test_every_field_becomes_what_it_does_in_a_chat(serve: Serve) -> None:
    client, engine = serve(says("ok"))
    fields = {"temperature": 1.5, "top_p": 0.5, "presence_penalty": -1, "frequency_penalty": 2, "seed": -1, "n": 2}
    response = await client.post(URL, json=body(max_tokens=3, stop="x", user="u", store=True, best_of=2, **fields))
    first, second = engine.asked
    assert first.sampling == Sampling(1.5, 0.5, 0, 1.0, -1.0, 2.0)
    assert (first.seed, second.seed) == (2**64 - 1, 0)
    assert (first.max_tokens, first.stop_words) == (3, ((ord("x"),),))
    assert response.headers["x-forii-ignored-params"] == "store"


async def test_ids_go_to_the_engine_as_they_are(serve: Serve) -> None:
    client, engine = serve(says("ok"))
    assert (await client.post(URL, json=body([65, END, 66]))).status_code == 200
    assert list(engine.asked[0].prompt) == [65, END, 66]


async def test_the_stream_is_the_whole(serve: Serve) -> None:
    answer = await complete(serve, "né 👍", body())
    assert answer.choices[0].text == "né 👍"


async def test_it_stops_before_a_stop_string(serve: Serve) -> None:
    answer = await complete(serve, "one two three", body(stop=["two", "zz"]))
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("one ", "stop")


async def test_log_probs_have_the_old_shape(serve: Serve) -> None:
    answer = await complete(serve, "né", body(logprobs=0))
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.tokens == ["n", "bytes:\\xc3", "bytes:\\xa9"]
    assert logprobs.token_logprobs == [LOG_PROB] * 3
    assert logprobs.top_logprobs is None
    assert logprobs.text_offset == [0, 1, 1]


async def test_an_echo_begins_every_choice(serve: Serve) -> None:
    answer = await complete(serve, "!", body("Hé", echo=True, n=2))
    assert [choice.text for choice in answer.choices] == ["Hé!", "Hé!"]
    answer = await complete(serve, "!", body([72, END, 105], echo=True))
    assert answer.choices[0].text == "Hi!"


async def test_an_echo_lists_the_prompt_without_log_probs(serve: Serve) -> None:
    answer = await complete(serve, "!?", body("Hé", echo=True, logprobs=0))
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.tokens == ["H", "bytes:\\xc3", "bytes:\\xa9", "!", "?"]
    assert logprobs.model_dump()["token_logprobs"] == [None, None, None, LOG_PROB, LOG_PROB]
    assert logprobs.text_offset == [0, 1, 1, 2, 3]


async def test_usage_travels_as_in_a_chat(serve: Serve) -> None:
    client, _ = serve(says("ab"))
    options = {"stream": True, "stream_options": {"include_usage": True}}
    events = chat.events((await client.post(URL, json=body(**options))).text)
    assert events[-1]["choices"] == []
    assert all(event["usage"] is None for event in events[:-1])


async def test_a_long_prompt_loses_its_beginning_or_is_refused(serve: Serve) -> None:
    client, engine = serve(says("ok"))
    for prompt in ("a" * 1000 + "é", [97] * 1000 + [*"é".encode()]):
        response = await client.post(URL, json=body(prompt, echo=True))
        used = CONTEXT - 16
        assert list(engine.asked[-1].prompt) == [97] * (used - 2) + [*"é".encode()]
        assert response.headers["x-forii-truncated-tokens"] == str(1002 - used)
        assert response.json()["choices"][0]["text"] == "a" * (used - 2) + "éok"
        asked = len(engine.asked)
        response = await client.post(URL, json=body(prompt, context_length_exceeded_behavior="error"))
        error = chat.error(response)
        assert (response.status_code, error["code"], error["param"]) == (400, "context_length_exceeded", "prompt")
        for number in (CONTEXT, 1002, 16):
            assert str(number) in str(error["message"])
        assert len(engine.asked) == asked


async def test_a_million_tokens_are_clamped_to_the_room(serve: Serve) -> None:
    client, engine = serve(says("ok"))
    await client.post(URL, json=body(max_tokens=10**6))
    assert engine.asked[0].max_tokens == CONTEXT - 2


async def test_a_failure_is_an_error_and_in_a_stream_an_event(serve: Serve) -> None:
    client, _ = serve(lambda _: [Tokens(b"a"), EngineFailed("Send it again.")])
    response = await client.post(URL, json=body())
    assert (response.status_code, chat.error(response)["code"]) == (502, "engine_error")
    events = chat.events((await client.post(URL, json=body(stream=True))).text)
    assert "error" in events[-1]


class Bad(NamedTuple):
    name: str
    fields: dict[str, object]
    code: str
    param: str | None
    says: str


VALUE, UNSUPPORTED = "invalid_value", "unsupported_parameter"
BAD = [
    Bad("a suffix", {"suffix": "x"}, UNSUPPORTED, "suffix", "leave it out"),
    Bad("logit_bias", {"logit_bias": {"5": 1}}, UNSUPPORTED, "logit_bias", "leave it out"),
    Bad("several prompts", {"prompt": ["a", "b"]}, UNSUPPORTED, "prompt", "one string or one array"),
    Bad("one prompt in a list", {"prompt": ["a"]}, UNSUPPORTED, "prompt", "one string or one array"),
    Bad("several prompts of ids", {"prompt": [[1], [2]]}, UNSUPPORTED, "prompt", "one string or one array"),
    Bad("an empty prompt", {"prompt": ""}, VALUE, "prompt", "empty"),
    Bad("no ids", {"prompt": []}, VALUE, "prompt", "at least 1"),
    Bad("no prompt", {"prompt": None}, "missing_required_parameter", "prompt", "required"),
    Bad("a number", {"prompt": 5}, VALUE, "prompt", "string"),
    Bad("an id past the vocabulary", {"prompt": [65, 260]}, VALUE, "prompt[1]", "up to 259; got 260"),
    Bad("a huge id", {"prompt": [2**70]}, VALUE, "prompt[0]", ""),
    Bad("a negative id", {"prompt": [65, -1]}, VALUE, "prompt[1]", "got -1"),
    Bad("a word among ids", {"prompt": [65, "b"]}, VALUE, "prompt[1]", "integer"),
    Bad("a boolean among ids", {"prompt": [65, True]}, VALUE, "prompt[1]", "integer"),
    Bad("logprobs of 6", {"logprobs": 6}, VALUE, "logprobs", "less than or equal to 5"),
    Bad("logprobs of true", {"logprobs": True}, VALUE, "logprobs", "integer"),
    Bad("max_tokens of 0", {"max_tokens": 0}, VALUE, "max_tokens", "got 0"),
    Bad("n of 9", {"n": 9}, VALUE, "n", "at most 8"),
    Bad("best_of", {"best_of": 3}, UNSUPPORTED, "best_of", "leave it out"),
    Bad("echo as a string", {"echo": "yes"}, VALUE, "echo", "boolean"),
    Bad("a temperature of 3", {"temperature": 3}, VALUE, "temperature", "got 3"),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
async def test_what_is_wrong_is_named_and_nothing_is_generated(bad: Bad, serve: Serve) -> None:
    client, engine = serve()
    for stream in (False, True):
        content = json.dumps({"stream": stream, **body(), **bad.fields})
        response = await client.post(URL, content=content, headers={"content-type": "application/json"})
        error = chat.error(response)
        assert (response.status_code, error["code"], error["param"]) == (400, bad.code, bad.param)
        assert bad.says in str(error["message"])
    assert engine.asked == []


async def test_a_model_that_is_not_served_and_a_body_that_is_none(serve: Serve) -> None:
    client, engine = serve()
    response = await client.post(URL, json={**body(), "model": "gpt"})
    assert (response.status_code, chat.error(response)["code"]) == (404, "model_not_found")
    response = await client.post(URL, content=b"{", headers={"content-type": "application/json"})
    assert (response.status_code, chat.error(response)["code"]) == (400, "invalid_json")
    assert engine.asked == []


async def test_both_prefixes_serve_and_the_metrics_count(serve: Serve) -> None:
    client, _ = serve(says("ok"))
    assert (await client.post("/v1/completions", json=body())).status_code == 200
    page = (await client.get("/metrics")).text
    assert 'forii_requests_total{model="forii/bytes",status="200"} 1.0' in page
