"""A designed engine and its plan in; why each flag is there, and what the engine takes of the GPU, as text out:
what ``--explain`` prints. The numbers are computed from the model's sizes; nothing was measured."""

from __future__ import annotations

from pathlib import Path

from build_engines.steps import Step
from build_engines.targets.trtllm_design import Design

_GIB = 1024**3
_TYPICAL = 2048  # tokens of prompt and answer together


def explanation(design: Design, last: Step) -> str:
    """Ends with a line end."""
    return "\n".join([*_flags(last), *_estimates(design)]) + "\n"


def _flags(last: Step) -> list[str]:
    lines = []
    for step in last.order():
        if step.command is None:
            continue
        command = step.command(Path(f"<{step.name}>"), {need.name: Path(f"<{need.name}>") for need in step.needs})
        lines.append(f"{step.name}: {step.title}")
        for flag, reason in command.reasons.items():
            lines.append(f"  {_given(command.argv, flag):<48}  {reason}")
        lines.append("")
    return lines


def _given(argv: tuple[str, ...], flag: str) -> str:
    """The flag, with its value where it has one."""
    following = argv[argv.index(flag) + 1 :][:1]
    return " ".join([flag, *(value for value in following if not value.startswith("--"))])


def _estimates(design: Design) -> list[str]:
    engine, gpu = design.engine, design.gpu
    spare = f" of the host's {engine.gpus}" if engine.gpus else ""
    return [
        f"on {engine.world_size}{spare} x {gpu.name} ({gpu.memory_gib} GiB, architecture {gpu.sm}), for each GPU, "
        "estimated:",
        f"  weights             {design.weight_bytes / _GIB:8.1f} GiB",
        f"  room for a step     {design.activation_bytes / _GIB:8.1f} GiB",
        f"  KV cache            {design.kv_bytes / _GIB:8.1f} GiB, {design.kv_bytes_per_token:,} bytes a token, "
        f"{design.kv_tokens:,} tokens",
        f"  sequences in cache  {_fit(design, design.max_seq_len)} of {design.max_seq_len:,} tokens, "
        f"{_fit(design, _TYPICAL)} of {_TYPICAL:,}; engine.max_batch_size = {engine.max_batch_size}",
    ]


def _fit(design: Design, length: int) -> int:
    """Sequences of a length, shared blocks not counted."""
    return design.kv_tokens // length
