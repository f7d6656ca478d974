"""What requests leave in the database: one row for each that reached an engine, equal to what came from it."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest

from build_engines.recipe import PriceSection, load_manifest
from proxy.accounts import recorder
from proxy.accounts.money import DIGITS
from proxy.engines.scripted import Script, ScriptedEngine
from proxy.errors import EngineFailed, ModelUnavailable
from proxy.generation import Generation, Tokens
from tests.proxy import chat
from tests.proxy.byte_model import CONTEXT, write_build
from tests.proxy.routes.test_limits import TEXT_URL, plans
from tests.proxy.routes.test_response_format import BAD, GOOD, SET, by_seed, schema_of
from tests.proxy.scripts import never_ends, says
from tests.proxy.served import Live, ServeLive, eventually, make_app, on_a_port

Row = dict[str, object]


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are written as for real, but sooner."""
    monkeypatch.setattr(recorder, "_GATHER_SECONDS", 0.02)


@pytest.fixture
def priced(tmp_path: Path) -> Path:
    """A build whose model costs 2 INR for 1,000 prompt tokens and 5 for 1,000 of an answer."""
    folder = write_build(tmp_path / "priced")
    manifest = load_manifest(folder)
    price = PriceSection(prompt=Decimal(2), completion=Decimal(5))
    recipe = manifest.recipe.model_copy(update={"price": price})
    (folder / "manifest.json").write_text(manifest.model_copy(update={"recipe": recipe}).model_dump_json())
    return folder


def rows(state: Path) -> list[Row]:
    path = state / "forii.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        try:
            found = database.execute("SELECT * FROM usage ORDER BY time").fetchall()
        except sqlite3.OperationalError:
            return []  # it is just being made
    return [dict(row) for row in found]


def wait_for(state: Path, count: int) -> list[Row]:
    assert eventually(lambda: len(rows(state)) >= count, 8), rows(state)
    return rows(state)


def received(live: Live) -> int:
    """As the proxy's own counter says."""
    page = httpx2.get(f"{live.url}/metrics").text
    lines = [line for line in page.splitlines() if line.startswith("forii_completion_tokens_total{")]
    return int(float(lines[0].split()[-1])) if lines else 0


def post(live: Live, body: dict[str, object], url: str = chat.URL) -> httpx2.Response:
    return httpx2.post(live.url + url, json=body, timeout=10)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.mark.parametrize("stream", [False, True])
def test_a_row_says_what_was_used_and_whose_it_was(
    stream: bool, serve_live: ServeLive, priced: Path, state: Path
) -> None:
    live = serve_live(says("abcde", pause=0.002), models=(priced,))
    body = chat.body(stream=stream, user="somebody", metadata={"team": "blue"}, n=2)
    assert post(live, body).status_code == 200
    (row,) = wait_for(state, 1)
    prompt = len(live.engine.asked[0].prompt)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (prompt, 10)
    assert (row["account"], row["key"], row["model"], row["status"]) == ("local", "", "forii/bytes", 200)
    assert (row["user"], json.loads(str(row["metadata"]))) == ("somebody", {"team": "blue"})
    assert row["cost"] == (2 * prompt + 5 * 10) * 10**DIGITS // 1000
    assert 0 < int(str(row["first_token_ms"])) <= int(str(row["total_ms"]))


@pytest.mark.parametrize("stream", [False, True])
def test_a_text_completion_leaves_one_too(stream: bool, serve_live: ServeLive, state: Path) -> None:
    live = serve_live(says("abc"))
    body: dict[str, object] = {"model": "bytes", "prompt": "xy", "user": "u", "metadata": {"a": "b"}}
    assert post(live, body | {"stream": stream}, TEXT_URL).status_code == 200
    (row,) = wait_for(state, 1)
    assert (row["prompt_tokens"], row["completion_tokens"], row["user"]) == (
        len(live.engine.asked[0].prompt),
        3,
        "u",
    )


