"""The HTML pages; they fetch their data from the API."""

from __future__ import annotations

from flask import Blueprint, render_template

from mnist_classifier.core.records import LONGEST_NAME, LONGEST_NOTE
from mnist_classifier.web.wire.operation import HTML, describe
from mnist_classifier.web.wire.training_form import training_form

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
@describe(media=HTML)
def home() -> str:
    """Home page with the drawing pad."""
    return render_template("index.html")


@blueprint.get("/mnist")
@describe(media=HTML)
def mnist() -> str:
    """Page that looks inside the network."""
    return render_template("mnist.html")


@blueprint.get("/training")
@describe(media=HTML)
def training() -> str:
    """Training page."""
    return render_template("training.html", form=training_form())


@blueprint.get("/models")
@describe(media=HTML)
def models() -> str:
    """Models page."""
    return render_template("models.html", longest_name=LONGEST_NAME, longest_note=LONGEST_NOTE)


@blueprint.get("/explore")
@describe(media=HTML)
def explore() -> str:
    """Explore page."""
    return render_template("explore.html")


@blueprint.get("/lesson")
@describe(media=HTML)
def lesson() -> str:
    """Lesson page with five steps."""
    return render_template("lesson.html")
