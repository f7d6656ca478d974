from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest

from proxy.engines.scripted import Script
from proxy.errors import EngineFailed
from proxy.logs import JsonFormatter
from tests.proxy import chat
from tests.proxy.scripts import says
from tests.proxy.served import Serve

PROMPT = "sesame-prompt"
ANSWER = "sesame-answer"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything that is logged, as it would be written."""
    written = io.StringIO()
    writer = logging.StreamHandler(written)
    writer.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(writer)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(writer)
    root.setLevel(level)


def read(lines: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


async def test_a_request_leaves_lines_with_its_id_its_status_and_its_counts(
    serve: Serve, lines: io.StringIO
) -> None:
    client, _ = serve(says("abc"))
    await client.post(chat.URL, json=chat.body(), headers={"x-request-id": "mine-1"})
    ours = [line for line in read(lines) if str(line["logger"]).startswith("proxy.")]
    assert {line["request_id"] for line in ours} == {"mine-1"}
    answered = next(line for line in ours if line["message"] == "answered")
    assert answered["completion_tokens"] == 3
    assert answered["status"] == 200
    request = next(line for line in ours if line["message"] == "request")
    assert (request["method"], request["path"], request["status"]) == ("POST", chat.URL, 200)


def fails(answer: str) -> Script:
    def script(generation: object) -> Iterator[Exception]:
        yield EngineFailed("no luck")

    return script


def breaks(answer: str) -> Script:
    def script(generation: object) -> Iterator[Exception]:
        yield RuntimeError("broken inside")

    return script


@pytest.mark.parametrize("script", [says, fails, breaks], ids=["answered", "failed", "broken"])
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_neither_prompt_nor_answer_nor_key_is_ever_logged(
    script: Callable[[str], Script], stream: bool, serve: Serve, lines: io.StringIO
) -> None:
    client, _ = serve(script(ANSWER), api_key="sesame-key")
    fields = {"stream": stream, "stop": ["sesame-stop"], "user": "sesame-user", "metadata": {"k": "sesame-meta"}}
    await client.post(chat.URL, json=chat.body(PROMPT, **fields), headers={"authorization": "Bearer sesame-key"})
    await client.post(chat.URL, json=chat.body(PROMPT, n=0), headers={"authorization": "Bearer sesame-key"})
    await client.post(chat.URL, json=chat.body(PROMPT), headers={"authorization": "Bearer sesame-wrong"})
    assert len(read(lines)) >= 3
    assert "sesame" not in lines.getvalue()


def test_a_record_outside_a_request_has_no_id_and_keeps_what_was_added() -> None:
    record = logging.makeLogRecord(
        {"name": "x", "levelname": "INFO", "msg": "said %s", "args": ("é",), "extra_one": 1}
    )
    line = json.loads(JsonFormatter().format(record))
    assert "request_id" not in line
    assert (line["message"], line["extra_one"], line["level"]) == ("said é", 1, "info")
    assert line["time"].endswith("Z")


def test_the_secrets_of_the_settings_are_hidden_in_whatever_is_logged() -> None:
    """They have no form of their own, and clients may send them in a path; a short one is a word of many lines."""
    formatter = JsonFormatter(('operators "key"', "an-admin.token-of-16", "info"))
    said = 'GET /operators "key"/an-admin.token-of-16/anXadmin.token-of-16'
    record = logging.makeLogRecord(
        {"name": "x", "levelname": "INFO", "msg": said, "path": "/an-admin.token-of-16"}
    )
    line = json.loads(formatter.format(record))
    assert line["message"] == "GET /(a key, not logged)/(a key, not logged)/anXadmin.token-of-16"
    assert line["path"] == "/(a key, not logged)"
    assert line["level"] == "info"