def test_what_never_reached_an_engine_leaves_none(serve_live: ServeLive, state: Path) -> None:
    live = serve_live(says("abc"))
    for body in (chat.body(temperature=9), chat.body() | {"model": "none"}, chat.body()):
        post(live, body)
    assert [row["status"] for row in wait_for(state, 1)] == [200]


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("stream", [False, True])
def test_of_an_answer_whose_client_left_it_is_what_had_come(
    n: int, stream: bool, serve_live: ServeLive, state: Path
) -> None:
    live = serve_live(never_ends(0.001))
    data = json.dumps(chat.body(stream=stream, n=n)).encode()
    with socket.create_connection(live.address, timeout=5) as client:
        head = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
        client.sendall(head.format(chat.URL, len(data)).encode() + data)
        assert eventually(lambda: received(live) > 20 * n, 5)
    assert eventually(lambda: live.engine.running == 0, 5)
    (row,) = wait_for(state, 1)
    assert row["status"] == 499
    assert row["completion_tokens"] == received(live)


@pytest.mark.parametrize("stream", [False, True])
def test_of_an_engine_that_died_it_is_what_had_come(stream: bool, serve_live: ServeLive, state: Path) -> None:
    live = serve_live(lambda _: [Tokens(b"abc"), Tokens(b"de"), EngineFailed("Send it again.")])
    post(live, chat.body(stream=stream))
    (row,) = wait_for(state, 1)
    assert (row["completion_tokens"], row["status"]) == (5, 502)


def test_an_engine_that_cannot_be_reached_costs_nothing(serve_live: ServeLive, priced: Path, state: Path) -> None:
    live = serve_live(lambda _: [ModelUnavailable("Later.")], models=(priced,))
    assert post(live, chat.body()).status_code == 503
    (row,) = wait_for(state, 1)
    assert (row["prompt_tokens"], row["completion_tokens"], row["cost"], row["status"]) == (0, 0, 0, 503)


def test_thrown_away_attempts_are_in_columns_of_their_own(
    serve_live: ServeLive, priced: Path, state: Path
) -> None:
    live = serve_live(by_seed({5: BAD}, GOOD), models=(priced,))
    assert post(live, chat.body(seed=5, **schema_of(SET))).status_code == 200
    (row,) = wait_for(state, 1)
    prompt = len(live.engine.asked[0].prompt)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (prompt, len(GOOD))
    assert (row["retried_prompt_tokens"], row["retried_completion_tokens"]) == (prompt, len(BAD))
    assert row["cost"] == (2 * prompt + 5 * len(GOOD)) * 10**DIGITS // 1000
    assert received(live) == len(GOOD) + len(BAD)


def test_an_answer_that_never_conformed_costs_nothing(serve_live: ServeLive, priced: Path, state: Path) -> None:
    live = serve_live(says(BAD), models=(priced,), max_retries=2)
    assert post(live, chat.body(**schema_of(SET))).status_code == 502
    (row,) = wait_for(state, 1)
    prompt = len(live.engine.asked[0].prompt)
    assert (row["prompt_tokens"], row["completion_tokens"], row["cost"]) == (0, 0, 0)
    assert (row["retried_prompt_tokens"], row["retried_completion_tokens"]) == (3 * prompt, 3 * len(BAD))


def test_a_prompt_that_was_cut_counts_as_it_was_sent(serve_live: ServeLive, state: Path) -> None:
    live = serve_live(says("abc"))
    answer = post(live, chat.body("x" * 3 * CONTEXT))
    assert int(answer.headers["x-forii-truncated-tokens"]) > 0
    (row,) = wait_for(state, 1)
    assert row["prompt_tokens"] == len(live.engine.asked[0].prompt) == answer.json()["usage"]["prompt_tokens"]


def test_ids_that_come_behind_a_stop_string_were_received(serve_live: ServeLive, state: Path) -> None:
    live = serve_live(lambda _: [Tokens(b"abcdef", finish="length")])
    assert post(live, chat.body(stop="cd")).json()["usage"]["completion_tokens"] == 4
    (row,) = wait_for(state, 1)
    assert row["completion_tokens"] == 6


def test_a_request_that_took_too_long_leaves_its_row(serve_live: ServeLive, state: Path) -> None:
    live = serve_live(never_ends(0.001), request_timeout_seconds=0.3)
    assert post(live, chat.body()).status_code == 504
    (row,) = wait_for(state, 1)
    assert (row["status"], row["completion_tokens"]) == (504, received(live))


