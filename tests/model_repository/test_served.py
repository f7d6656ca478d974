"""The models in a real Triton, at the level of tensors: the habits that the token contract promises.

What both models owe is asked of both; what only a real model shows is asked of the default one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from build_engines.recipe import Manifest
from launcher.triton import EmbeddedTriton
from tests.conftest import SCRIPTED
from tests.model_repository.client import Answer, TokenClient, Value, metric, stop_words

END = 2
PROMPT = [1, 4093, 198, 13334, 2, 198, 1, 520, 9531, 198]
SAMPLED: dict[str, Value] = {"temperature": 0.9, "runtime_top_p": 1.0, "seed": 7}
RUNNING = "forii_engine_sequences_running"
CANCELLED = "forii_engine_sequences_cancelled_total"


@pytest.fixture(params=["scripted", "real"])
def client(request: pytest.FixtureRequest) -> TokenClient:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, TokenClient)
    return found


@pytest.fixture
def script(scripted_build: Path) -> Iterator[Path]:
    """Where the scripted model's script belongs; taken away afterwards."""
    path = scripted_build / "repository" / SCRIPTED / "1" / "script.json"
    yield path
    path.unlink(missing_ok=True)


def play(path: Path, **script: object) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(script))
    os.replace(new, path)


def wait_for(triton: EmbeddedTriton, name: str, model: str, value: float) -> float:
    """Waits until a metric has a value; returns how long that took."""
    started = time.monotonic()
    while metric(triton.metrics_url, name, model) != value:
        assert time.monotonic() < started + 10
        time.sleep(0.005)
    return time.monotonic() - started


def test_responses_carry_what_is_new_and_the_last_one_says_so(client: TokenClient) -> None:
    answer = client.ask(PROMPT, 6, end_id=-1)
    assert [reply.final for reply in answer.replies] == [False] * 5 + [True]
    assert [len(reply.ids) for reply in answer.replies] == [1] * 6
    assert [reply.tensors["sequence_length"].tolist() for reply in answer.replies] == [[[1]]] * 6
    assert answer.replies[0].tensors["output_ids"].shape == (1, 1, 1)


def test_the_end_id_is_never_sent(client: TokenClient) -> None:
    first, second, third, *_ = client.ask(PROMPT, 3, end_id=-1).ids
    assert len({first, second, third}) == 3
    answer = client.ask(PROMPT, 6, end_id=third)
    assert answer.ids == [first, second]
    assert answer.replies[-1].ids == []
    assert answer.replies[-1].tensors["output_ids"].shape == (1, 1, 0)


@pytest.mark.parametrize("length", [1, 2])
def test_a_stop_word_is_sent_and_ends_the_answer(client: TokenClient, length: int) -> None:
    whole = client.ask(PROMPT, 6).ids
    word = whole[3 - length : 3]
    answer = client.ask(PROMPT, 6, stop_words_list=stop_words([49000, 49001], word))
    assert answer.ids == whole[:3]
    assert len(answer.replies) == 3


def test_log_probs_are_of_the_whole_answer_and_only_when_asked_for(client: TokenClient) -> None:
    answer = client.ask(PROMPT, 4, return_log_probs=True)
    assert [len(reply.log_probs) for reply in answer.replies] == [1, 2, 3, 4]
    assert all(answer.log_probs[: len(reply.log_probs)] == reply.log_probs for reply in answer.replies)
    assert max(answer.log_probs) <= 0
    assert "output_log_probs" not in client.ask(PROMPT, 1).replies[-1].tensors


def test_logits_are_one_row_for_each_id_and_only_when_asked_for(client: TokenClient) -> None:
    answer = client.ask(PROMPT, 4, end_id=-1, return_generation_logits=True)
    assert [reply.tensors["generation_logits"].shape for reply in answer.replies] == [(1, 1, 1, 49152)] * 4
    assert answer.ids == client.ask(PROMPT, 4, end_id=-1).ids
    assert [int(reply.tensors["generation_logits"].argmax()) for reply in answer.replies] == answer.ids
    assert "generation_logits" not in client.ask(PROMPT, 1).replies[-1].tensors


def test_a_bias_changes_what_is_drawn_and_not_the_logits_that_are_shown(client: TokenClient) -> None:
    bias = np.zeros((1, 49152), np.float32)
    bias[0, 4444] = 100
    answer = client.ask(PROMPT, 2, end_id=-1, embedding_bias=bias, return_generation_logits=True)
    assert answer.ids == [4444, 4444]
    free = client.ask(PROMPT, 1, return_generation_logits=True).replies[0].tensors["generation_logits"]
    assert answer.replies[0].tensors["generation_logits"] == pytest.approx(free, abs=1e-3)


def test_reused_blocks_are_reported_with_the_last_response(client: TokenClient) -> None:
    *earlier, last = client.ask(PROMPT, 2, return_perf_metrics=True).replies
    assert last.tensors["kv_cache_reused_blocks"].tolist() == [[0]]
    assert not any("kv_cache_reused_blocks" in reply.tensors for reply in earlier)


