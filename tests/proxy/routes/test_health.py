from __future__ import annotations

from tests.proxy import chat
from tests.proxy.served import Serve


async def test_a_proxy_with_its_engine_is_live_and_ready(serve: Serve) -> None:
    client, _ = serve()
    assert (await client.get("/health/live")).json() == {"status": "live"}
    assert (await client.get("/health/ready")).json() == {"status": "ready"}


async def test_a_proxy_without_its_engine_is_live_but_not_ready(serve: Serve) -> None:
    client, engine = serve()
    engine.is_ready = False
    assert (await client.get("/health/live")).status_code == 200
    response = await client.get("/health/ready")
    error = chat.error(response)
    assert (response.status_code, error["code"]) == (503, "model_unavailable")
    assert "forii/bytes" in str(error["message"])
    assert response.headers["retry-after"]
