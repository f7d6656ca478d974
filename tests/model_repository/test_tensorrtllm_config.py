"""The TensorRT-LLM model's config.pbtxt: read by Triton's own protobuf and by a real tritonserver."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from build_engines.build import TEMPLATES
from build_engines.repository import TemplateError, fill, template_files, write_model_folder
from launcher.triton import EmbeddedTriton, TritonError

VALUES: dict[str, str | int] = {
    "triton_model": "forii-llama",
    "max_batch_size": 64,
    "max_queue_size": 256,
    "engine_folder": "/cache/models/forii-llama/repository/forii-llama/1/engine",
    "guides_file": "/cache/guides.json",
    "tokenizer_folder": "/cache/models/forii-llama/tokenizer",
    "kv_cache_fraction": "0.9",
    "chunked_context": "true",
    "cancellation_check_period_ms": 50,
}
TEMPLATE = TEMPLATES / "tensorrtllm/config.pbtxt"
# Read by the backend without a default: utils and model_instance_state.cc, getBatchingTypeFromParams and
# getGuidedDecodingConfigFromParams.
NEEDED = {"gpt_model_type", "tokenizer_dir", "xgrammar_tokenizer_info_path", "guided_decoding_backend"}
BACKEND_PARAMETERS = NEEDED | {
    "FORCE_CPU_ONLY_INPUT_TENSORS",
    "gpt_model_path",
    "max_beam_width",
    "batch_scheduler_policy",
    "kv_cache_free_gpu_mem_fraction",
    "enable_kv_cache_reuse",
    "enable_chunked_context",
    "exclude_input_in_output",
    "normalize_log_probs",
    "decoding_mode",
    "cancellation_check_period_ms",
    "stats_check_period_ms",
    "executor_worker_path",
}


def read(text: str) -> model_config_pb2.ModelConfig:
    return text_format.Parse(text, model_config_pb2.ModelConfig())


@pytest.fixture(scope="module")
def config() -> model_config_pb2.ModelConfig:
    return read(fill(TEMPLATE.read_text(), VALUES))


def signature(config: model_config_pb2.ModelConfig) -> dict[str, tuple[str, int, tuple[int, ...]]]:
    """Each tensor's direction, type and dims."""
    tensors = [("in", one) for one in config.input] + [("out", one) for one in config.output]
    return {one.name: (way, one.data_type, tuple(one.dims)) for way, one in tensors}


def test_the_signature_is_the_openvino_model_s(config: model_config_pb2.ModelConfig) -> None:
    other = re.sub(r"\$\{[a-z_]+\}", "1", (TEMPLATES / "openvino/config.pbtxt").read_text())
    assert signature(config) == signature(read(other))
    assert len(signature(config)) == 25


def test_only_the_two_lengths_are_not_optional(config: model_config_pb2.ModelConfig) -> None:
    assert {one.name for one in config.input if not one.optional} == {"input_lengths", "request_output_len"}


def test_single_values_lose_their_dimension_and_rows_may_differ_in_length(
    config: model_config_pb2.ModelConfig,
) -> None:
    for one in config.input:
        text = one.name.startswith("guided_decoding")
        assert one.HasField("reshape") == (list(one.dims) == [1] and not text), one.name
        assert list(one.reshape.shape) == []
        assert one.allow_ragged_batch == (list(one.dims) != [1] or text), one.name


def test_it_streams_batches_in_flight_and_limits_its_queue(config: model_config_pb2.ModelConfig) -> None:
    assert (config.name, config.backend, config.max_batch_size) == ("forii-llama", "tensorrtllm", 64)
    assert config.model_transaction_policy.decoupled
    assert config.dynamic_batching.default_queue_policy.max_queue_size == 256
    assert [(group.count, group.kind) for group in config.instance_group] == [
        (1, model_config_pb2.ModelInstanceGroup.KIND_CPU)
    ]


def test_every_parameter_is_known_to_the_backend_and_filled(config: model_config_pb2.ModelConfig) -> None:
    found = {key: value.string_value for key, value in config.parameters.items()}
    assert set(found) == BACKEND_PARAMETERS
    assert all(found.values())
    assert "$" not in "".join(found.values())
    assert found["gpt_model_type"] == "inflight_fused_batching"
    assert found["guided_decoding_backend"] == "xgrammar"
    assert found["enable_kv_cache_reuse"] == found["enable_chunked_context"] == "true"
    assert int(found["cancellation_check_period_ms"]) <= 100


@pytest.mark.parametrize("key", sorted(VALUES))
def test_it_is_filled_strictly(key: str) -> None:
    with pytest.raises(TemplateError, match=key):
        fill(TEMPLATE.read_text(), {name: value for name, value in VALUES.items() if name != key})


def test_the_real_tritonserver_gets_as_far_as_the_missing_backend(tmp_path: Path) -> None:
    model = tmp_path / "repository" / "forii-llama"
    write_model_folder(template_files(TEMPLATES, "tensorrtllm"), VALUES, model)
    with EmbeddedTriton([tmp_path], log_path=tmp_path / "log.txt") as server, pytest.raises(TritonError):
        server.wait_ready(60)
    log = (tmp_path / "log.txt").read_text()
    assert re.search(
        r"failed to load 'forii-llama'.*unable to find backend library for backend 'tensorrtllm'", log
    )
    complaints = [line for line in log.splitlines() if re.match(r"[EW]\d{4} ", line) and "forii-llama" in line]
    assert all("'tensorrtllm'" in line for line in complaints), complaints
