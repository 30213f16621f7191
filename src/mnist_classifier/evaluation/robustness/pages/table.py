"""The stored rows of pages as a table with a line for each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# What a row counts, by the last part of its id.
FIGURES = {
    "right": "right",
    "in_doubt": "right but in doubt",
    "sure_and_wrong": "wrong and sure",
    "text_right": "text with marks right",
    "cells_right": "all cells right",
}
ALL = "pages.all"
WORST = "pages.worst"


def is_of_one_kind(id: str) -> bool:
    """Whether a row of the table is about one kind of page; `page_table` shows these."""
    return id.startswith("pages.") and not id.startswith((f"{ALL}.", WORST))


def page_table(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """A line for each kind: its name, the pictures, and each figure in percent, the first with its interval.

    rows: those of a stored table.  Empty if pages were not measured.
    """
    figures = {row["id"]: row for row in rows if row["id"].startswith("pages.") and row["id"] != WORST}
    kinds = dict.fromkeys(name.rpartition(".")[0] for name in figures)
    lines = []
    for kind in kinds:
        right = figures[f"{kind}.right"]
        low, high = right["interval_95"]
        others = [figures.get(f"{kind}.{figure}") for figure in FIGURES if figure != "right"]
        shown = ["" if each is None else f"{each['measured']:.1%}" for each in others]
        title = kind.removeprefix("pages.").replace("_", " ")
        lines.append([title, f"{right['n']:,}", f"{right['measured']:.1%}", f"{low:.1%} to {high:.1%}", *shown])
    return [["kind", "pictures", "right", "95 % interval", *list(FIGURES.values())[1:]], *lines] if lines else []


def page_table_as_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """`page_table` for a document."""
    table = page_table(rows)
    if not table:
        return "Not measured yet."
    head, *lines = (f"| {' | '.join(line)} |" for line in table)
    return "\n".join([head, "|---" + "|---:" * (len(table[0]) - 1) + "|", *lines])
