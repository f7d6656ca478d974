"""More than the engine takes, and longer than may be: what the official client raises, what the engine does."""

from __future__ import annotations

import asyncio

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion

from launcher.triton import EmbeddedTriton
from tests.sdk.chat import ENDLESS, streamed, text_of, user, whole
from tests.sdk.conftest import ServeBefore
from tests.sdk.engine_gauge import EngineGauge
from tests.sdk.forii_server import MODEL, ForiiServer
from tests.sdk.test_drain import metric

_FREE_WITHIN = 1.0


@pytest.fixture
def engine(triton: EmbeddedTriton) -> EngineGauge:
    return EngineGauge(triton.metrics_url)


def client_of(server: ForiiServer) -> OpenAI:
    return OpenAI(base_url=server.base_url, api_key="none", max_retries=0)


async def test_a_crowd_is_served_in_turn_and_the_rest_refused(
    serve_before: ServeBefore, triton: EmbeddedTriton
) -> None:
    server = serve_before(triton.grpc_address, max_running="2", max_waiting="4")
    async with AsyncOpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        asked = (
            client.chat.completions.create(model=MODEL, messages=user("Say hello."), max_tokens=30, temperature=0)
            for _ in range(12)
        )
        answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [one for one in answers if isinstance(one, openai.RateLimitError)]
    served = [one for one in answers if isinstance(one, ChatCompletion)]
    assert len(served) + len(refused) == len(answers), answers
    assert len(served) >= 2 + 4
    assert refused
    for error in refused:
        assert (error.status_code, error.code, error.type) == (429, "overloaded", "rate_limit_error")
        assert 1 <= int(error.response.headers["Retry-After"]) <= 60
    assert len({text_of(one) for one in served}) == 1
    assert metric(server, "forii_requests_rejected_total") == len(refused)
    assert metric(server, "forii_requests_waiting") == 0


async def test_the_official_client_comes_back_when_it_is_told_and_is_served(
    serve_before: ServeBefore, triton: EmbeddedTriton
) -> None:
    server = serve_before(triton.grpc_address, max_running="1", max_waiting="1")
    async with AsyncOpenAI(base_url=server.base_url, api_key="none", max_retries=20) as client:
        asked = (
            client.chat.completions.create(model=MODEL, messages=user("Say hello."), max_tokens=5)
            for _ in range(5)
        )
        assert len(await asyncio.gather(*asked)) == 5
    assert metric(server, "forii_requests_rejected_total") > 0


def test_a_request_that_takes_too_long(
    serve_before: ServeBefore, triton: EmbeddedTriton, engine: EngineGauge
) -> None:
    server = serve_before(triton.grpc_address, request_timeout_seconds="1.5")
    with client_of(server) as client:
        with pytest.raises(openai.InternalServerError) as late:
            whole(client, **ENDLESS)
        assert (late.value.status_code, late.value.code) == (504, "timeout")
        engine.wait_for(0, _FREE_WITHIN)
        stream = streamed(client, **ENDLESS)
        assert next(stream)
        with pytest.raises(openai.APIError) as cut:
            list(stream)
        assert cut.value.code == "timeout"
        engine.wait_for(0, _FREE_WITHIN)
