"""Triton killed, the launcher killed, Ctrl-C: what the client is told, what heals, and that nothing is left."""

from __future__ import annotations

import signal

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


def test_the_process_of_a_model_killed(own_server: ForiiServer) -> None:
    with OpenAI(base_url=own_server.base_url, api_key="none", max_retries=0) as client:
        assert text_of(whole(client, max_tokens=2))
        (model_process,) = own_server.engine().children()
        model_process.kill()
        wait_until(lambda: own_server.ready_status() == 503, 3, lambda: "the server calls itself ready")
        wait_until(lambda: own_server.ready_status() == 200, 60, lambda: own_server.output)
        assert text_of(whole(client, max_tokens=2))
    assert own_server.process.poll() is None


def test_ctrl_c_while_an_answer_is_written(own_server: ForiiServer) -> None:
    """Triton of our own outlives the drain; a second Ctrl-C ends both at once."""
    with OpenAI(base_url=own_server.base_url, api_key="none", max_retries=0) as client:
        stream = streamed(client, **ENDLESS)
        next(stream)
        own_server.process.send_signal(signal.SIGINT)
        wait_until(lambda: own_server.ready_status() == 503, 2, lambda: "the server calls itself ready")
        assert [content_of(next(stream)) for _ in range(20)]
        own_server.process.send_signal(signal.SIGINT)
        with pytest.raises(openai.APIError) as caught:
            list(stream)
        assert caught.value.code == "model_unavailable"
    assert own_server.wait_end() == 0
    own_server.wait_gone()
