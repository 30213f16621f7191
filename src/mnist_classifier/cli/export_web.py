"""`mnist export-web`: export the recogniser as a static site."""

from __future__ import annotations

from pathlib import Path

import click

from mnist_classifier.cli.command import Command, registry_from_environment
from mnist_classifier.web.offline.export import MODEL_FILE, export_site


@click.command("export-web", cls=Command)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, resolve_path=True))
@click.option("--model-version", type=int, help="Model version to export.  [default: production]")
def export_web(folder: Path, model_version: int | None) -> None:
    """Export a static site that reads digits without a server.

    The network runs in the browser. DIR must be new, empty or an earlier
    export, which is replaced.
    """
    with registry_from_environment() as registry:
        version = registry.aliases.production() if model_version is None else model_version
        sizes = export_site(registry.folder(version), version, folder)
    total = sum(sizes.values())
    click.echo(f"exported version {version} to {folder}: {len(sizes)} files, {total / 1000:,.0f} kB")
    click.echo(f"the network takes {sizes[MODEL_FILE] / 1000:,.0f} kB of that")
    click.echo(f'try it:   python -m http.server --directory "{folder}" 8000   and open http://127.0.0.1:8000/')
    click.echo("share it: copy the folder to any https file host, under any path")
