"""``forii chat``: a small terminal chat that streams. Speaks to the API like any client, through OpenAI's own."""

from __future__ import annotations

from openai import APIError, AuthenticationError, OpenAI
from openai.types.chat import ChatCompletionMessageParam
from rich.console import Console
from rich.text import Text

HELP = "Ctrl-C stops an answer, /clear forgets the conversation, Ctrl-D or /exit leaves."


class NoModel(RuntimeError):
    """There is nothing to chat with; the message says why."""


def chat(client: OpenAI, model: str | None, console: Console) -> None:
    """Talks until the person leaves. model: the first one served if None. Raises NoModel if the server cannot be
    reached or serves nothing."""
    model = model or _first_model(client)
    console.print(f"Chatting with [bold]{model}[/]. {HELP}", highlight=False)
    messages: list[ChatCompletionMessageParam] = []
    while (line := _ask(console)) is not None:
        if line == "/clear":
            messages.clear()
        elif line:
            messages.append({"role": "user", "content": line})
            answer = _answer(client, model, messages, console)
            if answer is None:
                messages.pop()
            else:
                messages.append({"role": "assistant", "content": answer})


def _first_model(client: OpenAI) -> str:
    try:
        models = client.models.list().data
    except AuthenticationError as error:
        raise NoModel(
            f"{client.base_url} asks for a key: set FORII_API_KEY to one that `forii keys create` made"
        ) from error
    except APIError as error:
        raise NoModel(f"{client.base_url} does not answer ({error.message}); is `forii serve` running?") from error
    if not models:
        raise NoModel(f"{client.base_url} serves no model")
    return models[0].id


def _printable(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(char for char in text if char.isprintable() or char in "\n\t\u200d\ufe0f")


def _ask(console: Console) -> str | None:
    """The person's next line; None when they leave."""
    try:
        line = console.input("[bold]> [/]").strip()
    except (EOFError, KeyboardInterrupt):
        console.print()
        return None
    return None if line == "/exit" else line


def _answer(
    client: OpenAI, model: str, messages: list[ChatCompletionMessageParam], console: Console
) -> str | None:
    """Streams one answer to the terminal; what came of it, or None if it failed."""
    parts: list[str] = []
    try:
        with client.chat.completions.create(model=model, messages=messages, stream=True) as stream:
            for chunk in stream:
                if chunk.choices and (text := chunk.choices[0].delta.content):
                    parts.append(text)
                    console.print(Text(_printable(text)), end="", soft_wrap=True)
    except KeyboardInterrupt:
        console.print(" (stopped)", style="dim", end="")
    except APIError as error:
        console.print(f"\n{error.message}", style="red", markup=False)
        return None
    console.print()
    return "".join(parts)
