"""A client that goes away frees the engine at once, however it was being answered."""

from __future__ import annotations

import json
import socket
import time

import httpx2
import pytest

from proxy.engines.scripted import Script
from tests.proxy import chat
from tests.proxy.scripts import never_ends
from tests.proxy.served import ServeLive, eventually

SOON = 0.3  # seconds, from the contract


def silent() -> Script:
    return lambda _: [60.0]


@pytest.mark.parametrize("script", [never_ends(), silent()], ids=["while tokens come", "before the first token"])
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("n", [1, 3])
def test_a_client_that_goes_away_cancels_all_its_generations(
    script: Script, stream: bool, n: int, serve_live: ServeLive
) -> None:
    live = serve_live(script)
    body = json.dumps(chat.body(stream=stream, n=n)).encode()
    with socket.create_connection(live.address, timeout=5) as client:
        head = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
        client.sendall(head.format(chat.URL, len(body)).encode() + body)
        assert eventually(lambda: live.engine.running == n, 5)
        time.sleep(0.05)
    assert eventually(lambda: live.engine.running == 0, SOON)
    assert live.engine.cancelled == n
    metrics = httpx2.get(f"{live.url}/metrics").text
    assert 'forii_requests_cancelled_total{model="forii/bytes"} 1.0' in metrics
    assert 'forii_requests_total{model="forii/bytes",status="499"} 1.0' in metrics
    assert 'forii_requests_running{model="forii/bytes"} 0.0' in metrics


def test_one_that_goes_away_leaves_the_others_alone(serve_live: ServeLive) -> None:
    live = serve_live(never_ends(0.002))
    with httpx2.stream("POST", live.url + chat.URL, json=chat.body(stream=True)) as stays:
        received = stays.iter_text()
        next(received)
        with httpx2.stream("POST", live.url + chat.URL, json=chat.body(stream=True)) as goes:
            other = goes.iter_text()
            next(other)
            assert live.engine.running == 2
        assert eventually(lambda: live.engine.running == 1, SOON)
        assert all(next(received) for _ in range(20))


def test_a_client_that_leaves_while_it_sends_starts_nothing_and_is_no_fault_of_ours(
    serve_live: ServeLive, caplog: pytest.LogCaptureFixture
) -> None:
    live = serve_live(never_ends())
    with socket.create_connection(live.address, timeout=5) as client:
        client.sendall(
            f"POST {chat.URL} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Content-Length: 1000\r\n\r\n{{".encode()
        )
        time.sleep(0.05)
    assert httpx2.get(f"{live.url}/health/live").status_code == 200
    assert live.engine.asked == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
