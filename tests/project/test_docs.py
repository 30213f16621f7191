"""What the documents say is what the code does."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from mnist_classifier import __version__
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.evaluation.robustness.pages.kinds import KINDS
from mnist_classifier.evaluation.robustness.pages.table import page_table_as_markdown
from mnist_classifier.registry.manifest import ROBUSTNESS_FILE
from mnist_classifier.web.app import create_app
from mnist_classifier.web.services.services import EXTENSION
from tests.checkout import ROOT


def rows(document: str) -> dict[str, list[str]]:
    """The tables of a document: first cell, without backticks, -> the other cells."""
    found = {}
    for line in (ROOT / "docs" / document).read_text("utf-8").splitlines():
        if line.startswith("| `"):
            first, *others = (cell.strip() for cell in line.strip("|").split("|"))
            found[first.strip("`")] = others
    return found


@pytest.mark.parametrize("spec", dataclasses.fields(TrainConfig), ids=lambda spec: spec.name)
def test_every_training_setting_stands_in_the_table(spec: dataclasses.Field):
    default, allowed, explanation = rows("training.md")[spec.name]
    assert default == f"`{spec.default}`"
    assert explanation == spec.metadata["help"]
    for choice in spec.metadata["choices"]:
        assert f"`{choice}`" in allowed
    if not spec.metadata["choices"]:
        assert allowed.startswith(f"{spec.metadata['low']:g} to {spec.metadata['high']:g}")


@pytest.mark.parametrize("spec", dataclasses.fields(Settings), ids=lambda spec: spec.name)
def test_every_variable_stands_in_the_table(spec: dataclasses.Field):
    default, _ = rows("deploy.md")[f"MNIST_{spec.name.upper()}"]
    if spec.metadata and spec.default:
        assert default == f"`{spec.default}`"


def test_every_route_is_documented(settings: Settings):
    app = create_app(settings)
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static":
            continue
        path = re.sub(r"<int:run_id>", "<id>", rule.rule)
        path = re.sub(r"<int:index>", "<0-9999>", path)
        path = re.sub(r"<(?:int|path):(\w+)>", r"<\1>", path)
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            assert f"{method} {path}" in text, f"{method} {path}"
    app.extensions[EXTENSION].store.close()


PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def without_code(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub and the built site give to the headings of a page."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *$", without_code(page), re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(words.replace(" ", "-"))
    return found


@pytest.mark.parametrize("path", PAGES)
def test_links_between_documents_lead_somewhere(path: str):
    page = ROOT / path
    for target, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page))):
        if "://" in target or target.startswith("mailto:"):
            continue
        found = page.parent / target if target else page
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found), f"{target}#{anchor}"


def test_a_page_of_the_site_links_to_no_page_outside_the_site():
    for page in (ROOT / "docs").glob("*.md"):
        assert re.findall(r"\]\((\.\./[^)\s]*\.md\b[^)\s]*)\)", without_code(page)) == [], page.name


def test_every_page_is_in_the_navigation_of_the_site():
    navigation = (ROOT / "zensical.toml").read_text("utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert f'"{page.name}"' in navigation, page.name


def threats() -> list[list[str]]:
    """The lines of the tables in security.md: threat, defence, tests; not those of attacks, before and now."""
    lines = (ROOT / "docs" / "security.md").read_text("utf-8").partition("| attack |")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [line for line in cells if line[0] != "threat" and not line[0].startswith("--")]


def test_every_defence_that_security_promises_is_shown_by_a_test_that_exists():
    defined = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        defined |= set(re.findall(r"^def (test_\w+)\(", path.read_text("utf-8"), re.MULTILINE))
    assert len(threats()) > 20
    for threat, defence, shown_by in threats():
        named = re.findall(r"`(test_\w+)`", shown_by)
        assert defence, threat
        assert named, f"no test shows the defence against: {threat}"
        assert set(named) <= defined, set(named) - defined


def test_every_file_names_the_same_version():
    assert re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)[1] == __version__
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\n## {__version__} (" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_kind_of_page_and_its_stored_figures_are_documented():
    text = (ROOT / "docs" / "evaluation.md").read_text("utf-8")
    assert not [kind for kind in KINDS if f"`{kind}`" not in text]
    assert f"of each of {len(KINDS)} kinds" in text
    stored = json.loads((PRETRAINED_DIR / ROBUSTNESS_FILE).read_text("utf-8"))
    assert f"--document -->\n{page_table_as_markdown(stored['rows'])}\n<!-- end of pages -->" in text


def test_the_documents_tell_the_figures_of_the_model_in_the_box():
    test = json.loads((PRETRAINED_DIR / "manifest.json").read_text("utf-8"))["metrics"]["test"]
    nines_as_4 = ["no", "one", "two", "three", "four", "five", "six"][test["confusion"][9][4]]
    pens = json.loads((PRETRAINED_DIR / ROBUSTNESS_FILE).read_text("utf-8"))["summary"]["pen_digits_mean"]
    told = {
        "README.md": [f"**{test['accuracy']:.2%}** right", f"{pens:.2%} of 3,777"],
        "docs/figures.md": [f"**{test['accuracy']:.2%}** right", f"{pens:.2%} of 3,777"],
        "docs/learner.md": [
            f"reads {test['correct']:,} of {test['images']:,} test images right",
            f"the other {test['images'] - test['correct']} under",
            f"{nines_as_4} nines that the network reads as 4",
            f"for {pens:.1%} of [digits that other people drew]",
        ],
        "docs/teacher.md": [f"reads {nines_as_4} nines as 4"],
    }
    for document, sentences in told.items():
        text = " ".join((ROOT / document).read_text("utf-8").replace(" %", "%").split())
        assert not [sentence for sentence in sentences if sentence not in text], document


@pytest.mark.parametrize("path", PAGES)
def test_names_that_documents_place_in_a_file_are_there(path: str):
    placed = re.findall(r"`(\w+)`\s+in\s+`([\w/]+\.py)`", (ROOT / path).read_text("utf-8"))
    for name, file in placed:
        found = next(each for each in (ROOT / file, PRETRAINED_DIR.parent / file) if each.is_file())
        assert re.search(rf"\b{name}\b", found.read_text("utf-8")), f"{name} in {file}"
