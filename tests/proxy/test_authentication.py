"""Keys at the door, and what becomes of requests when theirs is revoked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from urllib.parse import quote

import httpx2
import pytest
from starlette.types import Message, Receive, Scope, Send

from proxy.accounts.caller import ANYBODY, Caller
from proxy.accounts.plan import UNLIMITED
from proxy.authentication import Authentication, caller_of, client_of
from proxy.logs import JsonFormatter
from tests.proxy import chat
from tests.proxy.scripts import never_ends, says
from tests.proxy.served import Serve, ServeLive, soon

ADMIN = "an-admin-token-of-the-operators"
SECRET = "forii_sk_" + "a" * 43


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """The lines of the log, as they are printed."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonFormatter().format(record))

    root, handler = logging.getLogger(), Lines()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize(
    "query",
    [
        "key",
        "api_key",
        "API-Key",
        "apikey",
        "X-Api-Key",
        "access_token",
        "token",
        "x",
        "Authorization",
        "admin_token",
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", chat.URL, "/v1/accounts/local", "/nowhere"])
async def test_a_key_in_the_address_is_refused_and_not_logged(
    query: str, path: str, serve: Serve, logged: list[str]
) -> None:
    client, _ = serve(says("ok"), api_key="operators", admin_token=ADMIN)
    response = await client.post(f"{path}?{query}={SECRET}", json=chat.body(), headers=bearer("operators"))
    error = chat.error(response)
    assert (response.status_code, error["code"]) == (401, "invalid_api_key")
    assert "never in the address" in str(error["message"])
    assert SECRET not in response.text
    assert any('"path"' in line for line in logged)
    assert not [line for line in logged if SECRET in line]


@pytest.mark.parametrize("name", ["api_key", "x-api-key", "admin_token", "bearer"])
async def test_a_key_of_any_form_is_refused_in_the_address(name: str, serve: Serve) -> None:
    client, _ = serve(says("ok"), api_key="operators", admin_token=ADMIN)
    response = await client.get(f"/v1/models?{name}={ADMIN}", headers=bearer("operators"))
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("name", "value", "lets_in"),
    [
        ("x-forwarded-for", "203.0.113.7", False),
        ("x-forwarded-for", "127.0.0.1, 2001:db8::7", False),
        ("x-forwarded-for", "unknown", False),
        ("x-forwarded-for", "127.0.0.1, ::1", True),
        ("x-real-ip", "10.0.0.7", False),
        ("forwarded", 'for=127.0.0.1;proto=http, For="[2001:db8::7]:4711"', False),
        ("forwarded", 'for=127.0.0.1;by=10.0.0.1, for="[::1]"', True),
    ],
)
async def test_an_open_server_answers_nobody_from_elsewhere_behind_a_proxy(
    name: str, value: str, lets_in: bool, serve: Serve
) -> None:
    client, _ = serve(says("ok"))
    response = await client.post(chat.URL, json=chat.body(), headers={name: value})
    assert response.status_code == (200 if lets_in else 401)
    if not lets_in:
        assert "forii keys create" in str(chat.error(response)["message"])
    keyed, _ = serve(says("ok"), api_key="operators")
    response = await keyed.post(chat.URL, json=chat.body(), headers={name: value, **bearer("operators")})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        {"url": f"/v1/models/{SECRET}"},
        {"url": f"/v1/accounts/local/apiKeys/{quote(SECRET)}"},
        {"url": f"/{SECRET}/x"},
        {"url": "/v1/models", "headers": {"x-request-id": SECRET}},
    ],
)
async def test_a_key_is_not_logged_wherever_it_is_sent(
    sent: dict[str, object], serve: Serve, logged: list[str]
) -> None:
    client, _ = serve(says("ok"))
    await client.get(**sent)  # type: ignore[arg-type]
    assert logged
    assert not [line for line in logged if SECRET in line]


async def test_other_words_in_an_address_are_nobodys_business(serve: Serve) -> None:
    client, _ = serve(says("ok"), api_key="operators")
    response = await client.get("/v1/models?page=2&keys=&%ff", headers=bearer("operators"))
    assert response.status_code == 200


async def test_callers_are_told_apart_by_their_keys_ids(serve: Serve) -> None:
    seen: list[Caller] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(caller_of(scope))

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    async def send(_: Message) -> None:
        raise AssertionError("nothing is sent")

    client, _ = serve(api_key="operators")
    transport = client._transport
    assert isinstance(transport, httpx2.ASGITransport)
    authorizer = transport.app.state.services.accounts.authorizer  # type: ignore[attr-defined]
    scope = {"type": "http", "path": "/v1/models", "headers": [(b"authorization", b"Bearer operators")]}
    await Authentication(app, authorizer, None)(scope, receive, send)
    assert seen == [Caller("local", "operator", UNLIMITED)]
    assert client_of(scope) == "operator"
    assert caller_of({}) == ANYBODY


async def test_a_stream_whose_key_is_revoked_ends_with_a_401_event(serve_live: ServeLive) -> None:
    live = serve_live(never_ends(), admin_token=ADMIN)
    async with httpx2.AsyncClient(base_url=live.url, timeout=30) as client:
        ids, secrets = [], []
        for _ in range(2):
            made = await client.post("/v1/accounts/local/apiKeys", json={"name": "x"}, headers=bearer(ADMIN))
            ids.append(made.json()["id"])
            secrets.append(made.json()["key"])
        body = chat.body(stream=True, max_tokens=5000)
        async with (
            client.stream("POST", chat.URL, json=body, headers=bearer(secrets[0])) as cut,
            client.stream("POST", chat.URL, json=body, headers=bearer(secrets[1])) as other,
        ):
            cuts, others = cut.aiter_text(), other.aiter_text()
            begun = [await anext(cuts), await anext(others)]
            assert all(text.startswith("data: ") for text in begun)
            await client.delete(f"/v1/accounts/local/apiKeys/{ids[0]}", headers=bearer(ADMIN))
            rest = "".join([text async for text in cuts])
            assert '"code":"invalid_api_key"' in rest
            assert "revoked" in rest
            assert rest.endswith("data: [DONE]\n\n")
            assert "invalid_api_key" not in await anext(others)
        refused = await client.get("/v1/models", headers=bearer(secrets[0]))
        assert refused.status_code == 401


async def test_a_whole_answer_whose_key_is_revoked_elsewhere_is_a_401(
    serve_live: ServeLive, database: str
) -> None:
    """By another process on the same database."""
    from proxy.accounts.database import Database
    from proxy.accounts.database_url import database_url
    from proxy.accounts.key_repository import KeyRepository

    live = serve_live(never_ends(), database=database)
    opened = Database(database_url(database))
    key, secret = await KeyRepository(opened).create("local", "laptop")
    async with httpx2.AsyncClient(base_url=live.url, timeout=30) as client:
        asked = asyncio.ensure_future(
            client.post(chat.URL, json=chat.body(max_tokens=5000), headers=bearer(secret))
        )
        await soon(lambda: live.engine.running == 1)
        await KeyRepository(opened).revoke(key.id)
        response = await asked
    await opened.close()
    assert (response.status_code, chat.error(response)["code"]) == (401, "invalid_api_key")
