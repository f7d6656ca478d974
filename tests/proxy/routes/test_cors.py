"""Scripts of other origins: what a browser is told, with and without the setting."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from proxy.settings import Settings
from tests.proxy import chat
from tests.proxy.scripts import says
from tests.proxy.served import Serve

PAGE = "https://app.example"
ASKS = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang",
}


async def test_without_the_setting_no_other_origin_is_let_in(serve: Serve) -> None:
    client, _ = serve(says("a"))
    answer = await client.post(chat.URL, json=chat.body(), headers={"Origin": PAGE})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert (await client.options(chat.URL, headers=ASKS)).status_code == 405


@pytest.mark.parametrize("origins", [[PAGE], ["https://other.example", PAGE], ["*"]])
async def test_a_browser_may_ask_without_a_key_whether_it_may_send_one(origins: list[str], serve: Serve) -> None:
    client, _ = serve(says("a"), cors_origins=origins, api_key="secret")
    allowed = await client.options(chat.URL, headers=ASKS)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] in (PAGE, "*")
    assert "POST" in allowed.headers["access-control-allow-methods"]
    headers = {name.strip() for name in allowed.headers["access-control-allow-headers"].lower().split(",")}
    assert {"authorization", "content-type", "x-stainless-lang"} <= headers


@pytest.mark.parametrize("stream", [False, True])
async def test_a_script_may_read_the_answer_its_headers_and_its_errors(stream: bool, serve: Serve) -> None:
    client, _ = serve(says("a"), cors_origins=[PAGE], api_key="secret")
    key = {"Origin": PAGE, "Authorization": "Bearer secret"}
    answers = [
        await client.post(chat.URL, json=chat.body(stream=stream), headers=key),
        await client.post(chat.URL, json=chat.body(n=0), headers=key),
        await client.post(chat.URL, json=chat.body(), headers={"Origin": PAGE}),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 401]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == PAGE
        exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}
        own = {name for name in answer.headers if name.startswith("x-forii-")}
        assert own | {"x-request-id", "retry-after"} <= exposed


async def test_a_fault_of_ours_can_be_read_too(serve: Serve) -> None:
    client, _ = serve(lambda _: [RuntimeError("oh")], cors_origins=[PAGE])
    answer = await client.post(chat.URL, json=chat.body(), headers={"Origin": PAGE})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (500, PAGE)


async def test_another_origin_stays_out(serve: Serve) -> None:
    client, _ = serve(says("a"), cors_origins=[PAGE])
    asks = ASKS | {"Origin": "https://evil.example"}
    assert (await client.options(chat.URL, headers=asks)).status_code == 400
    answer = await client.post(chat.URL, json=chat.body(), headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("origin", ["app.example", "https://app.example/", "https://app.example/path", ""])
def test_what_no_browser_sends_as_an_origin_is_told(origin: str) -> None:
    with pytest.raises(ValidationError, match="cors_origins"):
        Settings.model_validate({"cors_origins": [origin]})
