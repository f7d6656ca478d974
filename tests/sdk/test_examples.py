"""What people paste: the examples of the API's page (``page.md``) and of the README, and the banner's curl line.

Only the base URL and the model are changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from tests.sdk.forii_server import MODEL, ForiiServer
from tests.sdk.node_project import NodeProject

PAGE = Path(__file__).parent / "page.md"
README = Path(__file__).parents[2] / "README.md"
_URLS = re.compile(r"https://api\.forii\.in/inference/v1|http://127\.0\.0\.1:8080/inference/v1")
_MODELS = re.compile(r"forii/deepseek-v3|forii/smollm2-135m")

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")


def examples(document: Path, language: str, server: ForiiServer) -> list[str]:
    blocks = re.findall(rf"(?ms)^```{language}\n(.*?)^```", document.read_text(encoding="utf-8"))
    return [_MODELS.sub(MODEL, _URLS.sub(server.base_url, block)) for block in blocks]


@contextmanager
def running(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A program that is ended when enough of its output was read. Its errors go to those of the tests."""
    env = os.environ | {"FORII_API_KEY": "none"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def output_of(process: subprocess.Popen[str]) -> str:
    """All that a program prints; it must end well."""
    text, _ = process.communicate(timeout=90)
    assert process.returncode == 0
    return text


def python(program: str) -> list[str]:
    return [sys.executable, "-u", "-c", program]


def test_the_first_examples_of_the_page(server: ForiiServer, node_project: NodeProject) -> None:
    """All at once: each may take 512 tokens. The page's Python leaves out the import of os."""
    in_python = python("import os\n" + examples(PAGE, "python", server)[0])
    in_node = node_project.write("first.mjs", examples(PAGE, "javascript", server)[0])
    with running(in_python) as first, running(in_node) as second:
        assert output_of(first).strip()
        assert output_of(second).strip()


@needs_curl
def test_the_first_curl_of_the_page(server: ForiiServer) -> None:
    (line,) = examples(PAGE, "bash", server)
    with running(["sh", "-c", line.replace("curl ", "curl -s ", 1)]) as curl:
        answer = json.loads(output_of(curl))
    assert answer["object"] == "chat.completion"
    assert answer["model"] == MODEL
    assert answer["choices"][0]["message"]["role"] == "assistant"


def test_the_python_stream_of_the_page(server: ForiiServer) -> None:
    first, stream = examples(PAGE, "python", server)
    with running(python("import os\n" + first.partition("response =")[0] + stream)) as program:
        assert_streams_text(program)


def test_the_node_stream_of_the_page(server: ForiiServer, node_project: NodeProject) -> None:
    first, stream = examples(PAGE, "javascript", server)
    with running(node_project.write("stream.mjs", first.partition("const response")[0] + stream)) as program:
        assert_streams_text(program)


def test_the_python_of_the_readme(server: ForiiServer) -> None:
    (example,) = examples(README, "python", server)
    with running(python(example)) as program:
        assert_streams_text(program)


def test_the_node_of_the_readme(server: ForiiServer, node_project: NodeProject) -> None:
    (example,) = examples(README, "javascript", server)
    with running(node_project.write("readme.mjs", example)) as program:
        assert_streams_text(program)


@needs_curl
def test_the_curl_of_the_readme(server: ForiiServer) -> None:
    (line,) = [block for block in examples(README, "sh", server) if block.startswith("curl")]
    assert_streams(line)


@needs_curl
def test_the_curl_line_of_the_banner(server: ForiiServer) -> None:
    assert_streams(server.curl_line)


def assert_streams_text(program: subprocess.Popen[str]) -> None:
    """Some of the answer is there while the program still writes it. (A program that fails prints nothing.)"""
    assert program.stdout is not None
    assert len(program.stdout.read(60)) == 60


def assert_streams(line: str) -> None:
    """Pasted into a shell, the line shows the events of a stream."""
    with running(["sh", "-c", f"exec {line.replace('curl ', 'curl -s ', 1)}"]) as curl:
        assert curl.stdout is not None
        events = [one for one in islice(curl.stdout, 6) if one.startswith("data: ")]
    kinds = [json.loads(event.removeprefix("data: "))["object"] for event in events]
    assert kinds == ["chat.completion.chunk"] * 3
