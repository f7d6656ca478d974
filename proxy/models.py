"""The served models: folders of finished builds in, what the pipeline needs to know of each out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from build_engines.recipe import Manifest, load_manifest

from .errors import ModelNotFound
from .formats.parser import Format, UnknownFormat, find_format
from .prompt.prompt import Prompter
from .settings import NotServable


@dataclass(frozen=True, slots=True, eq=False)
class ServedModel:
    """One model. build: the folder of its build. format: how it writes what it means. bytes_of: what each id adds
    to what a parser of the format reads. created: Unix time of the build."""

    build: Path
    manifest: Manifest
    prompter: Prompter
    format: Format
    bytes_of: Sequence[bytes]
    created: int

    @property
    def id(self) -> str:
        return self.manifest.recipe.model.id

    @property
    def fingerprint(self) -> str:
        """``system_fingerprint``: changes when anything that went into the build does."""
        return f"fp_{self.manifest.digest[:12]}"


class Catalog:
    """The models by id and alias, which may change while requests run: a request keeps the model that it found.

    Belongs to one event loop. Raises NotServable if two models want the same name.
    """

    def __init__(self, models: Iterable[ServedModel]) -> None:
        self.models: tuple[ServedModel, ...] = ()
        self._by_name: dict[str, ServedModel] = {}
        self._uses: Counter[ServedModel] = Counter()
        self._unused: dict[ServedModel, asyncio.Event] = {}
        for model in models:
            self.add(model)

    def add(self, model: ServedModel) -> None:
        """Serves one more model. Raises NotServable if one of its names is taken."""
        self.check_free(model)
        self.models = (*self.models, model)
        self._by_name |= dict.fromkeys(_names(model), model)

    def check_free(self, model: ServedModel) -> None:
        """Raises NotServable if one of the model's names is taken."""
        for name in _names(model):
            if name in self._by_name:
                raise NotServable(f"two of the served models are called {name!r}; rename one in its recipe")

    def remove(self, model: ServedModel) -> None:
        """Nobody finds the model any more; those who use it go on."""
        self.models = tuple(one for one in self.models if one is not model)
        for name in _names(model):
            del self._by_name[name]

    @contextmanager
    def use(self, name: str) -> Iterator[ServedModel]:
        """The model, which is in use until the block ends. Raises ModelNotFound."""
        model = self.find(name)
        self._uses[model] += 1
        try:
            yield model
        finally:
            self._uses[model] -= 1
            if not self._uses[model] and model in self._unused:
                self._unused[model].set()

    async def unused(self, model: ServedModel) -> None:
        """Returns when nobody uses the model, which was removed."""
        if self._uses[model]:
            self._unused[model] = asyncio.Event()
            await self._unused[model].wait()
            del self._unused[model]
        del self._uses[model]

    def find(self, name: str) -> ServedModel:
        """Raises ModelNotFound."""
        try:
            return self._by_name[name]
        except KeyError:
            served = ", ".join(model.id for model in self.models) or "nothing"
            raise ModelNotFound(
                f"The model {name[:128]!r} is not served here; served: {served}.", "model"
            ) from None


def load_catalog(builds: Sequence[Path], pool: ThreadPoolExecutor) -> Catalog:
    """builds: folders with a manifest.json. pool: see Prompter. Raises NotServable if two models want one name,
    and what ``load_model`` raises."""
    return Catalog(load_model(build, pool) for build in builds)


def load_model(build: Path, pool: ThreadPoolExecutor) -> ServedModel:
    """Raises RecipeError if the folder holds no finished build, UnknownTokenizer if its tokenizer cannot be read,
    NotServable if no parser reads its format."""
    manifest = load_manifest(build)
    try:
        # A build says both; what is left out, a manifest that no build wrote leaves out.
        model = manifest.recipe.model
        written = find_format(model.format or "plain", model.reasoning or "none")
    except UnknownFormat as error:
        raise NotServable(f"{build}: {error}") from error
    prompter = Prompter(build / "tokenizer", manifest.vocab_size, pool, written.syntax.calls)
    return ServedModel(
        build=build,
        manifest=manifest,
        prompter=prompter,
        format=written,
        bytes_of=prompter.tokenizer.showing(written.syntax.markers),
        created=int((build / "manifest.json").stat().st_mtime),
    )


def _names(model: ServedModel) -> tuple[str, ...]:
    return model.id, *model.manifest.recipe.model.aliases
