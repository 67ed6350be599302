"""Texts of the ERP as a shop shows them: rich text and plain text become clean HTML, or lines without any style.

Source: spec CAT-10; user-asks (RTF).
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Callable, Iterable
from functools import cache

import nh3
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.exchange import rtf

TAGS = frozenset("a br em li ol p s strong sub sup table tbody td tr u ul".split())  # noqa: SIM905
SCHEMES = frozenset(("http", "https", "mailto"))
"""Where a link may lead; of others the text stays."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_NOT_PRINTED_RE2 = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x{fffe}\x{ffff}]"
_WRITTEN = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\xa0": "&nbsp;", "\r\n": "\n", "\r": "\n", "\n": "<br>"}
"""How signs of plain text stand in HTML, in this order."""
_RTF = "{\\rtf"


def to_html(texts: pd.Series) -> pd.Series:
    r"""Give texts as HTML: what begins with ``{\rtf`` is read as RTF, all else is escaped, its line breaks kept.

    Bold, italics, underlines, lists, tables and links stay. Each distinct text is converted once.

    Returns:
        Fragments of HTML of :data:`TAGS` only, sanitised, same index; what is blank is empty.
    """
    is_rich = texts.str.contains(_RTF, regex=False, na=False)
    written = _plain_html(texts)
    return written.where(~is_rich, _each(texts.where(is_rich, ""), _html)) if is_rich.any() else written


def to_text(texts: pd.Series) -> pd.Series:
    """Give texts without styles: a line per paragraph, point of a list (``- ``) and row (its cells between ``|``).

    Returns:
        Texts, same index; one that is not RTF stays what it is.
    """
    return _each(texts, _text)


def either_as_html(texts: pd.Series, otherwise: pd.Series) -> pd.Series:
    """Give texts as HTML, and where they say nothing others: the ERP keeps a text twice, with styles and without.

    Args:
        texts: as for :func:`to_html`.
        otherwise: row by row as above.
    """
    written = to_html(texts)
    lacking = written == ""
    return written.mask(lacking, to_html(otherwise.where(lacking, "")))


def _each(texts: pd.Series, convert: Callable[[str], str]) -> pd.Series:
    codes, distinct = pd.factorize(texts)
    converted = np.array([*(convert(str(text)) for text in distinct), ""], dtype=object)
    return pd.Series(converted[codes], texts.index, dtype="str")


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(tags=set(TAGS), attributes={"a": {"href"}}, url_schemes=set(SCHEMES), link_rel=None)


def _plain_html(texts: pd.Series) -> pd.Series:
    """Do what ``_html`` does with plain texts, the whole column at once: a catalogue has many descriptions."""
    cells = pc.fill_null(pa.array(texts, pa.large_string()), "")
    if pc.any(pc.match_substring_regex(cells, _NOT_PRINTED_RE2)).as_py():
        cells = pc.replace_substring_regex(cells, _NOT_PRINTED_RE2, "")
    cells = pc.utf8_trim_whitespace(cells)
    for text, written in _WRITTEN.items():
        cells = pc.replace_substring(cells, text, written)
    begin, end, nothing = (pa.scalar(text, pa.large_string()) for text in ("<p>", "</p>", ""))
    paragraphs = pc.if_else(pc.equal(cells, ""), nothing, pc.binary_join_element_wise(begin, cells, end, nothing))
    return pd.Series(paragraphs.to_pandas(), dtype="str").set_axis(texts.index)


def _html(text: str) -> str:
    text = rtf.NOT_PRINTED.sub("", text)
    written = _of_blocks(rtf.blocks(text)) if rtf.is_rtf(text) else _of_plain(text)
    return _cleaner().clean(rtf.NOT_PRINTED.sub("", written))


def _text(text: str) -> str:
    if not rtf.is_rtf(text):
        return text
    return rtf.NOT_PRINTED.sub("", "\n".join(_lines(rtf.blocks(text))))


def _of_plain(text: str) -> str:
    escaped = "<br>".join(html.escape(line, quote=False) for line in _LINE_END.split(text.strip()))
    return f"<p>{escaped}</p>" if escaped else ""


def _of_blocks(blocks: Iterable[rtf.Block]) -> str:
    """Write blocks; a point of a list stays open for the points below it."""
    parts: list[str] = []
    lists: list[str] = []
    for block in blocks:
        kind, level = (block.kind, block.level) if isinstance(block, rtf.Paragraph) else ("", 0)
        depth = min(level + 1, len(lists) + 1) if kind else 0
        while len(lists) > depth:
            parts.append(f"</li></{lists.pop()}>")
        if lists and len(lists) == depth:
            parts.append("</li>")
            if lists[-1] != kind:
                parts.append(f"</{lists.pop()}><{kind}>")
                lists.append(kind)
            parts.append("<li>")
        elif depth:
            lists.append(kind)
            parts.append(f"<{kind}><li>")
        parts.append(_of_table(block) if isinstance(block, rtf.Table) else _of_paragraph(block))
    parts += (f"</li></{kind}>" for kind in reversed(lists))
    return "".join(parts)


def _of_paragraph(paragraph: rtf.Paragraph) -> str:
    return _inline(paragraph) if paragraph.kind else f"<p>{_inline(paragraph)}</p>"


def _of_table(table: rtf.Table) -> str:
    rows = ("".join(f"<td>{_of_cell(cell)}</td>" for cell in row) for row in table.rows)
    return "<table><tbody>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</tbody></table>"


def _of_cell(paragraphs: tuple[rtf.Paragraph, ...]) -> str:
    return _inline(paragraphs[0]) if len(paragraphs) == 1 and not paragraphs[0].kind else _of_blocks(paragraphs)


def _inline(paragraph: rtf.Paragraph) -> str:
    parts: list[str] = []
    for link, runs in itertools.groupby(paragraph.runs, lambda run: run.link):
        leads = link.partition(":")[0].casefold() in SCHEMES
        written = "".join(_styled(run, run.styles - {"u"} if leads else run.styles) for run in runs)
        parts.append(f'<a href="{html.escape(link)}">{written}</a>' if leads else written)
    return "".join(parts)


def _styled(run: rtf.Run, styles: frozenset[str]) -> str:
    written = html.escape(run.text, quote=False).replace("\n", "<br>")
    for tag in sorted(styles, reverse=True):
        written = f"<{tag}>{written}</{tag}>"
    return written


def _lines(blocks: Iterable[rtf.Block]) -> Iterable[str]:
    for block in blocks:
        if isinstance(block, rtf.Table):
            for row in block.rows:
                yield " | ".join(" ".join(_lines(cell)) for cell in row)
        else:
            yield ("- " if block.kind else "") + "".join(run.text for run in block.runs)
