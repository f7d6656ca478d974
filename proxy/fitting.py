"""A request in, its prompt and the room for the answer out, such that both fit the model's context.

Synchronous; a long prompt is fitted beside the event loop. Source: API contract, section 8.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ContextLengthExceeded
from .models import ServedModel
from .openai.chunk import ROLE, Chunk
from .openai.messages import template_messages
from .openai.request import ChatRequest
from .openai.text_request import TextRequest
from .prompt.echo import echo
from .prompt.extras import Extras
from .prompt.prompt import Prompt
from .prompt.truncation import PromptTooLong

_ROOM = 256


@dataclass(frozen=True, slots=True)
class Fitted:
    """room: the tokens that the answer may have. opening: what every choice begins with, if anything."""

    prompt: Prompt
    room: int
    opening: Chunk | None


def fit(request: ChatRequest | TextRequest, model: ServedModel) -> Fitted:
    """Raises ContextLengthExceeded, and what else is wrong with the prompt."""
    context = model.manifest.context
    least = min(request.answer_room, _ROOM, context // 4)
    text = isinstance(request, TextRequest)
    try:
        prompt = _prompt(request, model, context - least)
    except PromptTooLong as error:
        raise _too_long(error, context, least, "prompt" if text else "messages") from error
    return Fitted(prompt, min(request.answer_room, context - len(prompt.ids)), _opening(request, model, prompt))


def _prompt(request: ChatRequest | TextRequest, model: ServedModel, limit: int) -> Prompt:
    prompter, truncate = model.prompter, request.truncates
    if isinstance(request, ChatRequest):
        told = () if request.tool_use is None else request.tool_use.told
        extras = Extras(told, model.format.reasoning.effort(request.effort).template)
        messages = template_messages(request.messages)
        return prompter.of_messages(messages, limit, truncate=truncate, extras=extras)
    if isinstance(request.prompt, str):
        return prompter.of_text(request.prompt, limit, truncate=truncate)
    return prompter.of_ids(request.prompt, limit, truncate=truncate)


def _opening(request: ChatRequest | TextRequest, model: ServedModel, prompt: Prompt) -> Chunk | None:
    if isinstance(request, ChatRequest):
        return ROLE
    if not request.echo:
        return None
    repeated = echo(prompt, model.prompter.tokenizer, log_probs=request.log_probs)
    return Chunk(0, content=repeated.text, log_probs=repeated.log_probs)


def _too_long(error: PromptTooLong, context: int, least: int, param: str) -> ContextLengthExceeded:
    what, fix = f"the {param} take {error.tokens}", f"Send fewer or shorter {param}"
    if param == "prompt":
        what, fix = f"the prompt takes {error.tokens}", "Send a shorter prompt"
    elif error.alone:
        what = (
            "what cannot be left out (tools, system messages, and the call that the last message answers) "
            f"takes {error.tokens}"
        )
        fix = "Shorten them"
    return ContextLengthExceeded(
        f"This model's context is {context} tokens; {what} and the answer needs at least {least}. {fix}.", param
    )
