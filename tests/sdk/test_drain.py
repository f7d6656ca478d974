"""``forii serve`` told to end while it works: what has been accepted is answered, and the status is 0."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import openai
import pytest
from openai import OpenAI

from launcher.triton import EmbeddedTriton
from tests.sdk.chat import ENDLESS, content_of, streamed, text_of, user, whole
from tests.sdk.conftest import ServeBefore
from tests.sdk.forii_server import MODEL, ForiiServer, wait_until

LONG = ENDLESS | {"max_tokens": 150}


def client_of(server: ForiiServer) -> OpenAI:
    return OpenAI(base_url=server.base_url, api_key="none", max_retries=0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_runs_and_what_waits_is_answered_to_its_end(
    serve_before: ServeBefore, triton: EmbeddedTriton, number: signal.Signals
) -> None:
    server = serve_before(triton.grpc_address, max_running="2")
    with client_of(server) as client, ThreadPoolExecutor() as threads:
        stream = streamed(client, **LONG)
        next(stream)
        written, waiting = (threads.submit(whole, client, **LONG) for _ in range(2))
        wait_until(lambda: metric(server, "forii_requests_waiting") == 1, 5, lambda: "nobody waits")
        server.process.send_signal(number)
        wait_until(lambda: server.ready_status() == 503, 1, lambda: "it calls itself ready")
        with pytest.raises(openai.InternalServerError) as refused:
            whole(client, max_tokens=1)
        assert (refused.value.status_code, refused.value.code) == (503, "model_unavailable")
        assert refused.value.response.headers["Retry-After"]
        assert [choice.finish_reason for chunk in stream for choice in chunk.choices][-1] == "length"
        assert text_of(written.result()) == text_of(waiting.result())
    assert server.wait_end() == 0
    server.wait_gone()


def metric(server: ForiiServer, name: str) -> float:
    lines = httpx2.get(f"{server.root}/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name + "{"))


def test_what_takes_too_long_ends_with_an_error(serve_before: ServeBefore, triton: EmbeddedTriton) -> None:
    server = serve_before(triton.grpc_address, max_running="2", drain_seconds="1")
    with client_of(server) as client, ThreadPoolExecutor() as threads:
        stream = streamed(client, **ENDLESS)
        next(stream)
        written, waiting = (threads.submit(whole, client, **ENDLESS) for _ in range(2))
        wait_until(lambda: metric(server, "forii_requests_waiting") == 1, 5, lambda: "nobody waits")
        server.terminate()
        started = time.monotonic()
        with pytest.raises(openai.APIError) as cut:
            list(stream)
        assert cut.value.code == "model_unavailable"
        for one in (written, waiting):
            error = one.exception()
            assert isinstance(error, openai.InternalServerError)
            assert (error.status_code, error.code) == (503, "model_unavailable")
    assert server.wait_end() == 0
    assert 1 <= time.monotonic() - started < 10
    server.wait_gone()


def test_an_idle_server_ends_at_once(serve_before: ServeBefore, triton: EmbeddedTriton) -> None:
    server = serve_before(triton.grpc_address)
    server.terminate()
    assert server.wait_end(5) == 0
    server.wait_gone()


def test_every_answer_that_is_begun_arrives_whole(serve_before: ServeBefore, triton: EmbeddedTriton) -> None:
    """Clients that send one request after another, each on a connection of its own, all through the end."""
    server = serve_before(triton.grpc_address)
    over = threading.Event()
    body = {"model": MODEL, "messages": user("Say hello."), "max_tokens": 3, "temperature": 0}
    url = f"{server.base_url}/chat/completions"

    def send_on() -> list[int]:
        statuses = []
        while not over.is_set():
            try:
                answer = httpx2.post(url, json=body, timeout=30)
                assert answer.json()["error" if answer.status_code == 503 else "choices"]
                statuses.append(answer.status_code)
            except httpx2.TransportError:  # not accepted: the server is gone, or going
                time.sleep(0.02)
        return statuses

    with ThreadPoolExecutor() as threads:
        clients = [threads.submit(send_on) for _ in range(4)]
        time.sleep(1)
        server.terminate()
        assert server.wait_end() == 0
        over.set()
        statuses = [status for client in clients for status in client.result()]
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) == server.output.count('"message":"answered"') > 4
    assert '"message":"not answered"' not in server.output


def test_the_text_goes_on_during_the_drain(serve_before: ServeBefore, triton: EmbeddedTriton) -> None:
    server = serve_before(triton.grpc_address)
    with client_of(server) as client:
        alone = text_of(whole(client, **LONG))
        stream = streamed(client, **LONG)
        first = content_of(next(stream))
        server.terminate()
        assert first + "".join(map(content_of, stream)) == alone
    assert server.wait_end() == 0
