"""Requests and streams of the chat route, as short as tests want them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import httpx2

URL = "/inference/v1/chat/completions"


def body(content: str = "Hi", /, **fields: object) -> dict[str, object]:
    return {"model": "forii/bytes", "messages": [{"role": "user", "content": content}], **fields}


def error(response: httpx2.Response) -> Mapping[str, str | None]:
    """The error of an answer, whose shape is checked."""
    data = response.json()
    assert list(data) == ["error"]
    assert set(data["error"]) == {"message", "type", "param", "code"}
    found: Mapping[str, str | None] = data["error"]
    return found


def events(text: str) -> list[dict[str, object]]:
    """The JSON objects of a stream that ends as every stream must."""
    assert text.endswith("data: [DONE]\n\n")
    lines = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    assert all(line.startswith("data: ") for line in lines)
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def contents(chunks: list[dict[str, object]]) -> dict[int, str]:
    """The text of each choice of a stream."""
    texts: dict[int, str] = {}
    for chunk in chunks:
        choices = chunk["choices"]
        assert isinstance(choices, list)
        for choice in choices:
            texts[choice["index"]] = texts.get(choice["index"], "") + choice["delta"].get("content", "")
    return texts
