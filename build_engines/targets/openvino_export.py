"""Run as a program of its own: a GGUF file and its tokenizer folder in, an OpenVINO GenAI model folder out.

``python -m build_engines.targets.openvino_export GGUF TOKENIZER_FOLDER TARGET`` leaves in TARGET the models
``openvino_model``, ``openvino_tokenizer`` and ``openvino_detokenizer``, each as .xml and .bin. The tokenizer is
converted from the folder: OpenVINO's own reading of a GGUF file's tokenizer knows few pre-tokenizers and no
SentencePiece, and the engine's guided decoding must see the vocabulary that the proxy sees.
"""

from __future__ import annotations

import sys
from pathlib import Path

# OpenVINO would send an event over the network at each import; where this cannot be imported it does not.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # noqa: E402
import openvino_genai  # noqa: E402
import openvino_tokenizers  # noqa: E402
from transformers import PreTrainedTokenizerFast  # noqa: E402


def export(source: Path, tokenizer: Path, target: Path) -> None:
    """Raises RuntimeError for weights OpenVINO cannot read, and when what it wrote cannot be read again."""
    converted = openvino_tokenizers.convert_tokenizer(
        PreTrainedTokenizerFast.from_pretrained(tokenizer), with_detokenizer=True
    )
    for model, name in zip(converted, ("openvino_tokenizer", "openvino_detokenizer"), strict=True):
        openvino.save_model(model, target / f"{name}.xml")
    # The pipeline leaves the model beside the file it is given.
    link = target / "model.gguf"
    link.symlink_to(source.resolve())
    openvino_genai.LLMPipeline(str(link), openvino_genai.Tokenizer(str(target)), "CPU", enable_save_ov_model=True)
    link.unlink()
    # It only logs a failure to save, a full disk for example; reading checks the sizes.
    openvino.Core().read_model(target / "openvino_model.xml")


if __name__ == "__main__":
    export(*map(Path, sys.argv[1:]))
