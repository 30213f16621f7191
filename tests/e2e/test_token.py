"""A server with a token: the pages ask for it once, when it is needed first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from application import Application
from playwright.sync_api import Browser, expect
from test_models import add_versions, open_version, row
from visitor import FAILED_REQUEST, Visitor

from conftest import Visit

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def guarded(tmp_path: Path, browser: Browser) -> Iterator[Application]:
    """The application with a token, and two versions."""
    with Application(tmp_path, data_dir=tmp_path / "no-data", MNIST_TOKEN=TOKEN) as running:
        add_versions(tmp_path / "home")
        yield running


def rename(visitor: Visitor, name: str) -> None:
    visitor.find("edit-name").fill(name)
    visitor.find("edit-save").click()


def give(visitor: Visitor, token: str) -> None:
    dialog = visitor.page.get_by_role("dialog", name="This server needs a token")
    dialog.get_by_label("Token").fill(token)
    dialog.get_by_role("button", name="Continue").click()


def test_the_token_is_asked_for_until_it_is_right_and_then_no_more(visit: Visit, guarded: Application):
    visitor = visit("/models", at=guarded)
    visitor.expected_errors = (FAILED_REQUEST,)
    open_version(visitor, 2)
    rename(visitor, "steady")
    dialog = visitor.page.get_by_role("dialog", name="This server needs a token")
    expect(dialog).to_contain_text("This request needs a token")
    give(visitor, TOKEN + "x")
    expect(dialog).to_contain_text("The token is wrong")
    give(visitor, TOKEN)
    expect(row(visitor, 2)).to_contain_text("steady")
    open_version(visitor, 1)
    with visitor.page.expect_download() as download:
        visitor.find("export").click()
    assert download.value.suggested_filename == "mnist-model-1-classic-1.zip"
    visitor.page.reload()
    open_version(visitor, 2)
    rename(visitor, "steadier")
    expect(row(visitor, 2)).to_contain_text("steadier")


def test_who_has_no_token_can_read_and_look_but_not_change(visit: Visit, guarded: Application):
    visitor = visit("/models", at=guarded)
    visitor.expected_errors = (FAILED_REQUEST,)
    open_version(visitor, 2)
    rename(visitor, "mine")
    dialog = visitor.page.get_by_role("dialog", name="This server needs a token")
    dialog.get_by_role("button", name="Cancel").click()
    expect(visitor.find("dialog-error")).to_contain_text("This request needs a token")
    expect(row(visitor, 2)).to_contain_text("lightning-2")
