"""The steps of docs/tutorial.md, executed as they are written: own digits, corrections, a personal model."""

from __future__ import annotations

import re

import numpy as np
import pytest
from application import Application
from playwright.sync_api import expect
from stored_corrections import stored
from tests.checkout import ROOT
from visitor import FAILED_REQUEST, SEVEN, Point, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e

NAME = "Anna"
# This hand writes its 1 with a long upstroke, and the model in the box reads 7.
ONE: list[Point] = [(0.3, 0.34), (0.42, 0.32), (0.58, 0.18), (0.54, 0.5), (0.5, 0.85)]
DIGITS = [(ONE, 1)] * 12 + [(SEVEN, 7)] * 3


def steps() -> dict[str, list[str]]:
    """Title of each numbered step of the tutorial -> the controls that it names in bold."""
    text = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    _, *sections = re.split(r"^## \d+\. ", text.partition("## What next")[0], flags=re.MULTILINE)
    return {title: re.findall(r"\*\*(.+?)\*\*", body) for title, _, body in (each.partition("\n") for each in sections)}


def again(points: list[Point], seed: int) -> list[Point]:
    """A digit as the same hand writes it another time."""
    chance = np.random.default_rng(seed)
    shift, stretch = chance.uniform(-0.04, 0.04, 2), chance.uniform(0.9, 1.05, 2)
    moved = (np.array(points) - 0.5) * stretch + 0.5 + shift + chance.uniform(-0.012, 0.012, (len(points), 2))
    return [(float(x), float(y)) for x, y in np.clip(moved, 0.08, 0.92)]


def draw(visitor: Visitor, points: list[Point]) -> None:
    """Clear the pad, draw one digit, and wait for its reading."""
    visitor.find("clear").click()
    expect(visitor.find("correct")).to_be_hidden()
    with visitor.page.expect_response("**/predict?*"):
        visitor.draw(points)
    expect(visitor.find("correct")).to_have_attribute("data-state", "ready")


def test_everybodys_model_reads_when_a_personal_model_is_gone(visit: Visit, own: Application) -> None:
    visitor = visit(f"/?personal={NAME}", at=own)
    expect(visitor.page.locator(".toast")).to_contain_text(f"The personal model for {NAME} was deleted.")
    draw(visitor, again(SEVEN, 0))
    expect(visitor.find("digit")).to_have_text("7")
    expect(visitor.find("reader")).to_be_hidden()


def test_everybodys_model_can_be_chosen_without_the_list_of_the_others(visit: Visit, own: Application) -> None:
    """The list may need the token, and somebody may delete the model while the page is open."""
    visitor = visit(f"/?personal={NAME}", at=own, before=refuse_list)
    visitor.draw(again(SEVEN, 0))
    expect(visitor.page.locator(".toast")).to_contain_text(f"There is no personal model for '{NAME}'")
    visitor.find("reader-choice").select_option("everybody’s")
    expect(visitor.find("digit")).to_have_text("7")
    visitor.page.reload()
    expect(visitor.find("digit")).to_have_text("7")


def refuse_list(visitor: Visitor) -> None:
    visitor.expected_errors = (FAILED_REQUEST,)
    error = {"error": {"code": "token_missing", "message": "this request needs a token", "field": None}}
    visitor.page.route("**/api/personal", lambda route: route.fulfill(status=401, json=error))


def test_the_tutorial_works_as_it_is_written(visit: Visit, own: Application) -> None:
    named = steps()
    assert list(named) == [
        *("Start", "Say who you are", "Show it your digits", "Look at your corrections"),
        *("Let it learn", "Write again", "Forget"),
    ]
    visitor = visit(at=own)
    page = visitor.page

    add_name, save = named["Say who you are"]
    draw(visitor, again(SEVEN, 0))
    page.get_by_role("button", name=add_name).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(NAME)
    dialog.get_by_role("button", name=save).click()

    row, undo = named["Show it your digits"]
    expect(visitor.find("correct").get_by_text(row)).to_be_visible()
    for seed, (points, label) in enumerate(DIGITS):
        draw(visitor, again(points, seed))
        visitor.find("correct").get_by_role("button", name=str(label), exact=True).click()
        expect(visitor.find("correct")).to_contain_text(f"Saved as {label}, by {NAME}.")
    visitor.find("correct").locator("[data-label='9']").click()
    expect(visitor.find("correct")).to_contain_text("Changed to 9")
    visitor.find("correct").get_by_role("button", name=undo).click()
    expect(visitor.find("correct")).to_contain_text("Deleted. Nothing is stored.")
    assert [each["writer"] for each in stored(own)] == [NAME] * (len(DIGITS) - 1)

    (corrections,) = named["Look at your corrections"]
    page.get_by_role("link", name=corrections).click()
    expect(visitor.find("grid").get_by_role("listitem")).to_have_count(len(DIGITS) - 1)

    (personalise,) = named["Let it learn"]
    page.get_by_role("button", name=f"{personalise} {NAME}").click()
    writer = page.locator(f"[data-writer={NAME}]")
    expect(writer).to_contain_text(f"of {len(DIGITS) - 1} right; the model in the box reads")
    before, after = (int(each) for each in re.findall(r"reads (\d+)", writer.inner_text())[::-1])
    assert after > before

    (read,) = named["Write again"]
    writer.get_by_role("link", name=f"{read} {NAME}").click()
    for points, digit in ((SEVEN, "7"), (ONE, "1")):
        draw(visitor, again(points, 100))
        expect(visitor.find("answered-by")).to_contain_text(f"with {NAME}’s personal model")
        expect(visitor.find("digit")).to_have_text(digit)
    visitor.find("reader-choice").select_option("everybody’s")
    expect(visitor.find("digit")).to_have_text("7")
    visitor.page.reload()
    expect(visitor.find("digit")).to_have_text("7")
    expect(visitor.find("answered-by")).not_to_contain_text("personal")

    (forget,) = named["Forget"]
    page.get_by_role("link", name=corrections).click()
    writer.get_by_role("button", name=forget).click()
    expect(page.locator(".toast")).to_contain_text("was deleted. The corrections stay.")
    assert len(stored(own)) == len(DIGITS) - 1
    page.goto(own.url)
    expect(visitor.find("reader-choice").locator("option")).to_have_count(1)
    expect(visitor.find("reader")).to_be_hidden()
