"""Write docs/formats: one page per declared format, and their index."""

from __future__ import annotations

from page import keep

from passerelle.formats.documentation import pages
from passerelle.formats.registry import formats

if __name__ == "__main__":
    keep({f"formats/{name}": text for name, text in pages(formats()).items()})