@pytest.mark.parametrize(
    ("prompt", "values", "token"),
    [
        (range(100, 100 + 8192), {}, "prompt_too_long: the prompt has 8192 tokens and the context of 8192"),
        ([5, 49152], {}, "invalid_request: token id 49152"),
        (PROMPT, {"input_lengths": 11}, "invalid_request: input_lengths"),
        (PROMPT, {"temperature": float("nan")}, "invalid_request: temperature"),
        (PROMPT, {"stop_words_list": np.array([[[5, 6], [2, 1]]], np.int32)}, "invalid_request: stop_words_list"),
        (
            PROMPT,
            {"embedding_bias": np.zeros((1, 49151), np.float32)},
            "invalid_request: embedding_bias",
        ),
        (PROMPT, {"streaming": False}, "unsupported: streaming"),
        (PROMPT, {"guided_decoding_guide_type": "lark", "guided_decoding_guide": "x"}, "invalid_guide: "),
        (PROMPT, {"guided_decoding_guide_type": b"\xff\xff"}, "invalid_guide: "),
    ],
)
def test_a_wrong_request_fails_alone_with_a_stable_token(
    client: TokenClient, prompt: list[int], values: dict[str, Value], token: str
) -> None:
    with client.stream(PROMPT, 400, end_id=-1) as other:
        replies = iter(other)
        next(replies)
        answer = client.ask(prompt, 5, **values)
        assert answer.error.startswith(token)
        assert len(answer.replies) == 1
        assert next(replies).error == ""


def test_what_triton_itself_refuses_harms_nobody(client: TokenClient) -> None:
    with client.stream(PROMPT, 400, end_id=-1) as other:
        replies = iter(other)
        next(replies)
        assert client.ask(PROMPT, 5, temperature=np.zeros((1, 2), np.float32)).error
        assert client.ask(PROMPT, 5, seed=np.zeros((1, 1), np.float32)).error
        assert client.ask(PROMPT, 5, no_such_tensor=1).error
        assert next(replies).error == ""


def test_a_cancelled_stream_frees_its_sequence_within_200_ms(client: TokenClient, triton: EmbeddedTriton) -> None:
    wait_for(triton, RUNNING, client.model, 0)
    cancelled = metric(triton.metrics_url, CANCELLED, client.model)
    with client.stream(PROMPT, 8000, end_id=-1) as stream:
        next(iter(stream))
        assert metric(triton.metrics_url, RUNNING, client.model) == 1
    assert wait_for(triton, RUNNING, client.model, 0) < 0.2
    assert metric(triton.metrics_url, CANCELLED, client.model) == cancelled + 1


def test_a_short_answer_ends_before_a_long_one_that_began_earlier(client: TokenClient) -> None:
    with client.stream(PROMPT, 8000, end_id=-1) as long:
        replies = iter(long)
        next(replies)
        assert len(client.ask(PROMPT, 5, end_id=-1).ids) == 5
        assert not next(replies).final


def test_the_room_is_lowered_to_what_the_context_leaves(scripted: TokenClient) -> None:
    assert len(scripted.ask([5] * 8180, 1000).ids) == 12


def test_the_script_is_played(scripted: TokenClient, script: Path) -> None:
    play(script, tokens_per_response=2, answers=[{"after": [7], "ids": [40, 41, 42, END, 43], "pace_ms": 1}])
    answer = scripted.ask([5, 7], 10, end_id=END)
    assert [reply.ids for reply in answer.replies] == [[40, 41], [42]]
    play(script, answers=[{"after": [7], "ids": [40, 41], "error": "engine_failed: oh", "error_at": 1}])
    failed = scripted.ask([5, 7], 10)
    assert (failed.ids, failed.error) == ([40], "engine_failed: oh")


def test_a_slow_script_can_be_cancelled_within_200_ms(
    scripted: TokenClient, triton: EmbeddedTriton, script: Path
) -> None:
    play(script, pace_ms=1)
    with scripted.stream([5], 8000) as running:
        next(iter(running))
        play(script, pace_ms=60_000)
        with scripted.stream([5], 8000):
            wait_for(triton, RUNNING, SCRIPTED, 2)
    assert wait_for(triton, RUNNING, SCRIPTED, 0) < 0.2


def test_an_answer_repeats_alone_and_in_a_crowd(real: TokenClient) -> None:
    values: dict[str, Value] = {**SAMPLED, "return_log_probs": True}
    alone = real.ask(PROMPT, 24, **values)
    assert real.ask(PROMPT, 24, **(values | {"seed": 8})).ids != alone.ids

    def crowd(number: int) -> Answer:
        return real.ask(PROMPT[number:] + PROMPT, 24, **values) if number else real.ask(PROMPT, 24, **values)

    with ThreadPoolExecutor(6) as pool:
        together = next(iter(list(pool.map(crowd, range(6)))))
    assert together.ids == alone.ids
    assert together.log_probs == pytest.approx(alone.log_probs, abs=1e-3)


def test_all_64_bits_of_a_seed_matter(real: TokenClient) -> None:
    answers = {tuple(real.ask(PROMPT, 12, **(SAMPLED | {"seed": seed})).ids) for seed in (1, 2**32 + 1, 2**63 + 1)}
    assert len(answers) == 3


