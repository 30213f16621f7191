from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mnist_classifier.core.errors import InvalidConfig, MnistError
from mnist_classifier.core.recipe_files import LARGEST_FILE_BYTES, config_of, read_recipe, write_recipe
from mnist_classifier.core.recipes import RECIPES
from mnist_classifier.core.settings import PACKAGE_DIR
from mnist_classifier.core.train_config import TrainConfig


def recipe_file(folder: Path, contents: object, name: str = "mine.json") -> Path:
    path = folder / name
    path.write_text(contents if isinstance(contents, str) else json.dumps(contents))
    return path


def test_a_written_recipe_is_read_with_the_values_of_its_base(tmp_path: Path):
    write_recipe(tmp_path / "mine.json", "fast", {"learning_rate": 0.012, "batch_size": 96}, "12 trials")
    recipe = read_recipe(tmp_path / "mine.json")
    assert recipe.summary == "12 trials"
    assert recipe.values == {**RECIPES["fast"].values, "learning_rate": 0.012, "batch_size": 96}


def test_flags_override_a_recipe_file_and_the_record_names_the_file(tmp_path: Path):
    path = recipe_file(tmp_path, {"base": "fast", "values": {"learning_rate": 0.012, "epochs": 3}})
    config = config_of({"recipe": str(path), "epochs": 5})
    assert (config.recipe, config.learning_rate, config.epochs) == ("mine.json", 0.012, 5)
    assert config.batch_size == RECIPES["fast"].values["batch_size"]
    path.unlink()
    assert TrainConfig.from_record(config.to_dict()) == config


def test_a_file_is_never_opened_for_a_request(tmp_path: Path):
    path = recipe_file(tmp_path, {"base": "fast", "values": {}})
    with pytest.raises(InvalidConfig, match="recipe must be one of classic"):
        TrainConfig.from_mapping({"recipe": str(path)})


@pytest.mark.parametrize(
    ("contents", "field", "words"),
    [
        ("not JSON", "recipe", "not valid UTF-8 JSON"),
        ("[]", "recipe", "must be a JSON object"),
        ({"base": "fats"}, "base", "must be one of classic"),
        ({"base": 3}, "base", "must be text"),
        ({"vlaues": {}}, "vlaues", "is unknown"),
        ({"values": {"zoom": 1}}, "zoom", "unknown setting 'zoom'; known are recipe, epochs"),
        ({"values": {"lerning_rate": 1}}, "lerning_rate", "did you mean learning_rate?"),
        ({"values": {"epochs": "3"}}, "epochs", "must be of type int"),
        ({"values": {"epochs": [3]}}, "values", "must be"),
        ({"values": {"learning_rate": 7}}, "learning_rate", "must lie between"),
        ({"values": {"recipe": "fast"}}, "recipe", "use `base`"),
        ("[" * 5000, "recipe", ""),
        (" " * (LARGEST_FILE_BYTES + 1), "recipe", "too large"),
    ],
)
def test_a_wrong_recipe_file_is_refused_with_its_path_and_the_field(
    tmp_path: Path, contents: object, field: str, words: str
):
    path = recipe_file(tmp_path, contents)
    with pytest.raises(InvalidConfig) as caught:
        config_of({"recipe": str(path)})
    assert caught.value.field == field
    assert str(path) in caught.value.message
    assert words in caught.value.message


def test_what_is_no_file_is_refused_at_once(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing.json", Path("fats"), tmp_path / "\0"):
        with pytest.raises(InvalidConfig) as caught:
            config_of({"recipe": str(path)})
        assert caught.value.field == "recipe"


@pytest.mark.parametrize(
    "name", ["fast", "fast.json", " mine.json", "mine.json ", "m" * 81, "\U0001f600" * 21, "a\nb", ""]
)
def test_a_name_that_no_recipe_can_have_is_neither_written_nor_read(tmp_path: Path, name: str):
    with pytest.raises(InvalidConfig, match="name (of )?a (recipe file|built-in recipe)"):
        write_recipe(tmp_path / name if name else Path(), "fast", {}, "")
    if name.isprintable() and name:
        recipe_file(tmp_path, {"base": "fast"}, name)
    with pytest.raises(InvalidConfig, match="name (of )?a (recipe file|built-in recipe)"):
        config_of({"recipe": str(tmp_path / name) if name else "."})


def test_a_folder_that_cannot_be_written_to_is_one_clear_line(tmp_path: Path):
    with pytest.raises(MnistError, match=r"missing.mine\.json cannot be written to"):
        write_recipe(tmp_path / "missing" / "mine.json", "fast", {}, "")


def test_a_setting_that_is_younger_than_a_record_is_off():
    record = config_of({"recipe": "best"}).to_dict()
    del record["passes"], record["cutout_probability"], record["patch"]
    config = TrainConfig.from_record(record)
    assert (config.recipe, config.passes, config.cutout_probability, config.patch) == ("best", 1, 0.0, 1)
    assert config.epochs == record["epochs"]


def test_the_teacher_of_the_model_in_the_box_is_a_recipe_file():
    config = config_of({"recipe": str(PACKAGE_DIR / "training" / "box_teacher.json")})
    assert (config.conv1_channels, config.conv2_layers, config.passes) == (48, 3, 1)
    assert config.outlier_share == config_of({"recipe": "handwriting"}).outlier_share > 0
