"""A file as a shop gets it, and documents as it can take them.

Source: spec IMG-4, DOC-1.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from passerelle.exchange.shop_options.images import DocumentOptions

_PDF = re.compile(rb"%PDF-[0-9]")
_PDF_END = b"%%EOF"
_EDGE = 1024
"""In so many bytes at its two ends a PDF says what it is: programs put others before and after."""


class RefusedFile(Exception):  # noqa: N818 - it says what becomes of the file
    """A file that does not go to a shop.

    Attributes:
        code: of ``passerelle.messages``.
        value: what is wrong with it.
    """

    def __init__(self, code: str, value: str = "") -> None:
        super().__init__(code, value)
        self.code, self.value = code, value


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file as the shop gets it.

    Attributes:
        local: where it lies.
        suffix: of its name, with the dot.
        remark: code of what was done to it that people should know; empty: nothing.
    """

    local: Path
    suffix: str
    remark: str = ""


def document(source: Path, target: Path, options: DocumentOptions) -> MadeFile:
    """Look at a document, which goes to the shop as it is.

    Args:
        source: the file, with the suffix of its name; it is moved.
        target: where it goes.
        options: what the shop can take.

    Raises:
        RefusedFile: it is empty, too large, or calls itself a PDF and is no whole one.
    """
    size = source.stat().st_size
    if not size:
        raise RefusedFile("article-file-empty")
    if size > options.max_bytes:
        raise RefusedFile("article-file-too-large", f"{size} > {options.max_bytes}")
    suffix = source.suffix.lower()
    if suffix == ".pdf" and (fault := fault_of_pdf(source)):
        raise RefusedFile("document-not-pdf", fault)
    return MadeFile(source.replace(target), suffix)


def fault_of_pdf(file: Path) -> str:
    """Say why a file is no whole PDF: how it begins, or the end that it lacks; empty: it is one."""
    with file.open("rb") as opened:
        head = opened.read(_EDGE)
        opened.seek(max(0, file.stat().st_size - _EDGE), os.SEEK_SET)
        tail = opened.read()
    if not _PDF.search(head):
        return head[:4].hex(" ")
    return "" if _PDF_END in tail else _PDF_END.decode()
