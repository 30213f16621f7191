"""Recipes in files, which `mnist tune` writes and `--recipe FILE` reads.

A file is a JSON object: `base` names the recipe that it starts from, and `values` has the settings that differ.
Only the command line and Python open such files.  The server knows the recipes in `RECIPES` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mnist_classifier.core import files
from mnist_classifier.core.checking import in_words
from mnist_classifier.core.decodable import decodable
from mnist_classifier.core.errors import InvalidConfig, MnistError
from mnist_classifier.core.recipes import RECIPES, Recipe, Value
from mnist_classifier.core.train_config import TrainConfig

# A recipe has some dozens of short values.
LARGEST_FILE_BYTES = 100_000
# The name of the file is the name of the recipe in records and on pages.  In bytes: 4 for a rare character.
LONGEST_FILE_NAME = 80


@decodable
class _Contents(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The contents of a recipe file."""

    base: str = "classic"
    summary: str = ""
    values: dict[str, bool | int | float | str] = {}


def config_of(values: Mapping[str, Any]) -> TrainConfig:
    """The settings of flags or of a call from Python, whose `recipe` may be the path of a recipe file.

    The recipe is recorded by the name of its file.  Raises InvalidConfig.
    """
    recipe = values.get("recipe", "classic")
    if not isinstance(recipe, (str, Path)) or recipe in RECIPES:
        return TrainConfig.from_mapping(values)
    path = Path(recipe)
    return TrainConfig.from_mapping({**values, "recipe": path.name}, {path.name: read_recipe(path)})


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file; the values of its base are included.  Raises InvalidConfig, which names the field."""
    contents = _parse(path, _contents_of(path))
    if "recipe" in contents.values:
        raise InvalidConfig(f"{path}: `values` must not name a recipe; use `base`", field="recipe")
    try:
        TrainConfig.from_mapping({"recipe": contents.base, **contents.values})
    except InvalidConfig as error:
        field = "base" if error.field == "recipe" else error.field
        raise InvalidConfig(f"{path}: {error.message}", field=field) from error
    return Recipe(contents.summary, {**RECIPES[contents.base].values, **contents.values})


def write_recipe(path: Path, base: str, values: Mapping[str, Value], summary: str) -> None:
    """Write a recipe file; an older file of that name is replaced.  Raises InvalidConfig, StorageFull, MnistError."""
    check_file_name(path)
    data = msgspec.json.encode(_Contents(base, summary, dict(values)))
    with files.disk_errors(f"{path} cannot be written to", MnistError), files.replaced(path) as part:
        part.write_bytes(msgspec.json.format(data, indent=2) + b"\n")


def check_file_name(path: Path) -> None:
    """Refuse a file name that no recipe can have, and that of a built-in recipe.  Raises InvalidConfig."""
    name = path.name
    if name.removesuffix(".json") in RECIPES:
        raise InvalidConfig(
            f"{str(path)!r:.200} has the name of a built-in recipe; give the file another name", field="recipe"
        )
    if path.is_dir():
        raise InvalidConfig(f"{str(path)!r:.200} is a folder; name a recipe file", field="recipe")
    # A name of printable characters can be encoded.
    if not name.isprintable() or name != name.strip() or not 1 <= len(name.encode()) <= LONGEST_FILE_NAME:
        raise InvalidConfig(
            f"the name of a recipe file has at most {LONGEST_FILE_NAME} printable characters and no blank at either "
            f"end, not {name!r:.99}",
            field="recipe",
        )


def _contents_of(path: Path) -> bytes:
    check_file_name(path)
    try:
        if path.is_file():  # neither a folder nor a pipe, which may never end
            with path.open("rb") as file:
                data = file.read(LARGEST_FILE_BYTES + 1)
        else:
            raise InvalidConfig(
                f"recipe must be one of {', '.join(RECIPES)}, or the path of a recipe file; "
                f"there is no file {str(path)!r:.200}",
                field="recipe",
            )
    except (OSError, ValueError) as error:
        raise InvalidConfig(f"the recipe file {str(path)!r:.200} cannot be read: {error}", field="recipe") from error
    if len(data) > LARGEST_FILE_BYTES:
        raise InvalidConfig(f"{path} is too large for a recipe file", field="recipe")
    return data


def _parse(path: Path, data: bytes) -> _Contents:
    try:
        return msgspec.json.decode(data, type=_Contents)
    except msgspec.ValidationError as failure:
        place, words = in_words(failure)
        raise InvalidConfig(f"{path}: {place or 'the file'} {words}", field=place or "recipe") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidConfig(f"{path} is not a recipe file: it is not valid UTF-8 JSON", field="recipe") from None
