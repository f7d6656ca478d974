from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from proxy.openai.bodies import ModelBody, ModelList
from tests.proxy import chat
from tests.proxy.byte_model import CONTEXT
from tests.proxy.served import Serve


async def test_the_list_has_each_model_once_by_its_id(serve: Serve) -> None:
    client, _ = serve()
    response = await client.get("/inference/v1/models")
    (model,) = TypeAdapter(ModelList).validate_json(response.content, strict=True)["data"]
    created = model["created"]
    assert created > 1_700_000_000
    assert model == {
        "id": "forii/bytes",
        "object": "model",
        "created": created,
        "owned_by": "forii",
        "context_length": CONTEXT,
    }


@pytest.mark.parametrize("name", ["forii/bytes", "forii%2Fbytes", "bytes"])
async def test_a_model_is_shown_by_its_id_its_encoded_id_and_its_alias(name: str, serve: Serve) -> None:
    client, _ = serve()
    response = await client.get(f"/inference/v1/models/{name}")
    assert response.status_code == 200
    assert TypeAdapter(ModelBody).validate_json(response.content, strict=True)["id"] == "forii/bytes"
    assert response.headers["x-forii-model"] == "forii/bytes"


@pytest.mark.parametrize("name", ["gpt-5", "forii", "forii/bytes/x", "forii/bytes%00"])
async def test_a_model_that_is_not_served_is_not_found(name: str, serve: Serve) -> None:
    client, _ = serve()
    response = await client.get(f"/inference/v1/models/{name}")
    error = chat.error(response)
    assert (response.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "forii/bytes" in str(error["message"])
