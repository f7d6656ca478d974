"""Stand-ins for the programs of the GPU container: small scripts that take the same flags and write files of the
same names and shapes. What the real ones do with the flags is not tested by this.

``FORII_STAND_IN``, where set, is ``<program>:<deed>``: the program ``fails`` with the text of FORII_STAND_IN_TEXT,
or is ``slow`` (half done, it writes ``half`` and goes on for minutes). ``hf`` goes on with
a half that it finds, and says so::

    bin/hf  bin/trtllm-build
    examples/models/core/llama/convert_checkpoint.py ...
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from build_engines.sections import Checkpoint

TINY = Checkpoint(
    architecture="LlamaForCausalLM",
    layers=2,
    hidden_size=64,
    intermediate_size=128,
    heads=4,
    kv_heads=2,
    head_size=16,
    vocab_size=258,
    context=4096,
)
SCRIPTS = {
    "convert": "models/core/llama/convert_checkpoint.py",
    "quantize": "quantization/quantize.py",
    "guides": "generate_xgrammar_tokenizer_info.py",
}
PROGRAMS = {"fetch": "hf", "engine": "trtllm-build"}

_BEGIN = """#!{python}
import json, os, sys, time
from pathlib import Path

args = sys.argv[1:]
def given(flag, default=None):
    return args[args.index(flag) + 1] if flag in args else default

name, _, deed = os.environ.get("FORII_STAND_IN", "").partition(":")
print({step!r}, *args, flush=True)
out = Path(given("--local-dir") or given("--output_dir"))
out.mkdir(parents=True, exist_ok=True)
if name == {step!r}:
    (out / "half").write_text("half")
    if deed == "fails":
        sys.exit(os.environ["FORII_STAND_IN_TEXT"])
    time.sleep(300)
"""
_ENDS = {
    "fetch": """
if (out / "half").exists():
    (out / "half").unlink()
    print("goes on", flush=True)
for name, text in json.loads(Path({files!r}).read_text()).items():
    (out / name).write_text(text)
""",
    "convert": """
source = json.loads((Path(given("--model_dir")) / "config.json").read_text())
world = int(given("--tp_size")) * int(given("--pp_size"))
config = {{"architecture": source["architectures"][0], "vocab_size": source["vocab_size"]}}
config["mapping"] = {{"world_size": world}}
(out / "config.json").write_text(json.dumps(config))
for rank in range(world):
    (out / f"rank{{rank}}.safetensors").write_bytes(b"weights")
""",
    "guides": """
info = {{"encoded_vocab": ["a"], "tokenizer_str": "{{}}", "stop_token_ids": [257]}}
(out / "xgrammar_tokenizer_info.json").write_text(json.dumps(info))
""",
    "engine": """
config = json.loads((Path(given("--checkpoint_dir")) / "config.json").read_text())
keys = ("max_batch_size", "max_input_len", "max_seq_len", "max_num_tokens")
sizes = {{key: int(given("--" + key)) for key in keys}}
plugins = {{"tokens_per_block": 32, "use_paged_context_fmha": given("--use_paged_context_fmha") == "enable"}}
built = {{"version": "1.2.1", "pretrained_config": config, "build_config": {{**sizes, "plugin_config": plugins}}}}
(out / "config.json").write_text(json.dumps(built))
for rank in range(config["mapping"]["world_size"]):
    (out / f"rank{{rank}}.engine").write_bytes(b"engine")
Path(given("--output_timing_cache")).write_bytes(b"timings")
""",
}
_ENDS["quantize"] = _ENDS["convert"]


def install(folder: Path) -> Path:
    """Writes the programs below ``folder``; ``bin`` is for PATH, ``examples`` is returned."""
    (folder / "hub.json").write_text(json.dumps(hub_files()))
    for step, name in {**{step: f"bin/{name}" for step, name in PROGRAMS.items()}, **_examples()}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (_BEGIN + _ENDS[step]).format(python=sys.executable, step=step, files=str(folder / "hub.json"))
        path.write_text(text)
        path.chmod(0o755)
    return folder / "examples"


def search_path(folder: Path) -> str:
    """PATH with the stand-ins first, and the interpreter of the tests as python3."""
    return os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])


def recipe_text(engine: str = "", source: str = "", checkpoint: Checkpoint | None = TINY) -> str:
    """A recipe of the tiny model, with more lines for ``[engine]``."""
    described = "" if checkpoint is None else _table("checkpoint", checkpoint.model_dump())
    source = source or 'kind = "huggingface"\nrepo = "tiny/chat"\nrevision = "abc"'
    return (
        f'[model]\nid = "test/tiny"\n[source]\n{source}\n{described}'
        f'[engine]\ntarget = "tensorrtllm"\ngpu = "h100-80gb"\n{engine}\n'
    )


def hub_files() -> dict[str, str]:
    """The files of the tiny model's repository, by name."""
    return {
        "config.json": json.dumps(hf_config(TINY)),
        "generation_config.json": json.dumps({"eos_token_id": [257, 256]}),
        "tokenizer.json": json.dumps({"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": []}}),
        "tokenizer_config.json": json.dumps({"model_max_length": 10**30}),
        "chat_template.jinja": "{{ messages[0].content }}",
        "model.safetensors": "weights",
    }


def hf_config(checkpoint: Checkpoint) -> dict[str, object]:
    """A config.json in the words of the hub."""
    return {
        "architectures": [checkpoint.architecture],
        "num_hidden_layers": checkpoint.layers,
        "hidden_size": checkpoint.hidden_size,
        "intermediate_size": checkpoint.intermediate_size,
        "num_attention_heads": checkpoint.heads,
        "num_key_value_heads": checkpoint.kv_heads,
        "head_dim": checkpoint.head_size,
        "vocab_size": checkpoint.vocab_size,
        "max_position_embeddings": checkpoint.context,
        "num_local_experts": checkpoint.experts,
        "tie_word_embeddings": checkpoint.tied,
        "eos_token_id": 257,
    }


def _examples() -> dict[str, str]:
    return {step: f"examples/{path}" for step, path in SCRIPTS.items()}


def _table(name: str, values: dict[str, object]) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines, ""])
