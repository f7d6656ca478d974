"""Triton killed, the launcher killed, Ctrl-C: what the client is told, what heals, and that nothing is left."""

from __future__ import annotations

import httpx2
import openai
import pytest
from openai import OpenAI

from tests.sdk.chat import ENDLESS, content_of, streamed, text_of, whole
from tests.sdk.forii_server import ForiiServer, wait_until


def test_triton_killed_in_the_middle_of_a_stream(own_server: ForiiServer) -> None:
    """The stream ends with an error, and the same proxy serves again when Triton does."""
    with OpenAI(base_url=own_server.base_url, api_key="none", max_retries=0) as client:
        stream = streamed(client, **ENDLESS)
        shown = [content_of(next(stream)) for _ in range(5)]
        assert "".join(shown)
        own_server.engine().kill()
        with pytest.raises(openai.APIError) as caught:
            list(stream)
        assert caught.value.code == "engine_error"
        wait_until(lambda: own_server.ready_status() == 503, 5, lambda: "the server calls itself ready")
        with pytest.raises(openai.APIStatusError) as refused:
            whole(client, max_tokens=2)
        assert refused.value.status_code in (502, 503)
        wait_until(lambda: own_server.ready_status() == 200, 60, lambda: own_server.output)
        assert text_of(whole(client, max_tokens=2))
    assert own_server.process.poll() is None


def test_nothing_outlives_a_launcher_that_is_killed(own_server: ForiiServer) -> None:
    with OpenAI(base_url=own_server.base_url, api_key="none", max_retries=0) as client:
        stream = streamed(client, **ENDLESS)
        next(stream)
        assert own_server.engine().is_running()
        own_server.kill()
        with pytest.raises(openai.APIError):
            list(stream)
    own_server.wait_gone()


def test_ctrl_c_while_an_answer_is_written(own_server: ForiiServer) -> None:
    with OpenAI(base_url=own_server.base_url, api_key="none", max_retries=0) as client:
        stream = streamed(client, **ENDLESS)
        next(stream)
        own_server.stop()
        with pytest.raises((openai.APIError, httpx2.HTTPError)):
            list(stream)
    own_server.wait_gone()
