"""Pages that scripts write: ``python docs/<script>.py`` writes them, with ``--check`` it compares them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent


def keep(pages: dict[str, str]) -> None:
    """Write pages by file name, or with ``--check`` on the command line exit with 1 when one is not as it would be."""
    for name, text in pages.items():
        page = DOCS / name
        if "--check" not in sys.argv[1:]:
            page.parent.mkdir(exist_ok=True)
            page.write_text(text, encoding="utf-8")
        elif not page.is_file() or page.read_text(encoding="utf-8") != text:
            sys.exit(f"docs/{name} is not current: run make docs")


def table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Give a Markdown table."""
    heads = list(titles)
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
