from __future__ import annotations

import re

import pytest

from proxy.generation import Generation, Tokens
from tests.proxy import chat
from tests.proxy.scripts import LOG_PROB, says
from tests.proxy.served import Serve


async def test_a_whole_answer_has_every_field_of_the_contract(serve: Serve) -> None:
    client, _ = serve(says("Namasté"))
    response = await client.post(chat.URL, json=chat.body())
    body = response.json()
    assert re.fullmatch(r"chatcmpl-forii-[0-9a-f]{24}", body.pop("id"))
    assert body.pop("created") > 1_700_000_000
    prompt = int(response.headers["x-forii-prompt-tokens"])
    assert body == {
        "object": "chat.completion",
        "model": "forii/bytes",
        "system_fingerprint": "fp_0123456789ab",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Namasté", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": 8,
            "total_tokens": prompt + 8,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


async def test_the_model_is_the_one_asked_for_and_the_header_says_what_it_is(serve: Serve) -> None:
    client, _ = serve(says("ok"))
    response = await client.post(chat.URL, json=chat.body(model="bytes"))
    assert response.json()["model"] == "bytes"
    assert response.headers["x-forii-model"] == "forii/bytes"


async def test_its_headers_tell_what_the_answer_took(serve: Serve) -> None:
    client, _ = serve(says("abc", pause=0.02))
    headers = (await client.post(chat.URL, json=chat.body())).headers
    assert headers["x-forii-truncated-tokens"] == "0"
    assert headers["x-forii-completion-tokens"] == "3"
    assert headers["x-forii-cached-tokens"] == "0"
    assert 10 <= int(headers["x-forii-ttft-ms"]) < int(headers["x-forii-total-ms"])
    assert headers["content-type"] == "application/json"


async def test_log_probs_have_openais_shape(serve: Serve) -> None:
    client, _ = serve(says("né"))
    body = (await client.post(chat.URL, json=chat.body(logprobs=True, top_logprobs=0))).json()
    common = {"logprob": LOG_PROB, "top_logprobs": []}
    assert body["choices"][0]["logprobs"] == {
        "content": [
            {"token": "n", "bytes": [110], **common},
            {"token": "bytes:\\xc3", "bytes": [0xC3], **common},
            {"token": "bytes:\\xa9", "bytes": [0xA9], **common},
        ],
        "refusal": None,
    }


async def test_samples_are_numbered_and_their_tokens_summed(serve: Serve) -> None:
    client, _ = serve(says("a", "bb", "ccc", finish="length"))
    body = (await client.post(chat.URL, json=chat.body(n=3))).json()
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert [choice["message"]["content"] for choice in body["choices"]] == ["a", "bb", "ccc"]
    assert {choice["finish_reason"] for choice in body["choices"]} == {"length"}
    assert body["usage"]["completion_tokens"] == 6


@pytest.mark.parametrize("stop", ["END", ["no", "END"]])
async def test_a_stop_string_ends_the_answer_and_the_generation(stop: object, serve: Serve) -> None:
    client, engine = serve(says("beforeENDafter"))
    body = (await client.post(chat.URL, json=chat.body(stop=stop))).json()
    assert body["choices"][0]["message"]["content"] == "before"
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["completion_tokens"] == len("beforeEND")
    assert (engine.running, engine.cancelled) == (0, 1)


@pytest.mark.parametrize(("blocks", "cached"), [(0, 0), (0.5, 0), (1, None)])
async def test_reused_blocks_are_cached_tokens_but_never_the_whole_prompt(
    blocks: float, cached: int | None, serve: Serve
) -> None:
    def script(_: Generation) -> list[Tokens]:
        return [Tokens(b"a", (), "stop", int(blocks))]

    client, _ = serve(script)
    usage = (await client.post(chat.URL, json=chat.body())).json()["usage"]
    expected = usage["prompt_tokens"] - 1 if cached is None else cached
    assert usage["prompt_tokens_details"]["cached_tokens"] == min(expected, 32)


async def test_an_empty_answer_is_an_empty_string(serve: Serve) -> None:
    client, _ = serve(says(""))
    body = (await client.post(chat.URL, json=chat.body(logprobs=True))).json()
    assert body["choices"][0]["message"]["content"] == ""
    assert body["choices"][0]["logprobs"] == {"content": [], "refusal": None}
    assert body["usage"]["completion_tokens"] == 0
