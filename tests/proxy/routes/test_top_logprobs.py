"""The most likely tokens on the wire; the byte model's echo has logits of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tests.proxy import chat
from tests.proxy.served import Serve

FIELDS: dict[str, object] = {"logprobs": True, "top_logprobs": 3, "max_tokens": 3}


def listed(choices: object) -> Iterator[dict[str, object]]:
    assert isinstance(choices, list)
    for choice in choices:
        if choice["logprobs"] is not None:
            yield from choice["logprobs"]["content"]


async def test_each_token_has_so_many_best_first(serve: Serve) -> None:
    client, _ = serve()
    body = (await client.post(chat.URL, json=chat.body(**FIELDS))).json()
    start, letter, _ = listed(body["choices"])
    assert [other["token"] for other in start["top_logprobs"]] == ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]  # type: ignore[attr-defined]
    assert letter["top_logprobs"] == [
        {"token": "u", "bytes": [117], "logprob": letter["logprob"]},
        {"token": "v", "bytes": [118], "logprob": _near(letter, 1, 0.2)},
        {"token": "w", "bytes": [119], "logprob": _near(letter, 2, 0.1)},
    ]


def _near(entry: dict[str, object], place: int, chance: float) -> float:
    """The value that is there, if it is about the logarithm of the chance."""
    top = entry["top_logprobs"]
    assert isinstance(top, list)
    value: float = top[place]["logprob"]
    assert abs(value - math.log(chance)) < 1e-4
    return value


async def test_the_stream_says_what_the_whole_answer_says(serve: Serve) -> None:
    client, _ = serve()
    fields = {**FIELDS, "n": 2, "max_tokens": 20, "logit_bias": {"115": -100}}
    body = (await client.post(chat.URL, json=chat.body(**fields))).json()
    response = await client.post(chat.URL, json=chat.body(**fields, stream=True))
    chunks = chat.events(response.text)
    for index in range(2):
        streamed = [
            entry
            for chunk in chunks
            for entry in listed([one for one in chunk["choices"] if one["index"] == index])  # type: ignore[attr-defined]
        ]
        assert streamed == list(listed([body["choices"][index]]))
        assert len(streamed) == 8  # the echo of the prompt up to its end id
        assert streamed[2]["token"] == "t"


async def test_none_are_wanted_with_zero(serve: Serve) -> None:
    client, _ = serve()
    body = (await client.post(chat.URL, json=chat.body(logprobs=True, top_logprobs=0, max_tokens=2))).json()
    assert [entry["top_logprobs"] for entry in listed(body["choices"])] == [[], []]
