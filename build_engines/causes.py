"""What a failed program wrote in, the likely cause and what to do about it out.

The table holds texts that the programs of a build are known to end with, the more telling ones first.
"""

from __future__ import annotations

import re
import signal

from build_engines.targets.trtllm_flags import CONTAINER

CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"GatedRepoError|gated repo|401 Client Error|RepositoryNotFoundError|403 Client Error",
        "the hub does not let this account read the repository: accept the model's licence on its page and set "
        "HF_TOKEN to a token of that account",
    ),
    (
        r"RevisionNotFoundError|Invalid rev id",
        "the repository has no such revision: see source.revision in the recipe",
    ),
    (
        r"NameResolutionError|Temporary failure in name resolution|Network is unreachable|MaxRetryError"
        r"|ConnectionError|Couldn't reach|OfflineModeIsEnabled",
        "the hub cannot be reached from here; fetch on a machine that can, and use a source of kind 'folder' "
        "(and, for quantization, a folder for engine.calibration)",
    ),
    (r"No space left on device|ENOSPC|Errno 28", "the disk of the cache is full; --cache names another folder"),
    (
        r"(?:trtllm-build|hf): there is no such program|can't open file '.*(?:convert_checkpoint|quantize"
        r"|generate_xgrammar_tokenizer_info)\.py'",
        f"this runs outside of the container {CONTAINER}, which has TensorRT-LLM's programs; if its examples are "
        "not in /app/examples, --examples says where they are",
    ),
    (
        r"libcuda\.so\.1|libnvidia-ml\.so\.1|No CUDA GPUs are available|NVIDIA driver.*not found"
        r"|GPU is required for inference",
        "the container sees no GPU: start it with --gpus all on a host with the NVIDIA container toolkit",
    ),
    (
        r"driver version is insufficient|CUDA driver version|forward compatibility was attempted|cudaErrorInsuff",
        "the host's NVIDIA driver is too old for the container; docs/deploy-gpu.md names the one it needs",
    ),
    (
        r"no kernel image is available|Unsupported SM|is not supported on SM|unsupported.*compute capability",
        "the engine asks for something that this GPU's architecture does not have; see engine.gpu in the recipe "
        "and `nvidia-smi`",
    ),
    (
        r"CUDA out of memory|OutOfMemoryError|cudaErrorMemoryAllocation|Requested size was .* bytes"
        r"|insufficient memory|out of memory",
        "the GPU's memory does not suffice: end what else uses it (`nvidia-smi`), lower max_batch_size or "
        "max_num_tokens, or spread the model with tp. Quantizing takes the unquantized weights and about half "
        "as much again",
    ),
    (
        r"unrecognized arguments|invalid choice:",
        "this TensorRT-LLM is not 1.2.1: it does not know a flag that 1.2.1 knows. Use the pinned container",
    ),
    (
        r"Unsupported model architecture|Unsupported Qwen type|KeyError: '\w+ForCausalLM'",
        "TensorRT-LLM 1.2.1 cannot build an engine of this architecture",
    ),
    (
        r"No module named 'modelopt'|Failed to import modelopt",
        "ModelOpt, which quantizes, is not installed here; the pinned container has it",
    ),
    (
        r"SafetensorError|incomplete metadata|HeaderTooSmall|Consistency check failed",
        "a file of the weights is cut off or damaged; remove the finished fetch step's folder and build again",
    ),
    (
        r"Bus error|shared memory|/dev/shm",
        "too little shared memory: start the container with --shm-size=2g or --ipc=host",
    ),
)
_BY_SIGNAL = {
    signal.SIGKILL: "the system ended it, most often because the host's memory ran out (`dmesg` says so); "
    "converting needs about as much memory as the weights have bytes",
    signal.SIGBUS: "too little shared memory (start the container with --shm-size=2g) or a full disk",
}


def likely_cause(log: str, code: int) -> str | None:
    """log: what the program wrote. code: as ``Popen.returncode``. None where nothing in the table fits."""
    for pattern, cause in CAUSES:
        if re.search(pattern, log):
            return cause
    return _BY_SIGNAL.get(signal.Signals(-code)) if code < 0 else None