def test_sampling_settings_matter(real: TokenClient) -> None:
    greedy = real.ask(PROMPT, 16).ids
    for narrow in ({"runtime_top_k": 1}, {"runtime_top_p": 1e-6}, {"temperature": 0.0}, {"temperature": 1e-4}):
        assert real.ask(PROMPT, 16, **(SAMPLED | narrow)).ids == greedy
    for penalty in ("frequency_penalty", "presence_penalty", "repetition_penalty"):
        assert real.ask(PROMPT, 16, **{penalty: 2.0}).ids != greedy


@pytest.mark.parametrize(
    ("kind", "guide", "allowed"),
    [
        ("regex", "[0-9]{3}", set("0123456789")),
        ("ebnf_grammar", 'root ::= "a" | "b" root', set("ab")),
        ("json_schema", '{"enum": [7]}', set("7")),
        ("json", None, set("{")),
    ],
)
def test_a_guide_holds(
    real: TokenClient, tokenizer_folder: Path, kind: str, guide: str | None, allowed: set[str]
) -> None:
    vocabulary = json.loads((tokenizer_folder / "tokenizer.json").read_bytes())["model"]["vocab"]
    texts = {token: text for text, token in vocabulary.items()}
    values: dict[str, Value] = {"guided_decoding_guide_type": kind}
    if guide is not None:
        values["guided_decoding_guide"] = guide
    answer = real.ask(PROMPT, 8, end_id=END, **values)
    text = "".join(texts[token] for token in answer.ids)
    assert not answer.error
    assert text
    assert set(text[:1] if guide is None else text) <= allowed


def test_a_grammar_that_does_not_compile_leaves_a_working_engine(real: TokenClient) -> None:
    before = real.ask(PROMPT, 5).ids
    with real.stream(PROMPT, 2000, end_id=-1) as other:
        replies = iter(other)
        next(replies)
        bad = real.ask(PROMPT, 5, guided_decoding_guide_type="ebnf_grammar", guided_decoding_guide="root ::= ((")
        assert bad.error.startswith("invalid_guide: ")
        assert list(replies)[-1].error.startswith("engine_failed: ")
    assert real.ask(PROMPT, 5).ids == before


def test_a_client_that_leaves_while_its_prompt_is_taken_in(real: TokenClient, triton: EmbeddedTriton) -> None:
    wait_for(triton, RUNNING, real.model, 0)
    with real.stream(list(range(1000, 5000)), 10):
        wait_for(triton, RUNNING, real.model, 1)
    assert wait_for(triton, RUNNING, real.model, 0) < 1


def test_a_long_prompt_does_not_stall_a_running_answer(real: TokenClient) -> None:
    with real.stream(PROMPT, 2000, end_id=-1) as running:
        replies = iter(running)
        next(replies)
        with real.stream(list(range(1000, 3000)), 1) as long:
            until_first = next(iter(long)).at
            gaps = []
            last = next(replies).at
            for reply in replies:
                gaps.append(reply.at - last)
                last = reply.at
                if last > until_first:
                    break
    assert max(gaps) < 1


def test_the_manifest_is_what_the_model_obeys(real: TokenClient, manifest: Manifest) -> None:
    last = manifest.vocab_size - 1
    assert real.ask([last], 1).error == ""
    assert real.ask([last + 1], 1).error.startswith("invalid_request: ")


def test_a_bias_with_a_guide_is_refused(real: TokenClient) -> None:
    bias = np.zeros((1, 49152), np.float32)
    guide: dict[str, Value] = {"guided_decoding_guide_type": "regex", "guided_decoding_guide": "[0-9]{3}"}
    assert real.ask(PROMPT, 5, embedding_bias=bias, **guide).error.startswith("unsupported: embedding_bias")


def test_a_guided_answer_can_have_its_logits(real: TokenClient) -> None:
    guide: dict[str, Value] = {"guided_decoding_guide_type": "regex", "guided_decoding_guide": "[0-9]{3}"}
    plain = real.ask(PROMPT, 8, end_id=END, **guide)
    scored = real.ask(PROMPT, 8, end_id=END, return_generation_logits=True, **guide)
    assert scored.ids == plain.ids
    rows = [reply.tensors["generation_logits"] for reply in scored.replies if reply.ids]
    assert len(rows) == len(plain.ids) > 0
    assert any(int(row.argmax()) not in scored.ids for row in rows)  # raw: the guide is not in them


@pytest.mark.parametrize("how", ["bias", "logits"])
def test_one_that_needs_logits_can_be_cancelled_within_200_ms(
    real: TokenClient, triton: EmbeddedTriton, how: str
) -> None:
    values: dict[str, Value] = {"return_generation_logits": True}
    if how == "bias":
        values["embedding_bias"] = np.zeros((1, 49152), np.float32)
    wait_for(triton, RUNNING, real.model, 0)
    with real.stream(PROMPT, 4000, end_id=-1, **values) as running:
        next(iter(running))
    assert wait_for(triton, RUNNING, real.model, 0) < 0.2
