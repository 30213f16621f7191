from __future__ import annotations

import dataclasses

from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.web.wire.training_form import bounds, training_form


def test_the_form_has_every_setting_exactly_once():
    form = training_form()
    names = [field["name"] for fields in (form["first"], *(g["fields"] for g in form["groups"])) for field in fields]
    assert sorted(names) == sorted(field.name for field in dataclasses.fields(TrainConfig))


def test_five_settings_come_first():
    assert [field["name"] for field in training_form()["first"]] == [
        "recipe", "epochs", "train_images", "batch_size", "learning_rate",
    ]  # fmt: skip


def test_bounds_are_written_without_exponents():
    settings = {field["name"]: field for field in training_form()["first"]}
    assert bounds(settings["learning_rate"]) == "0.0000001 to 1"
    assert bounds(settings["train_images"]) == "0 to 55,000"
    assert bounds(settings["recipe"]) == ""
