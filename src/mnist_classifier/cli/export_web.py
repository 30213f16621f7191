"""`mnist export-web`: the recogniser as a static site."""

from __future__ import annotations

from pathlib import Path

import click

from mnist_classifier.cli.command import Command, opened_registry
from mnist_classifier.web.offline.export import MODEL_FILE, export_site


@click.command("export-web", cls=Command)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, resolve_path=True))
@click.option("--model-version", type=int, help="Version to export; default: the one in production.")
def export_web(folder: Path, model_version: int | None) -> None:
    """Write a site that reads digits in the browser, with no server, to the folder DIR.

    DIR is made, or replaced where an earlier export is; anything else in it is
    left as it is, and refused.
    """
    with opened_registry() as registry:
        version = registry.production() if model_version is None else model_version
        sizes = export_site(registry.folder(version), version, folder)
    total = sum(sizes.values())
    click.echo(f"version {version} in {folder}: {len(sizes)} files, {total / 1000:,.0f} kB in all")
    click.echo(f"{sizes[MODEL_FILE] / 1000:,.0f} kB of them are the network, which reads in the browser")
    click.echo(f'try it:   python -m http.server --directory "{folder}" 8000   and open http://127.0.0.1:8000/')
    click.echo("share it: copy the folder to any file host with https, under any path")
