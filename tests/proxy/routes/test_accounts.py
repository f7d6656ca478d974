"""The account routes over HTTP, on each kind of database."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import httpx2
import pytest

from proxy.accounts.database import Database
from proxy.accounts.database_url import database_url
from proxy.accounts.usage_repository import UsageRepository
from tests.proxy import chat
from tests.proxy.accounts.records import record
from tests.proxy.scripts import says
from tests.proxy.served import Serve

ADMIN = "an-admin-token-of-the-operators"
PLANS = {"free": {"credits_inr": "10.5"}}
HTML = "<script>alert(1)</script>'); DROP TABLE accounts; --"

Client = Callable[[str], httpx2.AsyncClient]


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
def client(serve: Serve, database: str) -> httpx2.AsyncClient:
    client, _ = serve(says("ok"), database=database, admin_token=ADMIN, plans=PLANS)
    client.headers.update(bearer(ADMIN))
    return client


async def make_account(client: httpx2.AsyncClient, account: str, **fields: object) -> None:
    response = await client.post("/v1/accounts", json={"id": account, "name": account, **fields})
    assert response.status_code == 200, response.text


async def make_key(client: httpx2.AsyncClient, account: str) -> tuple[str, str]:
    response = await client.post(f"/v1/accounts/{account}/apiKeys", json={"name": "laptop"})
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    return response.json()["id"], response.json()["key"]


async def test_an_account_is_made_and_described(client: httpx2.AsyncClient) -> None:
    body = {"id": "alice", "name": " Alice ", "email": "alice@example.com", "plan": "free"}
    made = await client.post("/v1/accounts", json=body)
    assert made.json() == {
        "id": "alice",
        "name": "Alice",
        "email": "alice@example.com",
        "plan": "free",
        "created": made.json()["created"],
        "credits_inr": "10.5",
    }
    assert (await client.get("/v1/accounts/alice")).json() == made.json()
    assert (await client.get("/v1/accounts/alice/balance")).json() == {"credits_inr": "10.5", "plan": "free"}
    named = await client.post("/v1/accounts", json={"name": "Bob"})
    assert re.fullmatch(r"acct_[0-9a-f]{16}", named.json()["id"])
    assert (named.json()["plan"], named.json()["credits_inr"]) == ("default", None)


async def test_the_balance_is_what_the_usage_left(client: httpx2.AsyncClient, database: str) -> None:
    await make_account(client, "alice", plan="free")
    opened = Database(database_url(database))
    await UsageRepository(opened).insert([record(cost=Decimal("0.000000000001")), record(cost=Decimal("11"))])
    await opened.close()
    balance = await client.get("/v1/accounts/alice/balance")
    assert balance.json()["credits_inr"] == "-0.500000000001"


async def test_a_key_is_shown_once_works_and_is_revoked_at_once(client: httpx2.AsyncClient) -> None:
    await make_account(client, "alice")
    key_id, secret = await make_key(client, "alice")
    assert (await client.post(chat.URL, json=chat.body(), headers=bearer(secret))).status_code == 200
    listed = (await client.get("/v1/accounts/alice/apiKeys")).json()
    assert listed == {
        "object": "list",
        "data": [
            {
                "id": key_id,
                "name": "laptop",
                "key": f"forii_sk_...{secret[-4:]}",
                "created": listed["data"][0]["created"],
                "last_used": None,
                "status": "active",
            }
        ],
        "has_more": False,
    }
    deleted = await client.delete(f"/v1/accounts/alice/apiKeys/{key_id}")
    assert deleted.json() == {**listed["data"][0], "status": "revoked"}
    refused = await client.post(chat.URL, json=chat.body(), headers=bearer(secret))
    assert (refused.status_code, chat.error(refused)["code"]) == (401, "invalid_api_key")
    assert (await client.delete(f"/v1/accounts/alice/apiKeys/{key_id}")).status_code == 200


async def test_a_key_can_revoke_itself(client: httpx2.AsyncClient) -> None:
    key_id, secret = await make_key(client, "local")
    deleted = await client.delete(f"/v1/accounts/local/apiKeys/{key_id}", headers=bearer(secret))
    assert (deleted.status_code, deleted.json()["status"]) == (200, "revoked")
    assert (await client.get("/v1/accounts/local", headers=bearer(secret))).status_code == 401


async def test_an_account_sees_itself_and_no_other(client: httpx2.AsyncClient) -> None:
    await make_account(client, "alice")
    await make_account(client, "bob")
    _, alices = await make_key(client, "alice")
    bobs_id, _ = await make_key(client, "bob")
    routes = [
        ("GET", ""), ("GET", "/apiKeys"), ("POST", "/apiKeys"), ("GET", "/balance"), ("GET", "/usage"),
        ("DELETE", f"/apiKeys/{bobs_id}"),
    ]  # fmt: skip
    for method, path in routes:
        for other in ("bob", "nobody"):
            url = f"/v1/accounts/{other}{path}"
            response = await client.request(method, url, json={"name": "x"}, headers=bearer(alices))
            assert (response.status_code, chat.error(response)["code"]) == (404, "not_found"), (method, url)
            assert chat.error(response)["message"] == f"There is no account {other!r} that this key may see."
        if method == "GET":
            own = await client.request(method, f"/v1/accounts/alice{path}", headers=bearer(alices))
            assert own.status_code == 200
    assert (
        await client.delete(f"/v1/accounts/alice/apiKeys/{bobs_id}", headers=bearer(alices))
    ).status_code == 404
    assert (await client.get("/v1/accounts/bob/apiKeys")).json()["data"][0]["status"] == "active"
    made = await client.post("/v1/accounts", json={"name": "x"}, headers=bearer(alices))
    assert made.status_code == 401


@pytest.mark.parametrize("key", ["", "wrong", ADMIN[:-1], f"{ADMIN}x", "forii_sk_" + "a" * 43])
async def test_without_a_key_or_the_token_nothing_is_told(key: str, client: httpx2.AsyncClient) -> None:
    await make_account(client, "alice")
    await make_key(client, "alice")
    for path in ("", "/apiKeys", "/balance", "/usage"):
        response = await client.get(f"/v1/accounts/alice{path}", headers=bearer(key))
        assert (response.status_code, chat.error(response)["code"]) == (401, "invalid_api_key")


async def test_the_admin_token_opens_nothing_else(client: httpx2.AsyncClient) -> None:
    await make_key(client, "local")
    for method, path in [("POST", chat.URL), ("GET", "/v1/models"), ("GET", "/v1/accountsx")]:
        assert (await client.request(method, path, json=chat.body())).status_code == 401


async def test_the_routes_are_below_one_prefix_alone(client: httpx2.AsyncClient) -> None:
    _, secret = await make_key(client, "local")
    response = await client.get("/inference/v1/accounts/local", headers=bearer(secret))
    assert response.status_code == 404


async def test_an_open_server_lets_anybody_read_and_nobody_change_keys(serve: Serve, database: str) -> None:
    client, _ = serve(says("ok"), database=database)
    for path in ("", "/apiKeys", "/balance", "/usage"):
        assert (await client.get(f"/v1/accounts/local{path}")).status_code == 200
    assert (await client.get("/v1/accounts/alice")).status_code == 404
    for method, path in [("POST", "/apiKeys"), ("DELETE", "/apiKeys/key_0123456789abcdef")]:
        response = await client.request(method, f"/v1/accounts/local{path}", json={"name": "x"})
        assert (response.status_code, chat.error(response)["code"]) == (401, "invalid_api_key")
        assert "forii keys create" in str(chat.error(response)["message"])
    assert (await client.post("/v1/accounts", json={"name": "x"})).status_code == 401


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "name", "missing_required_parameter"),
        ({"name": ""}, "name", "invalid_value"),
        ({"name": "  "}, "name", "invalid_value"),
        ({"name": "a\0b"}, "name", "invalid_value"),
        ({"name": "a\x1b[2J"}, "name", "invalid_value"),
        ({"name": "x" * 101}, "name", "invalid_value"),
        ({"name": 5}, "name", "invalid_value"),
        ({"name": "x", "id": "../etc"}, "id", "invalid_value"),
        ({"name": "x", "id": "a b"}, "id", "invalid_value"),
        ({"name": "x", "id": "a\n"}, "id", "invalid_value"),
        ({"name": "x", "id": "é"}, "id", "invalid_value"),
        ({"name": "x", "id": ""}, "id", "invalid_value"),
        ({"name": "x", "id": "x" * 65}, "id", "invalid_value"),
        ({"name": "x", "id": "local"}, "id", "invalid_value"),
        ({"name": "x", "email": "nobody"}, "email", "invalid_value"),
        ({"name": "x", "email": "a@b\0"}, "email", "invalid_value"),
        ({"name": "x", "plan": "gold"}, "plan", "invalid_value"),
        ({"name": "x", "plan": "x" * 100}, "plan", "invalid_value"),
        ({"name": "x", "admin": True}, "admin", "invalid_value"),
    ],
)
async def test_a_wrong_account_is_a_400_that_names_the_field(
    body: dict[str, object], param: str, code: str, client: httpx2.AsyncClient
) -> None:
    response = await client.post("/v1/accounts", json=body)
    error = chat.error(response)
    assert (response.status_code, error["param"], error["code"]) == (400, param, code)


@pytest.mark.parametrize("name", [HTML, "🙂", "%s %(x)s {0}", '"', "\\", "a" * 100])
async def test_any_name_is_kept_as_it_is(name: str, client: httpx2.AsyncClient) -> None:
    await make_account(client, "alice")
    made = await client.post("/v1/accounts", json={"id": "odd", "name": name})
    key = await client.post("/v1/accounts/odd/apiKeys", json={"name": name})
    assert (made.json()["name"], key.json()["name"]) == (name, name)
    listed = await client.get("/v1/accounts/odd/apiKeys")
    assert listed.json()["data"][0]["name"] == name
    assert listed.headers["content-type"] == "application/json"
    assert (await client.get("/v1/accounts/alice")).status_code == 200


@pytest.mark.parametrize("account", ["%00", "a%20b", "..%2f", "%C3%A9", "'%20OR%201=1--", "x" * 65, "a%0a", "<b>"])
async def test_an_id_that_no_account_has_is_refused(account: str, client: httpx2.AsyncClient) -> None:
    for path in ("", "/apiKeys", "/balance", "/usage"):
        response = await client.get(f"/v1/accounts/{account}{path}")
        assert response.status_code in (400, 404), response.text
        if response.status_code == 400:
            assert chat.error(response)["param"] == "account_id"


@pytest.mark.parametrize(
    "key", ["%00", "key_", "key_0123456789abcdeg", "'%20OR%201=1--", "key_0123456789abcdef%00", "é"]
)
async def test_an_id_that_no_key_has_is_refused(key: str, client: httpx2.AsyncClient) -> None:
    response = await client.delete(f"/v1/accounts/local/apiKeys/{key}")
    assert (response.status_code, chat.error(response)["param"]) == (400, "key_id")
    response = await client.get(f"/v1/accounts/local/apiKeys?after={key}")
    assert (response.status_code, chat.error(response)["param"]) == (400, "after")


async def test_keys_are_listed_in_pages(client: httpx2.AsyncClient) -> None:
    made = [(await make_key(client, "local"))[0] for _ in range(3)]
    first = (await client.get("/v1/accounts/local/apiKeys?limit=2")).json()
    assert ([key["id"] for key in first["data"]], first["has_more"]) == (made[:2], True)
    rest = (await client.get(f"/v1/accounts/local/apiKeys?limit=2&after={made[1]}")).json()
    assert ([key["id"] for key in rest["data"]], rest["has_more"]) == (made[2:], False)
    for limit in ("0", "1001", "1000000", "x"):
        response = await client.get(f"/v1/accounts/local/apiKeys?limit={limit}")
        assert (response.status_code, chat.error(response)["param"]) == (400, "limit")


async def test_an_account_has_no_more_keys_than_it_may(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.routes.accounts._MOST_KEYS", 2)
    key_id, _ = await make_key(client, "local")
    await make_key(client, "local")
    assert (await client.post("/v1/accounts/local/apiKeys", json={"name": "x"})).status_code == 400
    await client.delete(f"/v1/accounts/local/apiKeys/{key_id}")
    await make_key(client, "local")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b'{"name": "\\ud800"}', b"\xff"])
async def test_a_body_that_is_no_object_is_a_400(body: bytes, client: httpx2.AsyncClient) -> None:
    response = await client.post(
        "/v1/accounts/local/apiKeys", content=body, headers={"content-type": "application/json"}
    )
    assert (response.status_code, chat.error(response)["code"]) == (400, "invalid_json")
    huge = await client.post("/v1/accounts/local/apiKeys", json={"name": "x" * 20_000})
    assert huge.status_code == 413
    plain = await client.post("/v1/accounts/local/apiKeys", content=b"name=x")
    assert plain.status_code == 415


async def test_a_database_that_is_away_is_a_503(serve: Serve, unused_tcp_port: int) -> None:
    url = f"postgresql://forii:hunter2@127.0.0.1:{unused_tcp_port}/forii"
    client, _ = serve(says("ok"), database=url, admin_token=ADMIN, api_key="operators")
    response = await client.get("/v1/accounts/local", headers=bearer(ADMIN))
    assert (response.status_code, chat.error(response)["code"]) == (503, "accounts_unavailable")
    assert response.headers["retry-after"]
    assert "hunter2" not in response.text
    assert str(unused_tcp_port) not in response.text
    unknown = await client.get("/v1/models", headers=bearer("forii_sk_" + "a" * 43))
    assert (unknown.status_code, unknown.headers["retry-after"]) == (503, "2")
    operators = await client.post(chat.URL, json=chat.body(), headers=bearer("operators"))
    assert operators.status_code == 200
