"""The ``forii`` command."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console

from build_engines.build import EXAMPLES
from launcher.keys_command import keys_app
from launcher.models_list import list_models
from launcher.options import Cache
from launcher.told import fail, settings_with, told
from launcher.usage_command import usage

app = typer.Typer(
    help="Serve language models with an OpenAI-compatible API, on this machine or in front of a Triton elsewhere.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # In "rich" mode it would swallow what stands in brackets.
    rich_markup_mode="markdown",
)
models_app = typer.Typer(help="The models that can be served.", no_args_is_help=True)
app.add_typer(models_app, name="models")
models_app.command("list")(list_models)
app.add_typer(keys_app, name="keys")
app.command("usage")(usage)

ServerPort = Annotated[
    int | None, typer.Option(help="Port of the `forii serve` to change. [env: FORII_PORT; default: 8080]")
]


@app.command()
def serve(
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="What to serve: a shipped recipe's id, a recipe file (.toml), a GGUF file, or the folder of a "
            "finished build; give it again for each further model. [env: FORII_MODEL; default: forii/smollm2-135m]"
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on; all but loopback need a key: `forii keys create` or FORII_API_KEY. "
            "[env: FORII_HOST; default: 127.0.0.1]"
        ),
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. [env: FORII_PORT; default: 8080]")] = None,
    triton: Annotated[
        str | None,
        typer.Option(help="HOST:PORT of the gRPC port of a Triton that runs elsewhere. [env: FORII_TRITON]"),
    ] = None,
    cache: Cache = None,
) -> None:
    """Build the model if need be, start Triton, and serve the API until Ctrl-C.

    First use downloads and builds the model, which takes about ten seconds; later starts take about five.
    """
    from launcher.serving import serve as run

    with told():
        given = settings_with(model=model or None, host=host, port=port, triton=triton, cache=cache)
        run(given.model_copy(update={"models": ()}) if model else given, Console())


@app.command()
def build(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's id, a recipe file (.toml) or a GGUF file.")],
    cache: Cache = None,
    target: Annotated[
        str | None, typer.Option(help="openvino or tensorrtllm; refuses a recipe for another target.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print every command of the build, ready to be pasted; run none.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say why each flag is given, and what fits the GPU; run nothing.")
    ] = False,
    examples: Annotated[
        Path, typer.Option(help="TensorRT-LLM's examples, where they are not at their place in the container.")
    ] = EXAMPLES,
) -> None:
    """Build a model and print the folder of the finished build; what is built already is not built again."""
    from build_engines.build import build as run
    from build_engines.foresight import dry_run as commands
    from build_engines.foresight import explain as explanation
    from build_engines.foresight import place, with_target
    from build_engines.guess import what_was_guessed
    from build_engines.shipped import find_recipe
    from launcher.build_progress import BuildProgress

    with told():
        cache_folder = settings_with(cache=cache).cache.absolute()
        found = with_target(find_recipe(recipe), target)
        if explain:
            typer.echo(explanation(found, examples), nl=False)
        elif dry_run:
            typer.echo(
                commands(found, recipe, place(found, cache and cache_folder, cache_folder), examples), nl=False
            )
        else:
            with BuildProgress(Console(stderr=True)) as progress:
                folder = run(found, cache_folder, progress, examples=examples)
            typer.echo(what_was_guessed(found, folder), nl=False, err=True)
            typer.echo(folder)


@app.command()
def chat(
    base_url: Annotated[
        str | None, typer.Option(help="The API to talk to. [default: http://127.0.0.1:8080/inference/v1]")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model's id. [default: the first one served]")] = None,
) -> None:
    """Chat with a served model in the terminal; answers stream in as they are written."""
    from openai import OpenAI

    from launcher.chat import NoModel
    from launcher.chat import chat as run

    with told():
        settings = settings_with()
        key = settings.api_key or SecretStr("none")
        url = base_url or f"http://127.0.0.1:{settings.port}/inference/v1"
        try:
            run(OpenAI(base_url=url, api_key=key.get_secret_value()), model, Console())
        except NoModel as error:
            fail(str(error))


@models_app.command("load")
def load_model(
    model: Annotated[
        str, typer.Argument(help="A shipped recipe's id, a recipe file (.toml), a GGUF file, or a finished build.")
    ],
    port: ServerPort = None,
    cache: Cache = None,
) -> None:
    """Serve one more model from the `forii serve` that runs, without a restart; build it first if need be.

    That `forii serve` has it until it ends; the next one does not: name the model in its --model, FORII_MODEL or
    forii.toml too, to have it there after a restart.
    """
    from launcher.build_progress import BuildProgress
    from launcher.control import ask
    from launcher.models import find_build

    with told():
        settings = settings_with(port=port, cache=cache)
        with BuildProgress(Console(stderr=True)) as progress:
            build = find_build(model, settings.cache, progress, partial(typer.echo, err=True))
        typer.echo(f"{ask(settings.cache, settings.port, {'load': str(build.absolute())})} is served")


@models_app.command("unload")
def unload_model(
    model: Annotated[str, typer.Argument(help="The model's id or alias.")],
    port: ServerPort = None,
    cache: Cache = None,
) -> None:
    """Stop serving a model from the `forii serve` that runs, once the answers that it is writing are done."""
    from launcher.control import ask

    with told():
        settings = settings_with(port=port, cache=cache)
        typer.echo(f"{ask(settings.cache, settings.port, {'unload': model})} is no longer served")


def main() -> None:
    # It says at every import that torch is missing, which is as it should be.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    app()
