"""The bytes of a stream, without a client library between."""

from __future__ import annotations

import json
from typing import TypedDict, cast

import httpx2

from tests.sdk.chat import user
from tests.sdk.forii_server import MODEL, ForiiServer


class Choice(TypedDict):
    index: int
    delta: dict[str, str]
    finish_reason: str | None


class Chunk(TypedDict, total=False):
    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: list[Choice]
    usage: dict[str, int] | None


def read_events(data: bytes) -> list[Chunk]:
    """The chunks of a whole stream, after a look at how they are packed."""
    *events, end = data.split(b"\n\n")
    assert end == b""
    assert all(event.startswith(b"data: ") and b"\n" not in event for event in events)
    *chunks, done = [event.removeprefix(b"data: ") for event in events]
    assert done == b"[DONE]"
    return [cast(Chunk, json.loads(chunk)) for chunk in chunks]


def test_a_stream_is_server_sent_events(server: ForiiServer) -> None:
    body = {"model": MODEL, "messages": user("Say hello."), "stream": True, "temperature": 0, "max_tokens": 6}
    answer = httpx2.post(f"{server.base_url}/chat/completions", json=body, timeout=30)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["x-forii-model"] == MODEL
    assert int(answer.headers["x-forii-ttft-ms"]) > 0
    chunks = read_events(answer.content)
    for chunk in chunks:
        assert chunk["object"] == "chat.completion.chunk"
        assert {name: chunk[name] for name in ("id", "created", "model", "system_fingerprint")} == {
            name: chunks[0][name] for name in ("id", "created", "model", "system_fingerprint")
        }
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert all(set(delta) == {"content"} and delta["content"] for delta in deltas[1:-1])
    assert deltas[-1] == {}
    finish_reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert finish_reasons == [None] * (len(chunks) - 1) + ["length"]
    assert ["usage" in chunk for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_both_prefixes_serve(server: ForiiServer) -> None:
    assert httpx2.get(f"{server.root}/v1/models").json() == httpx2.get(f"{server.root}/inference/v1/models").json()


def test_the_proxy_counts_what_it_served(server: ForiiServer) -> None:
    def count() -> float:
        page = httpx2.get(f"{server.root}/metrics").text
        line = f'forii_requests_total{{model="{MODEL}",status="200"}} '
        return sum(float(row.removeprefix(line)) for row in page.splitlines() if row.startswith(line))

    before = count()
    body = {"model": MODEL, "messages": user("Say hello."), "max_tokens": 2}
    assert httpx2.post(f"{server.base_url}/chat/completions", json=body, timeout=30).status_code == 200
    assert count() == before + 1
