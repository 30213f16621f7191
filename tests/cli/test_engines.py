from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mnist_classifier.cli.main import main
from mnist_classifier.cluster import installed


def run(*arguments: str, status: int) -> Result:
    result = CliRunner().invoke(main, ["predict", "--engine", "ray", *arguments])
    assert result.exit_code == status, result.output
    return result


def test_without_ray_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installed, "NEEDED", ("a_package_that_nobody_has",))
    result = run("a.tar", "--output", str(tmp_path / "out"), status=1)
    advice = 'pip install ".[cluster]"'
    assert result.output == f"Error: --engine ray needs Ray, which is not installed. In the checkout, run: {advice}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.tar"], "--engine ray needs files, folders or URLs, and --output"),
        (["--output", "out"], "--engine ray needs files, folders or URLs, and --output"),
        (["a.tar", "--output", "out", "--url", "http://127.0.0.1"], "--url does not work with --engine ray"),
        (["a.tar", "--output", "out", "--json"], "--format does not work with --engine ray"),
        (["--files-from", "list.txt", "--output", "out"], "--files-from does not work with --engine ray"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments: list[str], message: str) -> None:
    assert message in run(*arguments, status=2).output


def test_the_local_engine_loads_nothing_of_the_extra() -> None:
    code = (
        "import sys, mnist_classifier.cli.predict, mnist_classifier.web.app;"
        "print(sorted({'ray', 'pyarrow', 'fsspec', 'pandas'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert result.stdout == "[]\n"
