"""Exports the recogniser as a static site, which reads digits without a server.

The page is the home page of web/templates/ with its modules of web/static/;
js/offline/api.js answers in place of the server.  The frame of the page, the
service worker and the icons are in web/offline/.  All addresses are relative,
so that the site works under any path.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from jinja2 import Environment, FileSystemLoader

from mnist_classifier.core.errors import FolderTaken, MnistError
from mnist_classifier.core.settings import PACKAGE_DIR
from mnist_classifier.web.offline.pack import pack

STATIC_DIR = PACKAGE_DIR / "web" / "static"
TEMPLATE_DIR = PACKAGE_DIR / "web" / "templates"
OFFLINE_DIR = PACKAGE_DIR / "web" / "offline"

# Files of OFFLINE_DIR to copy; its other files are Python modules and the template of the page.
COPIED_SUFFIXES = {".js", ".png", ".webmanifest"}

PAGE_FILE, PAGE_TEMPLATE = "index.html", "site.html"
MODEL_FILE = "model.bin"
WORKER_FILE = "service-worker.js"
ICON_FILE = "favicon.svg"
STYLES = ("style.css", "inside.css")
# Lists the exported files, so that the next export knows what it may replace.
CONTENTS_FILE = "contents.json"
FIRST_MODULE = PurePosixPath("js/offline/page.js")
# Modules that the site has in place of those of the application.
REPLACED = {
    "js/shared/api.js": 'export * from "../offline/api.js";\n',
    **dict.fromkeys(
        (
            "js/pad/hints.js",
            "js/pad/form-editor.js",
            "js/pad/correct.js",
            "js/pad/reader-choice.js",
            "js/shared/dataset.js",
        ),
        'export * from "../offline/without-server.js";\n',
    ),
}
# Every import names its module in a string: `from "./a.js"`, `import("./a.js")`, `new URL("./a.js", import.meta.url)`.
MODULE_NAME = re.compile(r"""["'](\.{1,2}/[^"']+\.js)["']""")
# Comments that fill whole lines, empty lines, and spaces in front of lines.
COMMENT = re.compile(r"^[ \t]*(?:/\*(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*\n", re.MULTILINE | re.DOTALL)
INDENTATION = re.compile(r"^\s+", re.MULTILINE)


def export_site(version_dir: Path, version: int, folder: Path) -> dict[str, int]:
    """Export a site with the model version in `version_dir` to `folder`; returns the size of each file in bytes.

    Replaces an earlier export as a whole.  Raises FolderTaken if the folder has
    other files, ModelError.
    """
    _check_replaceable(folder)
    files = dict(_files(version_dir, version))
    files[WORKER_FILE] = _with_file_list(files[WORKER_FILE], files)
    sizes = {name: len(content) for name, content in sorted(files.items())}
    files[CONTENTS_FILE] = json.dumps({"made_by": "mnist export-web", "files": sizes}, indent=1).encode() + b"\n"
    try:
        _write(folder, files)
    except OSError as error:
        raise MnistError(f"could not write the site to {folder}: {error.strerror}") from error
    return sizes


def _files(version_dir: Path, version: int) -> Iterator[tuple[str, bytes]]:
    yield MODEL_FILE, pack(version_dir, version)
    # The first folder has a base.html of its own.
    pages = Environment(loader=FileSystemLoader([OFFLINE_DIR, TEMPLATE_DIR]), autoescape=True)
    yield PAGE_FILE, INDENTATION.sub("", pages.get_template(PAGE_TEMPLATE).render()).encode()
    for path in sorted(OFFLINE_DIR.iterdir()):
        if path.suffix in COPIED_SUFFIXES:
            yield path.name, path.read_bytes()
    yield ICON_FILE, (STATIC_DIR / ICON_FILE).read_bytes()
    for name in STYLES:
        yield name, shortened((STATIC_DIR / name).read_text("utf-8")).encode()
    for name, source in modules(FIRST_MODULE).items():
        yield name, source.encode()


def modules(first: PurePosixPath) -> dict[str, str]:
    """A module of web/static/ and all modules that it imports: path relative to that folder -> source."""
    found: dict[str, str] = {}
    waiting = [first]
    while waiting:
        module = waiting.pop()
        if str(module) in found:
            continue
        source = REPLACED.get(str(module)) or shortened((STATIC_DIR / module).read_text("utf-8"))
        found[str(module)] = source
        for match in MODULE_NAME.finditer(source):
            target = PurePosixPath(os.path.normpath(module.parent / match[1]))
            # The service worker is not a module.
            if target != PurePosixPath(WORKER_FILE):
                waiting.append(target)
    return dict(sorted(found.items()))


def shortened(source: str) -> str:
    """A script or style sheet without comments and indentation, which are a quarter of it."""
    code = COMMENT.sub("", source)
    has_long_template = any(line.count("`") % 2 for line in code.splitlines())
    return code if has_long_template else INDENTATION.sub("", code)


def _with_file_list(worker: bytes, files: dict[str, bytes]) -> bytes:
    """The service worker, with a list of all files in front.

    RELEASE changes with any file, so that browsers then fetch all of them again.
    """
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    # The page has the address "./", so that a browser does not fetch it twice.
    names = ["./", *sorted(name for name in files if name not in (WORKER_FILE, PAGE_FILE))]
    head = f"const RELEASE = {json.dumps(digest.hexdigest()[:16])};\nconst FILES = {json.dumps(names)};\n\n"
    return head.encode() + worker


def _check_replaceable(folder: Path) -> None:
    """Raise FolderTaken unless `folder` is new, empty or an earlier export."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FolderTaken(f"{folder} is a file; name a folder")
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    try:
        listed = {*json.loads((folder / CONTENTS_FILE).read_text("utf-8"))["files"], CONTENTS_FILE}
    except (OSError, ValueError, KeyError, TypeError):
        listed = set()
    if others := sorted(present - listed):
        raise FolderTaken(f"{folder} has other files ({', '.join(others[:3])}); name an empty or new folder")


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files to a folder beside `folder`, which then replaces it: all of them or none."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site-", dir=folder.parent) as name:
        new = Path(name) / "site"
        for file, content in files.items():
            (new / file).parent.mkdir(parents=True, exist_ok=True)
            (new / file).write_bytes(content)
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)
