"""The served models: folders of finished builds in, what the pipeline needs to know of each out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from build_engines.recipe import Manifest, load_manifest

from .errors import ModelNotFound
from .prompt.prompt import Prompter


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model. created: Unix time of its build."""

    manifest: Manifest
    prompter: Prompter
    created: int

    @property
    def id(self) -> str:
        return self.manifest.recipe.model.id

    @property
    def fingerprint(self) -> str:
        """``system_fingerprint``: changes when anything that went into the build does."""
        return f"fp_{self.manifest.digest[:12]}"


class Catalog:
    """The models by id and alias. Raises ValueError if two of them want the same name."""

    def __init__(self, models: Iterable[ServedModel]) -> None:
        self.models = tuple(models)
        self._by_name: dict[str, ServedModel] = {}
        for model in self.models:
            for name in (model.id, *model.manifest.recipe.model.aliases):
                if name in self._by_name:
                    raise ValueError(f"two of the served models are called {name!r}; rename one in its recipe")
                self._by_name[name] = model

    def find(self, name: str) -> ServedModel:
        """Raises ModelNotFound."""
        try:
            return self._by_name[name]
        except KeyError:
            served = ", ".join(model.id for model in self.models)
            raise ModelNotFound(
                f"The model {name[:128]!r} is not served here; served: {served}.", "model"
            ) from None


def load_catalog(builds: Sequence[Path], pool: ThreadPoolExecutor) -> Catalog:
    """builds: folders with a manifest.json. Raises RecipeError if one holds no finished build, UnknownTokenizer if
    its tokenizer cannot be read."""
    return Catalog(_load(build, pool) for build in builds)


def _load(build: Path, pool: ThreadPoolExecutor) -> ServedModel:
    manifest = load_manifest(build)
    return ServedModel(
        manifest=manifest,
        prompter=Prompter(build / "tokenizer", manifest.vocab_size, pool),
        created=int((build / "manifest.json").stat().st_mtime),
    )
