"""What is shipped: the wheel, the pins, the files of the repository."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mnist_classifier import __version__
from tests.checkout import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGE = ROOT / "src" / "mnist_classifier"
TESTS_OF_DOCUMENTS = ("tests/project/test_docs.py", "tests/project/test_deploy.py")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

LARGEST_FILE_BYTES = 5_000_000
PLATFORMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


def files_of_the_repository() -> list[Path]:
    """All that git tracks or would track."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


# --- the wheel ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive."""
    folder = tmp_path_factory.mktemp("built")
    result = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=ROOT, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.fixture(scope="module")
def wheel_names(built: Path) -> set[str]:
    (wheel,) = built.glob("mnist_digit_classifier-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_the_whole_package(wheel_names: set[str]) -> None:
    on_disk = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert on_disk <= wheel_names


@pytest.mark.parametrize(
    "file",
    [
        "py.typed",
        "pretrained/manifest.json",
        "pretrained/model.onnx",
        "pretrained/weights.safetensors",
        "training/box_teacher.json",
        "pretrained/line_reader/manifest.json",
        "pretrained/line_reader/model.onnx",
        "web/templates/base.html",
        "web/templates/index.html",
        "web/templates/mnist.html",
        "web/offline/base.html",
        "web/offline/site.html",
        "web/offline/service-worker.js",
    ],
)
def test_wheel_holds_what_the_application_reads(wheel_names: set[str], file: str) -> None:
    assert f"mnist_classifier/{file}" in wheel_names


def test_wheel_holds_scripts_and_styles_but_no_tests(wheel_names: set[str]) -> None:
    static = [name for name in wheel_names if name.startswith("mnist_classifier/web/static/")]
    assert {Path(name).suffix for name in static} >= {".js", ".css"}
    assert not [name for name in wheel_names if not name.startswith(("mnist_classifier/", "mnist_digit_classifier-"))]


# --- what a package index shows -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def metadata(built: Path) -> Metadata:
    """That of the wheel.  Parsing it checks every field."""
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Metadata.from_email(archive.read(name))


def test_the_distribution_has_a_name_that_is_free(metadata: Metadata) -> None:
    assert metadata.name == "mnist-digit-classifier"


def test_metadata_name_the_licence_links_and_pythons(metadata: Metadata) -> None:
    assert metadata.license_expression == "MIT"
    assert {"Homepage", "Source", "Issues", "Changelog", "Documentation"} == set(metadata.project_urls or {})
    classifiers = metadata.classifiers or []
    minors = [each.removeprefix("Programming Language :: Python :: ") for each in classifiers]
    assert tuple(minor for minor in minors if minor.startswith("3.")) == PYTHONS
    assert {"Framework :: Flask", "Typing :: Typed"} <= set(classifiers)
    assert not [each for each in classifiers if each.startswith("License ::")]  # the expression says it
    # The weights of the line reader come from strokes under CC BY, which asks for their source.
    assert {"LICENSE", "NOTICE"} <= set(metadata.license_files or [])


def test_no_link_or_image_of_the_description_is_relative(metadata: Metadata) -> None:
    text = metadata.description or ""
    links = re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=[\"']([^\"']+)", text)
    targets = [markdown or html for markdown, html in links]
    source = (metadata.project_urls or {})["Source"]
    images = re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", text)
    assert any(image.endswith("/docs/screenshots/drawing.webp") for image in images)
    assert [image for image in images if not image.startswith(f"{source}/raw/v{metadata.version}/docs/")] == []
    assert [target for target in targets if not re.match(r"https://|#", target)] == []


# --- the source archive -------------------------------------------------------------------------------


def test_the_source_archive_holds_the_whole_repository(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert names == {path.relative_to(ROOT).as_posix() for path in files_of_the_repository()} | {"PKG-INFO"}


def test_tests_run_from_the_source_archive(built: Path, tmp_path: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    # Without a folder of its own it would clean up behind the tests around it, which takes half a minute.
    own = f"--basetemp={tmp_path / 'temporary'}"
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", own, *TESTS_OF_DOCUMENTS, "-m", "not slow"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder / "src")}, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


# --- what readers are told to install -----------------------------------------------------------------

READ_BY_USERS = ("*.md", "Makefile", "*.py", "docs/*.md", "deploy/*", "src/**/*", "bench/**/*.py", ".ci/*")
# The arguments, up to the end of the command.
INSTALLS = re.compile(r"\bpip[3x]? install\b([^\n`#;&|]*)")
OURS = re.compile(r"\bmnist[\w.*-]*", re.IGNORECASE)


def wrong_installs(text: str) -> list[str]:
    """Names like ours that the text tells to install, and that are not ours."""
    named = [name for arguments in INSTALLS.findall(text) for name in OURS.findall(arguments)]
    named += re.findall(r"\bmnist[_-]classifier(?=\[|[=<>~!]=|-\*)", text)
    return [name for name in named if not canonicalize_name(name).startswith("mnist-digit-classifier")]


@pytest.mark.parametrize(
    "text",
    [
        "pip install mnist-classifier",
        "run `pip install 'mnist-classifier[train]'`",
        "bin/pip install --no-deps mnist_classifier-*.whl",
        "pip install -U MNIST",
        "RUN pip install \\\n  mnist-classifier==0.1.0",
    ],
)
def test_a_wrong_name_is_noticed(text: str) -> None:
    assert wrong_installs(text)


def test_no_document_message_or_page_installs_somebody_elses_package() -> None:
    files = {path for pattern in READ_BY_USERS for path in ROOT.glob(pattern) if path.is_file()}
    texts = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in files
        if "__pycache__" not in path.parts
    }
    tell = {name for name, text in texts.items() if INSTALLS.search(text)}
    assert {"README.md", "docs/deploy.md", "deploy/Containerfile", "src/mnist_classifier/core/errors.py"} <= tell
    assert {name: wrong for name, text in texts.items() if (wrong := wrong_installs(text))} == {}


# --- the console script -------------------------------------------------------------------------------


def test_the_program_knows_the_version_that_it_is_packaged_as() -> None:
    assert __version__ == PROJECT["version"]


def test_console_script_is_installed() -> None:
    scripts = importlib.metadata.entry_points(group="console_scripts", name="mnist")
    assert {script.value for script in scripts} == {PROJECT["scripts"]["mnist"]}
    assert all(callable(script.load()) for script in scripts)


def test_readme_names_only_commands_that_exist() -> None:
    from mnist_classifier.cli import main

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```.*?\n(.*?)```", readme, re.DOTALL) + re.findall(r"`([^`\n]+)`", readme))
    named = set(re.findall(r"(?:^|[\s/])mnist ([a-z-]+)\b", blocks, re.MULTILINE))
    assert "serve" in named
    assert named <= {*main.COMMANDS, *main.main.commands}


def test_readme_names_only_make_targets_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b", "\n".join(re.findall(r"`+[^`]+`+", readme))))
    assert {"run", "test"} <= named
    assert named <= targets


def test_readme_fits_on_120_lines() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_readme_clones_our_repository_and_tells_how_to_avoid_cuda() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"git clone {PROJECT['urls']['Source']}\n" in readme
    assert "Install the CPU build first" in readme


# --- the pins -----------------------------------------------------------------------------------------


def pins() -> list[Requirement]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-e"))]


def pins_for(python: str, platform: str) -> dict[str, str]:
    """Package and version that pip takes there.  Two pins for one package are an error."""
    chosen: dict[str, str] = {}
    for pin in pins():
        if is_for(pin, python, platform):
            name = canonicalize_name(pin.name)
            assert name not in chosen, f"{name} is pinned twice for Python {python} on {platform}"
            (specifier,) = pin.specifier
            assert specifier.operator == "=="
            chosen[name] = specifier.version
    return chosen


def is_for(requirement: Requirement, python: str, platform: str) -> bool:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
        "platform_system": PLATFORMS[platform],
    }
    return requirement.marker is None or requirement.marker.evaluate(environment)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_pins_lie_in_the_ranges(python: str, platform: str) -> None:
    chosen = pins_for(python, platform)
    for text in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["train"]:
        wanted = Requirement(text)
        if is_for(wanted, python, platform):
            assert chosen[canonicalize_name(wanted.name)] in wanted.specifier, text


def test_pins_are_complete_for_this_python() -> None:
    chosen = pins_for(f"{sys.version_info[0]}.{sys.version_info[1]}", sys.platform)
    for name in set(chosen) - {"torch"}:  # what torch needs of CUDA it pins itself
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # this environment was made in another way than by requirements.txt
        for text in needs:
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                assert canonicalize_name(wanted.name) in chosen, f"{name} needs {text}, which is not pinned"
                assert chosen[canonicalize_name(wanted.name)] in wanted.specifier, f"{name} needs {text}"


def test_requirements_end_with_the_application() -> None:
    assert (ROOT / "requirements.txt").read_text(encoding="utf-8").rstrip().splitlines()[-1] == "-e ."


# --- the repository -----------------------------------------------------------------------------------


def test_repository_holds_no_data_and_no_pickle() -> None:
    unwanted = re.compile(r"idx\d-ubyte|\.(pt|pth|pkl|ckpt|db|whl)$")
    assert not [path for path in files_of_the_repository() if unwanted.search(path.name)]


def test_repository_holds_no_large_file() -> None:
    assert not [path for path in files_of_the_repository() if path.stat().st_size > LARGEST_FILE_BYTES]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no run bits")
def test_ci_script_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
