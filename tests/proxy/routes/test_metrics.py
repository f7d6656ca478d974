from __future__ import annotations

import asyncio
from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

from proxy.errors import EngineFailed
from proxy.generation import Generation, Tokens
from tests.proxy import chat
from tests.proxy.scripts import never_ends, says
from tests.proxy.served import Serve, Served


async def values(served: Served) -> dict[str, float]:
    """The samples of the page: ``name{status}`` where there is a status."""
    response = await served.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            labels = dict(sample.labels)
            if labels.pop("model", None) == "":
                assert sample.name.startswith(("forii_requests_waiting", "forii_requests_rejected"))
                continue  # the line of those that are not read yet
            status = labels.get("status")
            found[f"{sample.name}{{{status}}}" if status else sample.name] = sample.value
    return found


async def test_the_page_counts_requests_by_how_they_ended(serve: Serve) -> None:
    served = serve(says("abc"))
    await served.client.post(chat.URL, json=chat.body())
    await served.client.post(chat.URL, json=chat.body(stream=True, model="bytes"))
    await served.client.post(chat.URL, json=chat.body("x" * 1000, context_length_exceeded_behavior="error"))
    found = await values(served)
    assert found["forii_requests_total{200}"] == 2
    assert found["forii_requests_total{400}"] == 1
    assert found["forii_requests_running"] == 0
    assert "forii_requests_cancelled_total" not in found


async def test_it_counts_tokens_of_all_samples(serve: Serve) -> None:
    served = serve(says("abc"))
    usage = (await served.client.post(chat.URL, json=chat.body(n=2))).json()["usage"]
    found = await values(served)
    assert found["forii_prompt_tokens_total"] == 2 * usage["prompt_tokens"]
    assert found["forii_completion_tokens_total"] == 6


async def test_it_times_first_tokens_and_the_ones_between(serve: Serve) -> None:
    served = serve(says("abcd", pause=0.01))
    await served.client.post(chat.URL, json=chat.body(n=2))
    found = await values(served)
    assert found["forii_time_to_first_token_seconds_count"] == 2
    assert found["forii_time_to_first_token_seconds_sum"] >= 0.02
    assert found["forii_inter_token_latency_seconds_count"] == 6
    assert found["forii_inter_token_latency_seconds_sum"] >= 0.05


async def test_a_request_runs_until_it_is_answered(serve: Serve) -> None:
    begun = asyncio.Event()

    def script(generation: Generation) -> Iterator[Tokens | float | Exception]:
        begun.set()
        yield from never_ends()(generation)

    served = serve(script)
    task = asyncio.ensure_future(served.client.post(chat.URL, json=chat.body()))
    await begun.wait()
    assert (await values(served))["forii_requests_running"] == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (await values(served))["forii_requests_running"] == 0


async def test_a_failure_is_counted_by_its_status_even_after_a_200(serve: Serve) -> None:
    served = serve(lambda _: [Tokens(b"a"), EngineFailed("Send it again.")])
    await served.client.post(chat.URL, json=chat.body(stream=True))
    await served.client.post(chat.URL, json=chat.body())
    assert (await values(served))["forii_requests_total{502}"] == 2
