"""``response_format`` over a scripted engine, which obeys no grammar: what is asked of it, and what becomes of
answers that break their schema."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterable, Mapping

import httpx2
import pytest

from proxy.engines.scripted import Script
from proxy.errors import GuideRefused
from proxy.generation import Generation, Tokens
from tests.proxy import chat
from tests.proxy.scripts import LOG_PROB, says, tokens
from tests.proxy.served import Serve, Served, ServeLive, eventually, soon

# What the grammar of this one says is all there is to it.
PERSON = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
GOOD_PERSON = '{"age": 7}'
# No grammar says that items differ: answers are checked, and shown once they have passed.
SET = {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}
GOOD, BAD = "[1, 2]", "[1, 1]"


def schema_of(schema: Mapping[str, object]) -> dict[str, object]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}}


def by_seed(texts: Mapping[int, str], otherwise: str) -> Script:
    """What a generation says hangs on its seed."""

    def script(generation: Generation) -> Iterable[Tokens]:
        for byte in texts.get(generation.seed, otherwise).encode():
            yield tokens(bytes([byte]), generation)
        yield Tokens((), (), "stop")

    return script


def then(first: Iterable[Tokens | float | Exception], rest: Iterable[Tokens | float | Exception]) -> Script:
    """The first generation plays one thing, all later ones another."""
    turns: list[Generation] = []

    def script(generation: Generation) -> Iterable[Tokens | float | Exception]:
        turns.append(generation)
        return first if len(turns) == 1 else rest

    return script


def spoken(text: str) -> list[Tokens | float | Exception]:
    return [Tokens(text.encode()), Tokens((), (), "stop")]


async def counted(served: Served, name: str) -> float:
    """A counter of the byte model; 0 where it has not begun."""
    page = (await served.client.get("/metrics")).text
    lines = [line for line in page.splitlines() if line.startswith(name + "{")]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


async def test_the_grammar_goes_with_every_sample_and_stop_strings_do_not(serve: Serve) -> None:
    client, engine = serve(says(GOOD_PERSON))
    fields = {"n": 2, "stop": ["zz"], "logprobs": True, "top_logprobs": 2, **schema_of(PERSON)}
    answer = (await client.post(chat.URL, json=chat.body(**fields))).json()
    assert len(engine.asked) == 2
    for generation in engine.asked:
        assert generation.guide is not None
        assert generation.guide.kind == "ebnf_grammar"
        assert "age" in generation.guide.text
        assert (generation.stop_words, generation.log_probs, generation.top_log_probs) == ((), True, 2)
    assert [choice["message"]["content"] for choice in answer["choices"]] == [GOOD_PERSON] * 2
    assert [choice["finish_reason"] for choice in answer["choices"]] == ["stop"] * 2


async def test_the_format_text_binds_nothing(serve: Serve) -> None:
    client, engine = serve(says("Hello"))
    answer = await client.post(chat.URL, json=chat.body(response_format={"type": "text"}))
    assert answer.json()["choices"][0]["message"]["content"] == "Hello"
    assert engine.asked[0].guide is None


@pytest.mark.parametrize("text", ['{"any": [1, null]}', "{}", '{"twice": 1, "twice": 2}'])
async def test_any_object_will_do_where_one_is_asked_for(text: str, serve: Serve) -> None:
    client, _ = serve(says(text))
    answer = await client.post(chat.URL, json=chat.body(response_format={"type": "json_object"}))
    assert answer.json()["choices"][0]["message"]["content"] == text


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_an_answer_that_breaks_its_schema_is_generated_again_and_never_seen(
    stream: bool, serve: Serve
) -> None:
    served = serve(by_seed({5: BAD}, GOOD))
    response = await served.client.post(chat.URL, json=chat.body(stream=stream, seed=5, **schema_of(SET)))
    assert response.status_code == 200
    if stream:
        chunks = chat.events(response.text)
        assert chat.contents(chunks) == {0: GOOD}
        usage = chunks[-1]["usage"]
    else:
        assert response.json()["choices"][0]["message"]["content"] == GOOD
        usage = response.json()["usage"]
    assert isinstance(usage, dict)
    assert usage["completion_tokens"] == len(GOOD)
    assert await counted(served, "forii_retried_tokens_total") == len(BAD)
    assert await counted(served, "forii_completion_tokens_total") == len(GOOD) + len(BAD)
    first, second = served.engine.asked
    assert (first.seed, first.request_id) != (second.seed, second.request_id)
    assert first.guide == second.guide


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_limit_ends_it_with_the_first_violation(stream: bool, serve: Serve) -> None:
    served = serve(by_seed({5: BAD}, "[3, 3]"), max_retries=2)
    response = await served.client.post(chat.URL, json=chat.body(stream=stream, seed=5, **schema_of(SET)))
    error = chat.error(response)
    assert (response.status_code, error["code"], error["type"]) == (
        502,
        "structured_output_failed",
        "server_error",
    )
    assert "[1,1]" in str(error["message"]).replace(" ", "")
    assert len(served.engine.asked) == 3
    assert len({generation.seed for generation in served.engine.asked}) == 3
    assert await counted(served, "forii_retried_tokens_total") == 3 * len(BAD)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_each_sample_is_judged_for_itself(stream: bool, serve: Serve) -> None:
    served = serve(by_seed({10: "[10]", 11: BAD, 12: "[12]"}, GOOD))
    body = chat.body(stream=stream, seed=10, n=3, **schema_of(SET))
    response = await served.client.post(chat.URL, json=body)
    found = (
        chat.contents(chat.events(response.text))
        if stream
        else {choice["index"]: choice["message"]["content"] for choice in response.json()["choices"]}
    )
    assert found == {0: "[10]", 1: GOOD, 2: "[12]"}
    assert len(served.engine.asked) == 4


async def test_the_same_seed_leads_to_the_same_retries_of_which_none_is_another_samples(serve: Serve) -> None:
    client, engine = serve(says(BAD), max_retries=8, max_n=8)
    for _ in range(2):
        await client.post(chat.URL, json=chat.body(seed=3, n=8, **schema_of(SET)))
    half = len(engine.asked) // 2
    seeds = [
        sorted(generation.seed for generation in asked) for asked in (engine.asked[:half], engine.asked[half:])
    ]
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == half


@pytest.mark.parametrize("greedy", [{"temperature": 0}, {"top_k": 1}, {"top_p": 0.01}])
async def test_what_is_greedy_is_let_loose_by_and_by(greedy: dict[str, object], serve: Serve) -> None:
    client, engine = serve(says(BAD), max_retries=5)
    await client.post(chat.URL, json=chat.body(**greedy, **schema_of(SET)))
    first, *retries = (generation.sampling for generation in engine.asked)
    assert {name: getattr(first, name) for name in greedy} == greedy
    temperatures = [sampling.temperature for sampling in retries]
    assert temperatures == sorted(temperatures)
    assert temperatures[0] > 0
    assert temperatures[-1] == 1
    assert all(sampling.top_k != 1 and sampling.top_p >= 0.9 for sampling in retries)


@pytest.mark.parametrize(("schema", "text"), [(PERSON, GOOD_PERSON), (SET, "[12, 34]")], ids=["shown", "buffered"])
@pytest.mark.parametrize("stop", ["}", "3", "zz", '"'])
async def test_a_stop_string_that_leaves_it_incomplete_is_a_cut(
    schema: dict[str, object], text: str, stop: str, serve: Serve
) -> None:
    client, engine = serve(says(text))
    response = await client.post(chat.URL, json=chat.body(stop=stop, **schema_of(schema)))
    (choice,) = response.json()["choices"]
    kept, met, _ = text.partition(stop)
    assert choice["message"]["content"] == kept
    assert choice["finish_reason"] == ("length" if met else "stop")
    assert len(engine.asked) == 1


async def test_a_stop_string_after_a_whole_value_is_a_stop(serve: Serve) -> None:
    client, _ = serve(says("1234"))
    for least, reason in ((1, "stop"), (1000, "length")):
        fields = chat.body(stop="3", **schema_of({"type": "integer", "minimum": least}))
        (choice,) = (await client.post(chat.URL, json=fields)).json()["choices"]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("12", reason)


@pytest.mark.parametrize("schema", [PERSON, SET], ids=["shown", "buffered"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_an_answer_that_is_cut_is_given_as_it_is(
    stream: bool, schema: dict[str, object], serve: Serve
) -> None:
    client, engine = serve(says('{"ag', finish="length"))
    response = await client.post(chat.URL, json=chat.body(stream=stream, **schema_of(schema)))
    assert '"finish_reason":"length"' in response.text
    assert len(engine.asked) == 1


@pytest.mark.parametrize(("schema", "text"), [(PERSON, GOOD_PERSON), (SET, GOOD)], ids=["shown", "buffered"])
async def test_how_the_engine_cuts_it_into_pieces_changes_nothing(
    schema: dict[str, object], text: str, serve: Serve
) -> None:
    cuts = iter(range(2 * len(text) + 2))

    def script(generation: Generation) -> Iterable[Tokens]:
        at = next(cuts) // 2
        yield tokens(text[:at].encode(), generation)
        yield tokens(text[at:].encode(), generation, "stop")

    client, engine = serve(script)
    for _ in range(len(text) + 1):
        whole = (await client.post(chat.URL, json=chat.body(logprobs=True, **schema_of(schema)))).json()
        streamed = await client.post(chat.URL, json=chat.body(logprobs=True, stream=True, **schema_of(schema)))
        assert whole["choices"][0]["message"]["content"] == text
        assert [entry["token"] for entry in whole["choices"][0]["logprobs"]["content"]] == list(text)
        assert chat.contents(chat.events(streamed.text)) == {0: text}
    assert len(engine.asked) == 2 * len(text) + 2


@pytest.mark.parametrize(
    ("schema", "text", "flows"), [(PERSON, GOOD_PERSON, True), (SET, GOOD, False)], ids=["shown", "buffered"]
)
def test_only_what_has_to_be_checked_waits_for_its_end(
    schema: dict[str, object], text: str, flows: bool, serve_live: ServeLive
) -> None:
    live = serve_live(says(text, pause=0.05))
    body = chat.body(stream=True, **schema_of(schema))
    with httpx2.stream("POST", live.url + chat.URL, json=body) as response:
        parts = response.iter_text()
        seen = next(parts)
        assert live.engine.running == flows
        assert chat.contents(chat.events(seen + "".join(parts))) == {0: text}


async def test_a_buffered_stream_is_kept_alive_while_it_is_generated_again(serve: Serve) -> None:
    slow = [*spoken(BAD)[:1], 0.4, *spoken(BAD)[1:]]
    client, _ = serve(then(slow, spoken(GOOD)), first_answer_seconds=0.1, keep_alive_seconds=0.1)
    text = (await client.post(chat.URL, json=chat.body(stream=True, **schema_of(SET)))).text
    assert text.startswith(": keep-alive\n\n")
    assert chat.contents(chat.events(text)) == {0: GOOD}


async def test_a_limit_reached_after_the_status_line_is_an_event(serve: Serve) -> None:
    client, _ = serve(lambda _: [0.2, *spoken(BAD)], first_answer_seconds=0.05, max_retries=0)
    response = await client.post(chat.URL, json=chat.body(stream=True, **schema_of(SET)))
    (event,) = chat.events(response.text)
    error = event["error"]
    assert isinstance(error, dict)
    assert (response.status_code, error["code"]) == (200, "structured_output_failed")


async def test_what_was_shown_cannot_be_taken_back(serve: Serve) -> None:
    """An engine that does not obey the grammar."""
    client, engine = serve(says('{"age": "old"}'))
    streamed = await client.post(chat.URL, json=chat.body(stream=True, **schema_of(PERSON)))
    *_, last = chat.events(streamed.text)
    assert "structured_output_failed" in str(last["error"])
    assert '"finish_reason":"stop"' not in streamed.text
    whole = await client.post(chat.URL, json=chat.body(**schema_of(PERSON)))
    assert (whole.status_code, chat.error(whole)["code"]) == (502, "structured_output_failed")
    assert len(engine.asked) == 2


async def test_an_engine_that_says_nothing_is_asked_again(serve: Serve) -> None:
    client, engine = serve(then(spoken(""), spoken(GOOD_PERSON)))
    response = await client.post(chat.URL, json=chat.body(stream=True, **schema_of(PERSON)))
    assert chat.contents(chat.events(response.text)) == {0: GOOD_PERSON}
    assert len(engine.asked) == 2


async def test_log_probs_are_those_of_the_answer_that_passed(serve: Serve) -> None:
    client, _ = serve(by_seed({5: BAD}, GOOD))
    body = chat.body(seed=5, logprobs=True, **schema_of(SET))
    (choice,) = (await client.post(chat.URL, json=body)).json()["choices"]
    entries = choice["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == GOOD
    assert {entry["logprob"] for entry in entries} == {LOG_PROB}


async def test_an_answer_of_many_tokens_that_has_passed_leaves_turns_to_others(serve: Serve) -> None:
    long = json.dumps(list(range(1000)))
    client, _ = serve(lambda _: [*(Tokens(byte.encode()) for byte in long), Tokens((), (), "stop")])
    turns, ended = 0, asyncio.ensure_future(client.post(chat.URL, json=chat.body(stream=True, **schema_of(SET))))
    while not ended.done():
        await asyncio.sleep(0)
        turns += 1
    assert chat.contents(chat.events(ended.result().text)) == {0: long}
    assert turns >= len(long) / 64


async def test_a_bias_beside_a_schema_is_refused_where_the_engine_cannot_do_both(serve: Serve) -> None:
    client, engine = serve()
    response = await client.post(chat.URL, json=chat.body(logit_bias={"65": 1}, **schema_of(PERSON)))
    error = chat.error(response)
    assert (response.status_code, error["code"], error["param"]) == (400, "unsupported_parameter", "logit_bias")
    assert engine.asked == []


async def test_a_grammar_that_the_engine_refuses_is_told_and_counted_and_disturbs_nobody(serve: Serve) -> None:
    def script(generation: Generation) -> Iterable[Tokens | float | Exception]:
        if generation.guide is not None:
            return [0.02, GuideRefused("The engine cannot enforce this.")]
        return [0.05, *spoken("Hello")]

    served = serve(script)
    plain, bound = await asyncio.gather(
        served.client.post(chat.URL, json=chat.body()),
        served.client.post(chat.URL, json=chat.body(**schema_of(PERSON))),
    )
    assert (bound.status_code, chat.error(bound)["code"]) == (502, "engine_error")
    assert plain.json()["choices"][0]["message"]["content"] == "Hello"
    assert await counted(served, "forii_guides_refused_total") == 1


async def test_the_deadline_holds_over_all_attempts(serve: Serve) -> None:
    served = serve(lambda _: [0.5, *spoken(BAD)], request_timeout_seconds=3, max_retries=100)
    response = await served.client.post(chat.URL, json=chat.body(**schema_of(SET)))
    assert (response.status_code, chat.error(response)["code"]) == (504, "timeout")
    assert 1 < len(served.engine.asked) < 8
    assert served.engine.running == 0


async def test_a_retry_keeps_its_place_in_the_engine(serve: Serve) -> None:
    def script(generation: Generation) -> Iterable[Tokens | float | Exception]:
        return [0.02, *spoken(BAD)] if generation.guide else spoken("Hello")

    served = serve(script, max_running=1, max_retries=4)
    first = asyncio.ensure_future(served.client.post(chat.URL, json=chat.body(**schema_of(SET))))
    await soon(lambda: bool(served.engine.asked))
    plain = await served.client.post(chat.URL, json=chat.body())
    assert first.done()
    assert plain.status_code == 200
    assert [generation.guide is None for generation in served.engine.asked] == [False] * 5 + [True]
    await first


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_client_that_leaves_ends_the_retries(stream: bool, serve_live: ServeLive) -> None:
    live = serve_live(lambda _: [0.02, *spoken(BAD)], max_retries=10_000)
    body = json.dumps(chat.body(stream=stream, **schema_of(SET))).encode()
    with socket.create_connection(live.address, timeout=5) as client:
        head = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
        client.sendall(head.format(chat.URL, len(body)).encode() + body)
        assert eventually(lambda: len(live.engine.asked) > 3, 5)
    assert eventually(lambda: 'status="499"} 1.0' in httpx2.get(f"{live.url}/metrics").text, 2)
    asked = len(live.engine.asked)
    assert live.engine.running == 0
    assert eventually(lambda: len(live.engine.asked) > asked, 0.1) is False
