"""What a request asks of its model, against what the model can do: everything that is refused before anything is
compiled, rendered or generated."""

from __future__ import annotations

from .errors import InvalidRequest, UnsupportedParameter
from .models import ServedModel
from .openai.request import ChatRequest
from .openai.text_request import TextRequest


def check_servable(request: ChatRequest | TextRequest, model: ServedModel) -> None:
    """Raises UnsupportedParameter for what the model or its engine is not made for, InvalidRequest for biased ids
    that the model does not have."""
    _check_tools(request, model)
    _check_logits(request, model)


def _check_tools(request: ChatRequest | TextRequest, model: ServedModel) -> None:
    """Raises for tools of a model that cannot call any, and for a bias beside calls where the engine cannot do
    both."""
    if isinstance(request, TextRequest) or request.tool_use is None:
        return
    if model.format.syntax.calls is None:
        raise UnsupportedParameter(
            "This model cannot call functions; leave them out, or ask a model that can.",
            "functions" if request.functions else "tools",
        )
    if request.bias and request.tool_use.allowed and not model.manifest.recipe.engine.biased_guides:
        raise UnsupportedParameter(
            "This model's engine cannot do both 'logit_bias' and function calls; leave one out.", "logit_bias"
        )


def _check_logits(request: ChatRequest | TextRequest, model: ServedModel) -> None:
    """Raises for top log-probs of an engine without logits, for a bias beside a schema where the engine cannot do
    both, and for biased ids that the model does not have."""
    if request.top_log_probs and not model.manifest.recipe.engine.logits:
        field = "top_logprobs" if isinstance(request, ChatRequest) else "logprobs"
        raise UnsupportedParameter("This model's engine is built without logits; leave it out.", field)
    if request.bias and request.answer_schema and not model.manifest.recipe.engine.biased_guides:
        raise UnsupportedParameter(
            "This model's engine cannot do both 'logit_bias' and 'response_format'; leave one out.", "logit_bias"
        )
    last = model.manifest.vocab_size - 1
    for token in request.bias:
        if not 0 <= token <= last:
            raise InvalidRequest(
                f"'logit_bias' names the token {token}, but this model's ids are 0 to {last}.",
                f"logit_bias.{token}",
            )
