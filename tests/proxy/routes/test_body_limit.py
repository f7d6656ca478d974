from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator

import pytest

from tests.proxy import chat
from tests.proxy.scripts import says
from tests.proxy.served import Serve, ServeLive

LIMIT = 4096
JSON = {"content-type": "application/json"}


def sized(size: int) -> bytes:
    """A good request of exactly so many bytes."""
    body = json.dumps(chat.body()).encode()
    return body + b" " * (size - len(body))


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    """Sent so, a body has no Content-Length."""
    for start in range(0, len(data), 1000):
        yield data[start : start + 1000]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not(chunked: bool, serve: Serve) -> None:
    client, engine = serve(says("ok"), max_body_bytes=LIMIT)
    for size, status in ((LIMIT, 200), (LIMIT + 1, 413)):
        content = pieces(sized(size)) if chunked else sized(size)
        response = await client.post(chat.URL, content=content, headers=JSON)
        assert ("content-length" in response.request.headers) != chunked
        assert response.status_code == status
    error = chat.error(response)
    assert (error["code"], error["type"]) == ("request_too_large", "invalid_request_error")
    assert str(LIMIT) in str(error["message"])
    assert len(engine.asked) == 1


@pytest.mark.parametrize("length", ["-1", "x", "1e9", "٣٣٣٣٣"])
async def test_a_content_length_that_is_no_number_decides_nothing(length: str, serve: Serve) -> None:
    client, _ = serve(says("ok"), max_body_bytes=LIMIT)
    headers = {b"content-type": b"application/json", b"content-length": length.encode()}
    request = client.build_request("POST", chat.URL, content=sized(LIMIT + 1), headers=headers)
    assert (await client.send(request)).status_code == 413


def test_a_client_that_announces_too_much_is_answered_before_it_sends_it(serve_live: ServeLive) -> None:
    live = serve_live(says("ok"))
    with socket.create_connection(live.address, timeout=5) as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 20971520\r\n\r\n" + b"x" * 1000
        )
        head = client.recv(65536)
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"request_too_large" in head
    assert live.engine.asked == []


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""]
)
async def test_a_body_that_does_not_say_it_is_json_is_refused(media_type: str, serve: Serve) -> None:
    client, engine = serve()
    response = await client.post(chat.URL, content=sized(500), headers={"content-type": media_type})
    assert (response.status_code, chat.error(response)["code"]) == (415, "unsupported_media_type")
    assert engine.asked == []


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;"]
)
async def test_json_is_known_however_it_is_written(media_type: str, serve: Serve) -> None:
    client, _ = serve(says("ok"))
    response = await client.post(chat.URL, content=sized(500), headers={"content-type": media_type})
    assert response.status_code == 200


async def test_a_body_of_too_many_objects_is_refused(serve: Serve) -> None:
    client, engine = serve()
    messages = [{"role": "user", "content": "Hi"}] * 20_001
    response = await client.post(chat.URL, json={"model": "forii/bytes", "messages": messages})
    error = chat.error(response)
    assert (response.status_code, error["code"]) == (413, "request_too_large")
    assert "20000 JSON objects; send fewer messages" in str(error["message"])
    assert engine.asked == []