async def test_an_account_that_has_spent_its_credits_is_refused(serve_live: ServeLive, priced: Path) -> None:
    live = serve_live(says("abcde"), models=(priced,), plans=plans(credits_inr="0.1"))
    async with httpx2.AsyncClient(base_url=live.url) as client:
        first = await client.post(chat.URL, json=chat.body())
        prompt = first.json()["usage"]["prompt_tokens"]
        passing = -(-100 // (2 * prompt + 25))  # thousandths of a rupee
        statuses = [(await client.post(chat.URL, json=chat.body())).status_code for _ in range(passing)]
        assert [first.status_code, *statuses] == [200] * passing + [402]
        refused = await client.post(chat.URL, json=chat.body(stream=True))
    assert refused.status_code == 402
    assert chat.error(refused)["type"] == chat.error(refused)["code"] == "insufficient_quota"
    assert "0.1 INR" in str(chat.error(refused)["message"])


def test_a_server_that_stops_writes_what_runs(byte_build: Path, state: Path) -> None:
    engine = ScriptedEngine(never_ends(0.001))
    with on_a_port(make_app(engine, byte_build, {})) as address:
        live = Live(address, engine)
        with httpx2.stream("POST", live.url + chat.URL, json=chat.body(stream=True)) as runs:
            words = runs.iter_text()
            assert sum(len(next(words)) for _ in range(5))
    (row,) = rows(state)
    assert int(str(row["completion_tokens"])) > 0
    assert list((state / "journal").iterdir()) == []


def test_a_database_that_is_away_keeps_nobody_waiting_and_loses_nothing(
    serve_live: ServeLive, state: Path
) -> None:
    state.mkdir()
    database = state / "forii.db"
    database.write_bytes(b"no database" * 1000)
    # With a key that needs no database.
    live = serve_live(says("abc"), api_key="of the settings")
    key = {"authorization": "Bearer of the settings"}
    answers = [httpx2.post(live.url + chat.URL, json=chat.body(), headers=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    page = httpx2.get(f"{live.url}/metrics").text
    assert "forii_usage_pending 3.0" in page
    database.unlink()
    assert [row["completion_tokens"] for row in wait_for(state, 3)] == [3] * 3


def test_a_disk_that_takes_no_journal_keeps_nobody_waiting(serve_live: ServeLive, state: Path) -> None:
    state.mkdir()
    (state / "journal").write_text("no folder")
    live = serve_live(says("abc"))
    assert post(live, chat.body()).status_code == 200
    assert len(wait_for(state, 1)) == 1
    assert "forii_journal_degraded 1.0" in httpx2.get(f"{live.url}/metrics").text
    (state / "journal").unlink()
    assert eventually(lambda: "forii_journal_degraded 0.0" in httpx2.get(f"{live.url}/metrics").text, 5)


@pytest.mark.parametrize("share", [0.2, 0.9])
async def test_many_at_once_some_of_which_leave_add_up(share: float, serve_live: ServeLive, state: Path) -> None:
    """Every row is the proxy's own count, and the sum of all is what the engine gave, but for what was on its way
    to those who left."""
    given: list[int] = []
    live = serve_live(counting(given, 40))
    async with httpx2.AsyncClient(base_url=live.url, timeout=20) as client:

        async def ask(number: int) -> None:
            body = chat.body(stream=True, user=str(number))
            async with client.stream("POST", chat.URL, json=body) as answer:
                async for _ in answer.aiter_text():
                    if (number * 7919 % 100) / 100 < share and number % 3:
                        return

        await asyncio.gather(*(ask(number) for number in range(40)))
    found = wait_for(state, 40)
    whole = [row for row in found if row["status"] == 200]
    assert all(row["completion_tokens"] == 40 for row in whole)
    total = sum(int(str(row["completion_tokens"])) for row in found)
    assert total == received(live)
    assert 0 <= len(given) - total <= len(found) - len(whole)


def counting(given: list[int], length: int) -> Script:
    def script(_: Generation) -> Iterator[Tokens | float]:
        for number in range(length):
            yield 0.001
            given.append(number)
            yield Tokens(b"a")
        yield Tokens((), (), "stop")

    return script
