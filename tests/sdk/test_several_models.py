"""Three models in one Triton, each with its own tokenizer, template and context; then models that come and go."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion

from launcher.control import ask
from tests.build_engines.tiny_gguf import byte_level, sentence_piece, write_gguf
from tests.deployed import DEPLOYED
from tests.sdk.chat import ENDLESS, content_of, streamed, user, whole
from tests.sdk.engine_gauge import EngineGauge
from tests.sdk.forii_server import MODEL, ForiiServer, wait_until

CHATML, LLAMA2 = "tests/chatml", "tests/llama2"

pytestmark = pytest.mark.skipif(DEPLOYED is not None, reason="serves models of its own")


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Recipe files of two tiny models, by id."""
    folder = tmp_path_factory.mktemp("recipes")
    write_gguf(folder / "chatml.gguf", byte_level(), "qwen2", context=4096)
    write_gguf(folder / "llama2.gguf", sentence_piece(), context=512)
    for name in ("chatml", "llama2"):
        text = f"""
            model = {{ id = "tests/{name}", aliases = ["{name}", "tests/{name}:latest"] }}
            source = {{ kind = "gguf", file = "{name}.gguf" }}
            engine = {{ max_sequences = 4, kv_cache_gb = 1 }}
        """
        (folder / f"{name}.toml").write_text(text)
    return {name: str(folder / f"{name.removeprefix('tests/')}.toml") for name in (CHATML, LLAMA2)}


@pytest.fixture(scope="module")
def server(
    built_model: Path, recipes: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ForiiServer]:
    """The default model and both tiny ones."""
    server = ForiiServer(
        built_model.parents[1], tmp_path_factory.mktemp("several"), (MODEL, recipes[CHATML], recipes[LLAMA2])
    )
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()
        server.wait_gone()


@pytest.fixture(scope="module")
def client(server: ForiiServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        yield client


def forii(server: ForiiServer, cache: Path, *words: str) -> tuple[int, str]:
    """``forii models ...`` against the server: its exit status, and what it says of that."""
    port = server.root.rpartition(":")[2]
    command = [str(Path(sys.executable).parent / "forii"), "models", *words, "--port", port, "--cache", str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr if done.returncode else done.stdout


def served(client: OpenAI) -> list[str]:
    return sorted(model.id for model in client.models.list())


def test_each_has_its_own_tokenizer_template_and_context(client: OpenAI) -> None:
    contexts = {model.id: model.model_dump()["context_length"] for model in client.models.list()}
    assert contexts == {MODEL: contexts[MODEL], CHATML: 4096, LLAMA2: 512}
    prompts = {
        name: whole(client, model=name, messages=user("the"), max_tokens=3).usage.prompt_tokens  # type: ignore[union-attr]
        for name in contexts
    }
    # <|im_start|>user\nthe<|im_end|>\n<|im_start|>assistant\n with a token for each letter; [INST] the [/INST]
    assert prompts[CHATML] == 1 + len("user\nthe") + 1 + len("\n") + 1 + len("assistant\n")
    assert len({*prompts.values()}) == 3
    strict = {"context_length_exceeded_behavior": "error"}
    with pytest.raises(openai.BadRequestError, match="context is 512 tokens"):
        whole(client, model=LLAMA2, messages=user("x" * 600), max_tokens=3, extra_body=strict)
    whole(client, model=CHATML, messages=user("x" * 600), max_tokens=3, extra_body=strict)


@pytest.mark.parametrize(("alias", "model"), [("chatml", CHATML), ("tests/llama2:latest", LLAMA2), (MODEL, MODEL)])
def test_an_alias_is_answered_by_the_model_that_the_header_names(client: OpenAI, alias: str, model: str) -> None:
    create: Callable[..., object] = client.chat.completions.with_raw_response.create
    raw = create(model=alias, messages=user("hi"), max_tokens=2)
    assert raw.headers["x-forii-model"] == model  # type: ignore[attr-defined]
    answer: ChatCompletion = raw.parse()  # type: ignore[attr-defined]
    assert answer.model == alias
    assert client.models.retrieve(alias).id == model


def test_they_answer_at_the_same_time(server: ForiiServer, client: OpenAI) -> None:
    """The others from first to last while one is in the middle."""
    with streamed(client, **ENDLESS) as going:
        assert any(map(content_of, going))
        for name in (CHATML, LLAMA2):
            answer = whole(client, model=name, **{**ENDLESS, "max_tokens": 40})
            assert answer.usage is not None
            assert answer.usage.completion_tokens == 40
        assert EngineGauge(server.engine_metrics_url).running() == 1
        assert any(map(content_of, going))


def test_a_model_comes_and_goes_without_a_restart(
    server: ForiiServer, client: OpenAI, recipes: dict[str, str], built_model: Path
) -> None:
    """While another model's answer is written, which notices nothing."""
    cache, engine, gauge = built_model.parents[1], server.engine().pid, EngineGauge(server.engine_metrics_url)
    with streamed(client, **ENDLESS) as going:
        assert any(map(content_of, going))
        assert forii(server, cache, "unload", "llama2") == (0, f"{LLAMA2} is no longer served\n")
        assert served(client) == sorted([MODEL, CHATML])
        with pytest.raises(openai.NotFoundError) as gone:
            whole(client, model=LLAMA2, max_tokens=2)
        assert gone.value.code == "model_not_found"
        assert server.ready_status() == 200
        assert forii(server, cache, "load", recipes[LLAMA2]) == (0, f"{LLAMA2} is served\n")
        assert whole(client, model="llama2", max_tokens=2).model == "llama2"
        assert gauge.running() == 1
        assert any(map(content_of, going))
    assert server.engine().pid == engine


def test_an_answer_of_an_unloaded_model_is_finished_first(
    server: ForiiServer, client: OpenAI, recipes: dict[str, str], built_model: Path
) -> None:
    cache, port = built_model.parents[1], int(server.root.rpartition(":")[2])
    said: list[str] = []
    with streamed(client, model=CHATML, **{**ENDLESS, "max_tokens": 3000}) as going:
        assert any(map(content_of, going))
        unload = threading.Thread(target=lambda: said.append(ask(cache, port, {"unload": CHATML})))
        unload.start()
        wait_until(lambda: CHATML not in served(client), 20, lambda: "it is still found")
        assert EngineGauge(server.engine_metrics_url, CHATML).running() == 1
        assert said == []
        chunks = list(going)
    unload.join()
    assert said == [CHATML]
    assert chunks[-1].choices[0].finish_reason == "length"
    with pytest.raises(openai.NotFoundError):
        whole(client, model=CHATML, max_tokens=2)
    assert forii(server, cache, "load", recipes[CHATML])[0] == 0
    assert whole(client, model=CHATML, max_tokens=2).choices


def test_what_cannot_be_changed_is_told(
    server: ForiiServer, client: OpenAI, recipes: dict[str, str], built_model: Path
) -> None:
    cache, before = built_model.parents[1], served(client)
    status, said = forii(server, cache, "load", MODEL)
    assert status == 1
    assert MODEL in said
    status, said = forii(server, cache, "unload", "nobody/knows")
    assert status == 1
    assert "'nobody/knows' is not served" in said
    status, said = forii(server, cache, "load", "nobody/knows")
    assert status == 1
    assert "nobody/knows" in said
    assert served(client) == before
