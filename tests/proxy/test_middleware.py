from __future__ import annotations

import pytest

from tests.proxy import chat
from tests.proxy.scripts import says
from tests.proxy.served import Serve

KEY = "forii_sk_test"
ROUTES = [
    ("POST", chat.URL),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/bytes"),
    ("GET", "/nowhere"),
    ("GET", "/nowhere"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "sent", [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {KEY}", KEY, f"Bearer {KEY}x"]
)
async def test_without_the_key_there_is_only_a_401(method: str, path: str, sent: str | None, serve: Serve) -> None:
    client, engine = serve(api_key=KEY)
    headers = {} if sent is None else {"authorization": sent}
    response = await client.request(method, path, json=chat.body(), headers=headers)
    error = chat.error(response)
    assert (response.status_code, error["type"], error["code"]) == (401, "authentication_error", "invalid_api_key")
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["x-request-id"]
    assert engine.asked == []


@pytest.mark.parametrize("sent", [f"Bearer {KEY}", f"bearer {KEY}", f"Bearer  {KEY} "])
async def test_with_the_key_it_answers(sent: str, serve: Serve) -> None:
    client, _ = serve(says("ok"), api_key=KEY)
    response = await client.post(chat.URL, json=chat.body(), headers={"authorization": sent})
    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json"])
async def test_health_and_metrics_need_no_key(path: str, serve: Serve) -> None:
    client, _ = serve(api_key=KEY)
    assert (await client.get(path)).status_code == 200


async def test_where_no_key_is_set_any_is_taken(serve: Serve) -> None:
    client, _ = serve(says("ok"))
    response = await client.post(chat.URL, json=chat.body(), headers={"authorization": "Bearer whatever"})
    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/v1/models", "/nowhere", "/health/live", "/metrics"])
async def test_every_answer_has_a_request_id(path: str, serve: Serve) -> None:
    client, _ = serve()
    ids = [(await client.get(path)).headers["x-request-id"] for _ in range(2)]
    assert len(set(ids)) == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("own", ["a", "7f9-_.:Z", "x" * 128])
async def test_a_sane_id_of_the_clients_comes_back(own: str, stream: bool, serve: Serve) -> None:
    client, _ = serve(says("ok"))
    response = await client.post(chat.URL, json=chat.body(stream=stream), headers={"x-request-id": own})
    assert response.headers.get_list("x-request-id") == [own]


@pytest.mark.parametrize("own", ["", "x" * 129, "a b", "-a", "a\tb", "a;b", "é"])
async def test_any_other_id_is_replaced(own: str, serve: Serve) -> None:
    client, _ = serve()
    response = await client.get("/health/live", headers={b"x-request-id": own.encode()})
    assert len(response.headers["x-request-id"]) == 32


async def test_a_fault_of_ours_is_a_500_in_the_apis_shape(serve: Serve) -> None:
    client, engine = serve(lambda _: [RuntimeError("a secret of the inside")])
    response = await client.post(chat.URL, json=chat.body())
    error = chat.error(response)
    assert (response.status_code, error["type"], error["code"]) == (500, "server_error", "internal_error")
    assert "secret" not in response.text
    assert response.headers["x-request-id"]
    assert engine.running == 0
