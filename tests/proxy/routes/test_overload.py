"""More requests than the engine takes: who waits, who is refused, and what becomes of those who wait too long."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator

import httpx2
import pytest

from proxy.engines.scripted import Script
from proxy.generation import Generation, Tokens
from tests.proxy import chat
from tests.proxy.scripts import never_ends, says
from tests.proxy.served import Serve, Served, ServeLive, eventually, soon

COMMENT = ": keep-alive\n\n"


def counting(running: list[int], most: list[int]) -> Script:
    """Notes how many play at once."""

    def script(_: Generation) -> Iterator[Tokens | float]:
        running.append(1)
        most.append(len(running))
        yield 0.01
        running.pop()
        yield Tokens(b"a", (), "stop")

    return script


async def ask(served: Served, **fields: object) -> httpx2.Response:
    return await served.client.post(chat.URL, json=chat.body(**fields))


async def metric(served: Served, name: str) -> float:
    for line in (await served.client.get("/metrics")).text.splitlines():
        if line.startswith(f'{name}{{model="forii/bytes"}}'):
            return float(line.split()[-1])
    return 0.0


@pytest.mark.parametrize("stream", [False, True])
async def test_no_more_run_at_once_than_may_and_all_are_answered(stream: bool, serve: Serve) -> None:
    most: list[int] = []
    served = serve(counting([], most), max_running=3)
    answers = await asyncio.gather(*(ask(served, stream=stream) for _ in range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20
    assert len(most) == 20
    assert max(most) == 3


async def test_each_sample_is_counted(serve: Serve) -> None:
    most: list[int] = []
    served = serve(counting([], most), max_running=4)
    answers = await asyncio.gather(*(ask(served, n=n) for n in (3, 2, 8, 1)))
    assert [len(answer.json()["choices"]) for answer in answers] == [3, 2, 8, 1]
    assert len(most) == 14


@pytest.mark.parametrize("stream", [False, True])
async def test_one_too_many_is_refused_in_the_apis_words(stream: bool, serve: Serve) -> None:
    served = serve(says("a", pause=0.6), max_running=1, max_waiting=1)
    first, second = (asyncio.ensure_future(ask(served)) for _ in range(2))
    await soon(lambda: served.engine.running == 1)
    await asyncio.sleep(0.1)
    assert await metric(served, "forii_requests_waiting") == 1
    assert await metric(served, "forii_requests_running") == 1
    refused = await ask(served, stream=stream)
    error = chat.error(refused)
    assert (refused.status_code, error["type"], error["code"]) == (429, "rate_limit_error", "overloaded")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert [(await one).status_code for one in (first, second)] == [200, 200]
    assert len(served.engine.asked) == 2
    assert await metric(served, "forii_requests_rejected_total") == 1
    assert await metric(served, "forii_requests_waiting") == 0
    assert await metric(served, "forii_requests_running") == 0
    assert (
        'forii_requests_total{model="forii/bytes",status="429"} 1.0' in (await served.client.get("/metrics")).text
    )


async def test_a_stream_that_waits_long_is_told_so_and_then_served(serve: Serve) -> None:
    served = serve(says("ab", pause=0.15), max_running=1, first_answer_seconds=0.05, keep_alive_seconds=0.1)
    _, waited = await asyncio.gather(ask(served), ask(served, stream=True))
    assert waited.text.startswith(COMMENT)
    assert "x-forii-ttft-ms" not in waited.headers
    assert chat.contents(chat.events(waited.text)) == {0: "ab"}


async def test_a_request_that_takes_too_long_is_a_504(serve: Serve) -> None:
    served = serve(never_ends(), request_timeout_seconds=1)
    late = await ask(served)
    error = chat.error(late)
    assert (late.status_code, error["type"], error["code"]) == (504, "server_error", "timeout")
    assert "1 seconds" in str(error["message"])
    assert (served.engine.running, served.engine.cancelled) == (0, 1)


async def test_a_stream_that_takes_too_long_ends_with_an_error_event(serve: Serve) -> None:
    served = serve(never_ends(), request_timeout_seconds=1)
    late = await ask(served, stream=True)
    *chunks, event = chat.events(late.text)
    assert late.status_code == 200
    assert len(chunks) > 1
    assert isinstance(event["error"], dict)
    assert event["error"]["code"] == "timeout"
    assert (served.engine.running, served.engine.cancelled) == (0, 1)


@pytest.mark.parametrize("stream", [False, True])
async def test_the_time_in_the_line_counts(stream: bool, serve: Serve) -> None:
    served = serve(says("abc", pause=0.2), max_running=1, request_timeout_seconds=0.9)
    in_time, late = await asyncio.gather(ask(served), ask(served, stream=stream, stop=["abc"]))
    # Its text is held back as a part of the stop string, so no status line has gone out yet.
    assert (in_time.status_code, late.status_code) == (200, 504)
    assert (served.engine.running, served.engine.cancelled) == (0, 1)
    assert (await ask(served)).status_code == 200


def test_a_client_that_leaves_while_it_waits_frees_its_place(serve_live: ServeLive) -> None:
    live = serve_live(never_ends(), max_running=1, max_waiting=1)
    body = json.dumps(chat.body(stream=True)).encode()
    head = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
    request = head.format(chat.URL, len(body)).encode() + body

    def page() -> str:
        return httpx2.get(f"{live.url}/metrics").text

    with socket.create_connection(live.address, timeout=5) as first:
        first.sendall(request)
        assert eventually(lambda: live.engine.running == 1, 5)
        with socket.create_connection(live.address, timeout=5) as second:
            second.sendall(request)
            assert eventually(lambda: 'forii_requests_waiting{model="forii/bytes"} 1.0' in page(), 5)
            assert httpx2.post(live.url + chat.URL, json=chat.body()).status_code == 429
        assert eventually(lambda: 'forii_requests_waiting{model="forii/bytes"} 0.0' in page(), 0.3)
        assert len(live.engine.asked) == 1
    assert eventually(lambda: live.engine.running == 0, 0.3)
    metrics = page()
    assert 'forii_requests_total{model="forii/bytes",status="499"} 2.0' in metrics
    assert 'forii_requests_running{model="forii/bytes"} 0.0' in metrics
