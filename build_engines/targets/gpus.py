"""The GPUs that TensorRT-LLM 1.2.1 is documented to support, by the name a recipe gives: architecture and memory.

The architectures and what each can compute with are those of its support matrix
(docs/source/legacy/reference/support-matrix.md): FP8 from Ada on, FP4 from Blackwell on.
"""

from __future__ import annotations

from dataclasses import dataclass

from build_engines.recipe import RecipeError

AMPERE, ADA, HOPPER, BLACKWELL = 80, 89, 90, 100


@dataclass(frozen=True)
class Gpu:
    """sm: the compute capability times ten. memory_gib: what the driver shows, which is up to a tenth less than
    what the card is sold with; rounded down."""

    name: str
    sm: int
    memory_gib: int

    @property
    def fp8(self) -> bool:
        return self.sm >= ADA

    @property
    def fp4(self) -> bool:
        return self.sm >= BLACKWELL

    @property
    def memory(self) -> int:
        """Bytes."""
        return self.memory_gib * 1024**3


GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu("a100-40gb", 80, 40),
        Gpu("a100-80gb", 80, 80),
        Gpu("a10", 86, 22),
        Gpu("a40", 86, 44),
        Gpu("rtx-a6000", 86, 47),
        Gpu("l4", 89, 22),
        Gpu("l40s", 89, 44),
        Gpu("rtx-4090", 89, 23),
        Gpu("h100-80gb", 90, 79),
        Gpu("h100-nvl", 90, 93),
        Gpu("h200", 90, 140),
        Gpu("b200", 100, 178),
        Gpu("b300", 103, 260),
        Gpu("rtx-pro-6000", 120, 95),
    )
}


def find_gpu(name: str) -> Gpu:
    """Raises RecipeError for a GPU that is not in the table."""
    if name not in GPUS:
        raise RecipeError(f"engine.gpu = {name!r} is not a GPU that is known here; it is one of {', '.join(GPUS)}")
    return GPUS[name]
