from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from mnist_classifier.core.errors import InvalidConfig
from mnist_classifier.core.recipes import RECIPES
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from tests.checkout import ROOT


def test_the_default_recipe_is_the_documented_one():
    config = TrainConfig()
    documented = {
        "recipe": "classic",
        "epochs": 15,
        "batch_size": 128,
        "learning_rate": 0.001,
        "rotation_degrees": 10.0,
        "translation": 0.1,
        "scale_low": 0.9,
        "scale_high": 1.1,
    }
    assert {name: getattr(config, name) for name in documented} == documented
    assert config.erasing_probability > 0
    assert config.patience > 0
    assert config.schedule != "constant"


@pytest.mark.parametrize("spec", dataclasses.fields(TrainConfig), ids=lambda spec: spec.name)
def test_every_setting_explains_itself_and_is_bounded(spec: dataclasses.Field[Any]):
    assert spec.metadata["help"]
    assert spec.metadata["choices"] or spec.metadata["low"] is not None


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1001}, "epochs"),
        ({"epochs": 2.5}, "epochs"),
        ({"epochs": "3"}, "epochs"),
        ({"epochs": True}, "epochs"),
        ({"epochs": None}, "epochs"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"learning_rate": float("inf")}, "learning_rate"),
        ({"schedule": "nope"}, "schedule"),
        ({"schedule": 1}, "schedule"),
        ({"conv1_kernel": 4}, "conv1_kernel"),
        ({"speed": 1}, "speed"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_field(values: dict[str, Any], field: str):
    with pytest.raises(InvalidConfig) as caught:
        TrainConfig.from_mapping(values)
    assert caught.value.field == field
    assert field in caught.value.message


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_a_valid_preset_that_single_values_override(name: str):
    config = TrainConfig.from_mapping({"recipe": name})
    assert config.recipe == name
    assert {key: getattr(config, key) for key in RECIPES[name].values} == RECIPES[name].values
    changed = TrainConfig.from_mapping({"recipe": name, "epochs": 77})
    assert changed == dataclasses.replace(config, epochs=77)
    assert TrainConfig.from_mapping(changed.to_dict()) == changed


@pytest.mark.parametrize("name", ["", "nope", 3, None, ["classic"]])
def test_an_unknown_recipe_is_refused(name: object):
    with pytest.raises(InvalidConfig) as caught:
        TrainConfig.from_mapping({"recipe": name})
    assert caught.value.field == "recipe"


def test_whole_numbers_pass_for_floats_and_back():
    config = TrainConfig.from_mapping({"weight_decay": 0, "epochs": 3.0})
    assert (config.weight_decay, config.epochs) == (0.0, 3)
    assert type(config.epochs) is int


def test_a_config_survives_the_way_through_plain_values():
    config = TrainConfig(epochs=2, seed=7)
    assert TrainConfig.from_mapping(config.to_dict()) == config


def test_settings_come_from_the_environment_and_flags_win(tmp_path: Path):
    environ = {"MNIST_HOME": str(tmp_path), "MNIST_PORT": "6000", "MNIST_HOST": "::1"}
    settings = Settings.from_environment(environ, port=7000, host=None)
    assert (settings.home, settings.host, settings.port) == (tmp_path, "::1", 7000)


@pytest.mark.parametrize("text", ["abc", "0", "65536", "-1", "5.5"])
def test_a_bad_port_in_the_environment_is_an_error(text: str, tmp_path: Path):
    with pytest.raises(InvalidConfig, match="port|PORT"):
        Settings.from_environment({"MNIST_HOME": str(tmp_path), "MNIST_PORT": text})


def test_a_child_process_gets_the_same_settings(settings: Settings):
    assert Settings.from_environment(settings.to_environment()) == settings


def test_data_is_looked_for_in_the_documented_order(tmp_path: Path):
    own, shared, cache = Settings(home=tmp_path).data_dirs()
    assert own == tmp_path / "data" / "mnist"
    assert shared == ROOT.parent / "shared" / "mnist"
    assert cache.name == "mnist"


def test_a_folder_of_data_that_is_named_is_the_only_one(tmp_path: Path):
    named = {"MNIST_DATA_DIR": str(tmp_path / "data"), "MNIST_PEN_DIR": str(tmp_path / "pens")}
    settings = Settings.from_environment(named)
    assert settings.data_dirs() == [(tmp_path / "data").resolve()] == [settings.download_to]
    assert settings.pen_dirs() == [(tmp_path / "pens").resolve()]


def test_shared_data_lie_beside_the_checkout_wherever_home_is(tmp_path: Path):
    elsewhere = Settings.from_environment({"MNIST_HOME": str(tmp_path / "home")})
    assert ROOT.parent / "shared" / "mnist" in elsewhere.data_dirs()
    assert elsewhere.pen_dirs() == [ROOT.parent / "shared" / "pen_digits"]
    assert not [folder for folder in elsewhere.data_dirs() if folder.is_relative_to(tmp_path / "shared")]
