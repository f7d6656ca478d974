"""A client that stops reading its stream and stays: at its deadline all that it held is let go of."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from pathlib import Path

import httpx2
import pytest

from proxy.app import create_app
from proxy.engines.scripted import ScriptedEngine
from proxy.services import Services
from proxy.settings import Settings
from tests.proxy import chat
from tests.proxy.scripts import never_ends
from tests.proxy.served import eventually, on_a_port

DEADLINE = 1.0


def test_it_holds_neither_its_place_nor_its_model(byte_build: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine = ScriptedEngine(never_ends(0.0))
    settings = Settings(models=(byte_build,), max_running=1, request_timeout_seconds=DEADLINE)
    app = create_app(settings, engine)
    services: Services = app.state.services
    body = json.dumps(chat.body(stream=True)).encode()
    head = f"POST {chat.URL} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with on_a_port(app) as address, socket.socket() as client, caplog.at_level(logging.INFO):
        # So small that the server's writes wait for it soon.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(address)
        client.sendall(f"{head}\r\n\r\n".encode() + body)
        assert eventually(lambda: engine.running == 1, 5)
        assert eventually(lambda: engine.running == 0, DEADLINE + 5)
        page = httpx2.get(f"http://{address[0]}:{address[1]}/metrics").text
        assert 'forii_requests_running{model="forii/bytes"} 0.0' in page
        assert 'forii_requests_total{model="forii/bytes",status="504"} 1.0' in page
        (model,) = services.catalog.models
        services.catalog.remove(model)
        asyncio.run(asyncio.wait_for(services.catalog.unused(model), 0.1))
        assert eventually(lambda: "does not read how its answer ends" in caplog.text, 5)
