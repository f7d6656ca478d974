"""Long requests before they are read: they wait in a line, no longer than they may, and not in vain."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

import httpx2
import pytest

from proxy.prompt.extras import Extras
from proxy.prompt.pool import THREADS
from proxy.prompt.prompt import Prompt, Prompter
from tests.proxy import chat
from tests.proxy.scripts import never_ends, says
from tests.proxy.served import Serve, Served, ServeLive, eventually, soon

LONG = "a" * 20_000


class Reading:
    """Holds up all that prepares prompts. begun: how many have come so far."""

    def __init__(self) -> None:
        self.begun = 0
        self.go_on = threading.Event()


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    held = Reading()
    made = Prompter.of_messages

    def of_messages(
        self: Prompter, messages: Sequence[Mapping[str, object]], limit: int, *, truncate: bool, extras: Extras
    ) -> Prompt:
        held.begun += 1
        assert held.go_on.wait(10)
        return made(self, messages, limit, truncate=truncate, extras=extras)

    monkeypatch.setattr(Prompter, "of_messages", of_messages)
    yield held
    held.go_on.set()


async def ask(served: Served, content: str = LONG, **fields: object) -> httpx2.Response:
    return await served.client.post(chat.URL, json=chat.body(content, **fields))


async def waiting(served: Served) -> float:
    page = (await served.client.get("/metrics")).text
    return float(page.partition('forii_requests_waiting{model=""} ')[2].split()[0])


async def test_no_more_than_may_wait_to_be_read(serve: Serve, reading: Reading) -> None:
    served = serve(says("ok"), max_waiting=3)
    asked = [asyncio.ensure_future(ask(served)) for _ in range(THREADS + 3)]
    await soon(lambda: reading.begun == THREADS)
    assert await waiting(served) == 3
    refused = await ask(served)
    assert (refused.status_code, chat.error(refused)["code"]) == (429, "overloaded")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    reading.go_on.set()
    assert [(await one).status_code for one in asked] == [200] * len(asked)
    assert await waiting(served) == 0


async def test_what_has_no_room_in_the_engines_line_is_not_prepared(serve: Serve, reading: Reading) -> None:
    served = serve(never_ends(), max_running=1, max_waiting=0)
    reading.go_on.set()
    first = asyncio.ensure_future(ask(served, "Hi"))
    await soon(lambda: served.engine.running == 1)
    begun = reading.begun
    assert (await ask(served)).status_code == 429
    assert reading.begun == begun
    first.cancel()
    await first


@pytest.mark.parametrize("stream", [False, True])
async def test_the_time_it_takes_to_be_read_counts(stream: bool, serve: Serve, reading: Reading) -> None:
    served = serve(says("ok"), request_timeout_seconds=0.3)
    asked = [asyncio.ensure_future(ask(served, stream=stream)) for _ in range(THREADS + 2)]
    late = [await one for one in asked]
    assert [(one.status_code, chat.error(one)["code"]) for one in late] == [(504, "timeout")] * len(asked)
    reading.go_on.set()
    assert (await ask(served)).status_code == 200
    assert reading.begun == THREADS + 1, "those that were late in the line are never prepared"
    assert len(served.engine.asked) == 1


def test_a_client_that_leaves_before_its_request_is_read_frees_its_place(
    serve_live: ServeLive, reading: Reading
) -> None:
    live = serve_live(says("ok"), max_waiting=1)
    body = json.dumps(chat.body(LONG)).encode()
    head = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
    request = head.format(chat.URL, len(body)).encode() + body

    def page() -> str:
        return httpx2.get(f"{live.url}/metrics").text

    with ExitStack() as open_clients:
        for _ in range(THREADS + 1):
            client = open_clients.enter_context(socket.create_connection(live.address, timeout=5))
            client.sendall(request)
        assert eventually(lambda: 'forii_requests_waiting{model=""} 1.0' in page(), 10)
        assert reading.begun == THREADS
    assert eventually(lambda: 'forii_requests_waiting{model=""} 0.0' in page(), 10)
    reading.go_on.set()
    assert httpx2.post(live.url + chat.URL, json=chat.body()).status_code == 200
    assert reading.begun == THREADS + 1
    assert len(live.engine.asked) == 1
