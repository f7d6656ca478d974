"""The limits of a plan as clients see them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import httpx2
import pytest

from tests.proxy import chat
from tests.proxy.scripts import never_ends, says
from tests.proxy.served import Serve, ServeLive, eventually, soon

TEXT_URL = "/inference/v1/completions"
HEADERS = ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset")


Limited = Callable[..., dict[str, object]]


def plans(**limits: object) -> dict[str, object]:
    return {"default": limits}


@pytest.fixture
def limited(limit_url: str | None) -> Limited:
    """``limited(requests_per_minute=60)``: settings with such a plan, whose limits are counted in each store."""
    return lambda **limits: {"plans": plans(**limits), "redis": limit_url}


def stay_in_one_minute() -> None:
    """What takes less than ten seconds from now on is of one minute."""
    if time.time() % 60 > 50:
        time.sleep(60 - time.time() % 60)


@pytest.fixture(autouse=True)
def _of_one_minute() -> None:
    stay_in_one_minute()


async def test_of_100_requests_at_once_60_pass(serve: Serve, limited: Limited) -> None:
    served = serve(says("a"), **limited(requests_per_minute=60), max_waiting=200)
    answers = await asyncio.gather(*(served.client.post(chat.URL, json=chat.body()) for _ in range(100)))
    assert Counter(answer.status_code for answer in answers) == {200: 60, 429: 40}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert chat.error(refused)["code"] == "rate_limit_exceeded"
    assert chat.error(refused)["type"] == "rate_limit_error"
    assert "60 requests per minute" in str(chat.error(refused)["message"])
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert {answer.headers[HEADERS[0]] for answer in answers} == {"60"}
    assert len(served.engine.asked) == 60


@pytest.mark.parametrize("stream", [False, True])
async def test_every_answer_says_how_the_account_stands(stream: bool, serve: Serve, limited: Limited) -> None:
    served = serve(says("a"), **limited(requests_per_minute=6))
    ok = await served.client.post(chat.URL, json=chat.body(stream=stream))
    invalid = await served.client.post(chat.URL, json=chat.body(stream=stream, temperature=9))
    unread = await served.client.post(chat.URL, content=b"x", headers={"content-type": "text/plain"})
    unknown = await served.client.post(chat.URL, json=chat.body(stream=stream) | {"model": "none"})
    text = await served.client.post(TEXT_URL, json={"model": "bytes", "prompt": "a", "stream": stream})
    answers = [ok, invalid, unread, unknown, text]
    assert [answer.status_code for answer in answers] == [200, 400, 415, 404, 200]
    assert [answer.headers[HEADERS[1]] for answer in answers] == ["5", "4", "3", "2", "1"]
    resets = {int(answer.headers[HEADERS[2]]) for answer in answers}
    assert all(reset % 60 == 0 and 0 <= reset - time.time() <= 60 for reset in resets)


async def test_without_a_limit_nothing_is_said_of_one(serve: Serve) -> None:
    answer = await serve(says("a")).client.post(chat.URL, json=chat.body())
    assert not set(HEADERS) & set(answer.headers)


async def test_prompt_tokens_are_limited_to_the_last_one(serve: Serve, limited: Limited) -> None:
    probe = serve(says("a"))
    size = (await probe.client.post(chat.URL, json=chat.body())).json()["usage"]["prompt_tokens"]
    large = await serve(says("a"), **limited(prompt_tokens_per_minute=size - 1)).client.post(
        chat.URL, json=chat.body()
    )
    assert large.status_code == 429
    assert "never" in str(chat.error(large)["message"])
    assert large.headers["x-should-retry"] == "false"
    served = serve(says("a"), **limited(prompt_tokens_per_minute=3 * size))
    answers = await asyncio.gather(*(served.client.post(chat.URL, json=chat.body()) for _ in range(7)))
    assert Counter(answer.status_code for answer in answers) == {200: 3, 429: 4}


async def test_completion_tokens_of_an_answer_bound_the_next_request(serve: Serve, limited: Limited) -> None:
    served = serve(says("abcdef"), **limited(completion_tokens_per_minute=10))
    statuses = [(await served.client.post(chat.URL, json=chat.body())).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_completion_tokens_of_an_answer_that_still_runs_count_within_a_second_or_two(
    serve_live: ServeLive, limited: Limited
) -> None:
    live = serve_live(never_ends(0.001), **limited(completion_tokens_per_minute=50))
    with httpx2.stream("POST", live.url + chat.URL, json=chat.body(stream=True)) as runs:
        received = runs.iter_text()
        next(received)
        # What is wrong with a request is told once it is let through.
        wrong = chat.body(temperature=9)
        assert httpx2.post(live.url + chat.URL, json=wrong).status_code == 400
        assert eventually(lambda: httpx2.post(live.url + chat.URL, json=wrong).status_code == 429, 5)


async def test_streams_are_limited_and_other_answers_are_not(serve: Serve, limited: Limited) -> None:
    served = serve(never_ends(), **limited(concurrent_streams=2))
    body = chat.body(stream=True)
    running = [asyncio.ensure_future(served.client.post(chat.URL, json=body)) for _ in range(2)]
    await soon(lambda: served.engine.running == 2)
    refused = await served.client.post(chat.URL, json=body)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert "2 concurrent streams" in str(chat.error(refused)["message"])
    whole = asyncio.ensure_future(served.client.post(chat.URL, json=chat.body()))
    await soon(lambda: served.engine.running == 3)
    running.pop().cancel()
    await soon(lambda: served.engine.running == 2)
    running.append(asyncio.ensure_future(served.client.post(chat.URL, json=body)))
    await soon(lambda: served.engine.running == 3)
    for task in (*running, whole):
        task.cancel()
    await asyncio.gather(*running, whole, return_exceptions=True)


def test_a_stream_whose_client_is_gone_is_none(serve_live: ServeLive, limited: Limited) -> None:
    live = serve_live(never_ends(), **limited(concurrent_streams=1))
    for _ in range(5):
        with httpx2.stream("POST", live.url + chat.URL, json=chat.body(stream=True)) as one:
            assert one.status_code == 200
            next(one.iter_text())
        assert eventually(lambda: live.engine.running == 0, 5)


async def test_a_refused_request_is_not_given_to_the_engine_nor_counted_twice(
    serve: Serve, limited: Limited
) -> None:
    served = serve(says("a"), **limited(requests_per_minute=1))
    for expected in (200, 429, 429):
        assert (await served.client.post(chat.URL, json=chat.body())).status_code == expected
    page = (await served.client.get("/metrics")).text
    assert 'forii_requests_limited_total{limit="requests_per_minute"} 2.0' in page
    assert len(served.engine.asked) == 1


def test_a_refused_client_can_go_on_with_its_connection(serve_live: ServeLive, limited: Limited) -> None:
    """Its body was not read."""
    live = serve_live(says("a"), **limited(requests_per_minute=1))
    with httpx2.Client(base_url=live.url) as client:
        statuses = [client.post(chat.URL, json=chat.body("x" * 400)).status_code for _ in range(3)]
        assert client.get("/health/live").status_code == 200
    assert statuses == [200, 429, 429]
