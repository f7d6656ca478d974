"""``/openapi.json`` says what is so: the routes that there are, and what they take and give."""

from __future__ import annotations

import re

import pytest
from pydantic import TypeAdapter

from proxy.openai.bodies import ChatCompletion, ErrorBody
from proxy.openai.request import ChatRequest
from proxy.openai.text_request import TextRequest
from tests.proxy import chat
from tests.proxy.scripts import says
from tests.proxy.served import Serve

STATUSES = {"200", "400", "401", "402", "404", "413", "415", "429", "502", "503", "504"}


async def test_it_lists_the_routes_that_there_are(serve: Serve) -> None:
    client, _ = serve()
    paths = (await client.get("/openapi.json")).json()["paths"]
    inference = {
        "/chat/completions": {"post"},
        "/completions": {"post"},
        "/models": {"get"},
        "/models/{model_id}": {"get"},
    }
    expected = {
        f"{prefix}{path}": methods for prefix in ("/inference/v1", "/v1") for path, methods in inference.items()
    }
    expected |= {path: {"get"} for path in ("/health/live", "/health/ready", "/metrics")}
    account = "/v1/accounts/{account_id}"
    expected |= {"/v1/accounts": {"post"}, account: {"get"}}
    expected |= {f"{account}/apiKeys": {"get", "post"}, f"{account}/apiKeys/{{key_id}}": {"delete"}}
    expected |= {f"{account}/balance": {"get"}, f"{account}/usage": {"get"}}
    assert {path: set(methods) for path, methods in paths.items()} == expected


async def test_it_promises_no_status_that_never_comes(serve: Serve) -> None:
    client, _ = serve()
    paths = (await client.get("/openapi.json")).json()["paths"]
    for path in (chat.URL, "/inference/v1/completions"):
        assert set(paths[path]["post"]["responses"]) == STATUSES
    assert set(paths["/inference/v1/models/{model_id}"]["get"]["responses"]) == {"200", "404", "4XX"}
    assert set(paths["/health/ready"]["get"]["responses"]) == {"200", "503"}
    for path in (path for path in paths if path.startswith("/v1/accounts")):
        for route in paths[path].values():
            assert set(route["responses"]) == {"200", "400", "401", "404", "503", "4XX"}


async def test_every_reference_leads_somewhere(serve: Serve) -> None:
    client, _ = serve()
    response = await client.get("/openapi.json")
    schemas = response.json()["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', response.text))
    assert references <= set(schemas)
    assert {"ChatRequest", "ChatCompletion", "TextRequest", "TextCompletion", "ErrorBody"} <= references


async def test_the_request_has_every_field_and_its_range(serve: Serve) -> None:
    client, _ = serve()
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    request = schemas["ChatRequest"]
    assert set(request["properties"]) == set(ChatRequest.model_fields)
    assert request["required"] == ["model", "messages"]
    temperature = request["properties"]["temperature"]
    assert set(schemas["TextRequest"]["properties"]) == set(TextRequest.model_fields)
    assert (temperature["minimum"], temperature["maximum"], temperature["default"]) == (0, 2, 0.7)


@pytest.mark.parametrize("options", [{}, {"logprobs": True}, {"n": 2, "max_tokens": 1}])
async def test_real_answers_have_the_shape_it_describes(options: dict[str, object], serve: Serve) -> None:
    client, _ = serve(says("né"))
    answer = await client.post(chat.URL, json=chat.body(**options))
    completion = TypeAdapter(ChatCompletion).validate_json(answer.content, strict=True)
    assert completion == answer.json()


async def test_real_errors_have_the_shape_it_describes(serve: Serve) -> None:
    client, _ = serve()
    for response in (await client.post(chat.URL, json={}), await client.get("/nowhere")):
        assert ErrorBody.model_validate_json(response.content, strict=True).model_dump() == response.json()


async def test_the_docs_page_is_there(serve: Serve) -> None:
    client, _ = serve()
    response = await client.get("/docs")
    assert response.status_code == 200
    assert "/openapi.json" in response.text
