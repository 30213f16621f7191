"""The HTML pages; they get everything they show from the API."""

from __future__ import annotations

from flask import Blueprint, render_template

from mnist_classifier.recipes import RECIPES

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def home() -> str:
    """The home page, ready to draw."""
    return render_template("index.html")


@blueprint.get("/mnist")
def mnist() -> str:
    """The full recogniser."""
    return render_template("mnist.html", recipes=RECIPES)
