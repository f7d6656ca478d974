"""The official client through a real nginx, configured as docs/behind-a-proxy.md says."""

from __future__ import annotations

import itertools
import ssl
import time
from collections.abc import Iterator

import httpx2
import openai
import psutil
import pytest
from openai import OpenAI

from tests.certificate import make_certificate
from tests.program import need
from tests.sdk.chat import ENDLESS, content_of, streamed, text_of, whole
from tests.sdk.engine_gauge import EngineGauge
from tests.sdk.forii_server import ForiiServer
from tests.sdk.nginx_server import NginxServer

_FREE_WITHIN = 1.0


@pytest.fixture(scope="module")
def web(server: ForiiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A web client of the nginx before the server."""
    need("nginx", "openssl")
    folder = tmp_path_factory.mktemp("nginx")
    certificate = make_certificate(folder)
    nginx = NginxServer(folder / "run", server.root.removeprefix("http://"), certificate)
    trust = ssl.create_default_context(cafile=certificate.certificate)
    try:
        with httpx2.Client(base_url=f"https://{nginx.address}", verify=trust, timeout=60) as web:
            yield web
    finally:
        nginx.stop()


@pytest.fixture(scope="module")
def client(web: httpx2.Client) -> OpenAI:
    return OpenAI(
        base_url=f"{str(web.base_url).rstrip('/')}/inference/v1", api_key="none", max_retries=0, http_client=web
    )


def test_an_answer_is_the_same_as_without_it(client: OpenAI, server: ForiiServer) -> None:
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as direct:
        expected = text_of(whole(direct, temperature=0, max_tokens=20))
    assert text_of(whole(client, temperature=0, max_tokens=20)) == expected
    assert "".join(map(content_of, streamed(client, temperature=0, max_tokens=20))) == expected


def test_tokens_come_as_they_are_written(client: OpenAI) -> None:
    """Held back, they would come all at once, at the end."""
    came = [time.monotonic() for _ in streamed(client, **ENDLESS | {"max_tokens": 60})]
    assert len(came) > 30
    between = [later - sooner for sooner, later in itertools.pairwise(came)]
    assert max(between) < (came[-1] - came[0]) / 2


@pytest.mark.parametrize("samples", [1, 3])
def test_a_stream_that_is_closed_frees_the_engine(client: OpenAI, engine: EngineGauge, samples: int) -> None:
    stream = streamed(client, **ENDLESS, n=samples)
    next(iter(stream))
    engine.wait_for(samples, 5)
    stream.close()
    engine.wait_for(0, _FREE_WITHIN)


def test_a_whole_answer_that_is_given_up_frees_the_engine(client: OpenAI, engine: EngineGauge) -> None:
    with pytest.raises(openai.APITimeoutError):
        whole(client.with_options(timeout=1.5), **ENDLESS)
    engine.wait_for(0, _FREE_WITHIN)


def test_a_big_body_arrives(client: OpenAI) -> None:
    answer = whole(client, max_tokens=1, extra_body={"padding": "x" * 9_000_000})
    assert text_of(answer)


def test_a_body_past_the_limit_is_refused_in_the_apis_words(web: httpx2.Client) -> None:
    body = b'"' + b"x" * (10 * 2**20 + 1000) + b'"'
    answer = web.post("/inference/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


def test_errors_and_headers_pass(web: httpx2.Client, client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        whole(client, model="forii/none")
    assert caught.value.code == "model_not_found"
    assert caught.value.response.headers["x-request-id"]
    assert web.get("/health/ready").status_code == 200
    assert web.get("/metrics").status_code == 403


def test_connections_are_used_again(web: httpx2.Client, server: ForiiServer) -> None:
    """Both before and behind nginx: many requests come to few connections of the server's."""
    for _ in range(20):
        assert web.get("/health/live").status_code == 200
    port = int(server.root.rpartition(":")[2])
    found = psutil.Process(server.process.pid).net_connections("tcp")
    open_now = [one for one in found if one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED]
    assert 1 <= len(open_now) <= 8
