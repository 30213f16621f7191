"""The HTML pages; they fetch their data from the API."""

from __future__ import annotations

from flask import Blueprint, Response, render_template
from markupsafe import Markup

from mnist_classifier.core.records import LONGEST_NAME, LONGEST_NOTE
from mnist_classifier.learning.sheet_layout import A4, PAPERS, sheet_svg
from mnist_classifier.web.wire.operation import HTML, describe
from mnist_classifier.web.wire.parameters import choice
from mnist_classifier.web.wire.training_form import training_form

blueprint = Blueprint("pages", __name__)

PAPER = choice("paper", "size of the paper", A4, tuple(PAPERS))


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


@blueprint.get("/corrections")
@describe(media=HTML)
def corrections() -> str:
    """Corrections page."""
    return render_template("corrections.html", longest_name=LONGEST_NAME)


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


@blueprint.get("/collect")
@describe(media=HTML)
def collect() -> str:
    """Page that collects handwriting: from a sheet, or from a class that draws."""
    return render_template("collect.html", longest_name=LONGEST_NAME)


@blueprint.get("/collect/sheet")
@describe(media=HTML, query=(PAPER,))
def collect_sheet() -> str:
    """The sheet for handwriting, ready to print."""
    paper = PAPER.read()
    return render_template("sheet.html", paper=paper, svg=Markup(sheet_svg(paper)))


@blueprint.get("/collect/sheet.svg")
@describe(media="image/svg+xml", query=(PAPER,))
def collect_sheet_file() -> Response:
    """The sheet for handwriting as a file."""
    return Response(sheet_svg(PAPER.read()), mimetype="image/svg+xml")
