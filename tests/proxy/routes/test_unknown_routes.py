from __future__ import annotations

import pytest

from tests.proxy import chat
from tests.proxy.scripts import says
from tests.proxy.served import Serve


@pytest.mark.parametrize("prefix", ["/inference/v1", "/v1"])
async def test_the_api_is_below_both_prefixes(prefix: str, serve: Serve) -> None:
    client, _ = serve(says("ok"))
    response = await client.post(f"{prefix}/chat/completions", json=chat.body())
    assert response.json()["choices"][0]["message"]["content"] == "ok"
    assert (await client.get(f"{prefix}/models")).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/v1", "/v1/chat", "/v2/chat/completions", "/v1/completions/x", "//v1"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_an_unknown_path_is_a_404_that_shows_the_way(path: str, method: str, serve: Serve) -> None:
    client, engine = serve()
    response = await client.request(method, f"http://proxy{path}", json=chat.body())
    error = chat.error(response)
    assert (response.status_code, error["code"], error["type"]) == (404, "not_found", "invalid_request_error")
    assert "/inference/v1" in str(error["message"])
    assert engine.asked == []


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", chat.URL, "POST"),
        ("PUT", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/models", "GET"),
        ("POST", "/v1/models/forii/bytes", "GET"),
        ("POST", "/health/live", "GET"),
        ("PATCH", "/metrics", "GET"),
    ],
)
async def test_a_wrong_method_is_a_405_that_names_the_right_one(
    method: str, path: str, allowed: str, serve: Serve
) -> None:
    client, _ = serve()
    response = await client.request(method, path)
    error = chat.error(response)
    assert (response.status_code, error["code"]) == (405, "method_not_allowed")
    assert response.headers["allow"] == allowed
    assert allowed in str(error["message"])


async def test_a_long_path_is_not_repeated_at_length(serve: Serve) -> None:
    client, _ = serve()
    response = await client.get("/" + "x" * 5000)
    assert len(str(chat.error(response)["message"])) < 300
