"""Rich text as Windows programs write it (RTF): its paragraphs, lists and tables, with the styles that a shop shows.

Fonts, colours, sizes, pictures, headers and whatever else a shop has no use for are passed over. Nothing is refused: a
document that is cut off ends there.

Source: Rich Text Format (RTF) Specification 1.9.1, Microsoft.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

ListKind: TypeAlias = Literal["", "ol", "ul"]
DEEPEST = 8
"""The lowest level of a list, as RTF counts them from 0."""
NOT_PRINTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML has no place for."""

_TOKEN = re.compile(
    r"\\'(?P<byte>[0-9a-fA-F]{2})"
    r"|\\(?P<word>[A-Za-z]{1,32})(?P<number>-?[0-9]{1,10})? ?"
    r"|\\(?P<symbol>[^A-Za-z]?)"
    r"|(?P<brace>[{}])"
    r"|(?P<text>[^\\{}\r\n]+)"
    r"|[\r\n]+"
)
_SYMBOLS: Mapping[str, str] = {"~": "\u00a0", "_": "\u2011", "\\": "\\", "{": "{", "}": "}", "\t": " "}
_CHARACTERS: Mapping[str, str] = {
    "tab": " ",
    "line": "\n",
    "lbr": "\n",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
    "bullet": "•",
    "endash": "–",
    "emdash": "—",
    "enspace": "\u2002",
    "emspace": "\u2003",
    "qmspace": "\u2005",
}
_STYLES: Mapping[str, str] = {"b": "strong", "i": "em", "strike": "s", "striked": "s"} | dict.fromkeys(
    ("ul", "uld", "uldash", "uldashd", "uldashdd", "uldb", "ulth", "ulw", "ulwave"), "u"
)
_PASSED_OVER = frozenset(
    (
        *("annotation", "colortbl", "filetbl", "footer", "footerf", "footerl", "footerr", "footnote", "header"),
        *("headerf", "headerl", "headerr", "info", "listoverridetable", "listtable", "nonshppict", "object", "pict"),
        *("pntxta", "pntxtb", "revtbl", "stylesheet", "tc", "xe"),
    )
)
"""Groups that say nothing of the text, besides all that are marked as ignorable."""
_CODE_PAGES: Mapping[int, str] = {
    0: "cp1252",
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    134: "gbk",
    136: "big5",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
}
"""By a font's character set; for others the document's holds."""
_NUMBERED = re.compile(r"\s*\(?\w{1,8}[.)]")
_LINK = re.compile(r'HYPERLINK\s+(?:"([^"]*)"|([^\s"\\]\S*))')
"""Windows' editor has no quotation marks around an address that it found in the text itself."""
_LONGEST_INSTRUCTION = 4096


class Run(NamedTuple):
    """Text of one style; a line feed is a line break within the paragraph."""

    text: str
    styles: frozenset[str]
    """By HTML's names."""
    link: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, or a point of a list."""

    runs: tuple[Run, ...]
    kind: ListKind = ""
    level: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells of paragraphs."""

    rows: tuple[tuple[tuple[Paragraph, ...], ...], ...]


Block: TypeAlias = Paragraph | Table


def is_rtf(text: str) -> bool:
    r"""Tell whether a text is RTF: it begins with ``{\rtf``."""
    return text.lstrip().startswith("{\\rtf")


def blocks(rtf: str) -> list[Block]:
    """Give the tables of a document and its paragraphs that are not blank, in time that grows with its length only."""
    reader, at = _Reader(), 0
    while token := _TOKEN.match(rtf, at):
        at = token.end() + reader.read(token)
    return reader.finished()


@dataclass(slots=True)
class _Field:
    """What a field does, as far as it is read."""

    instruction: str = ""

    def link(self) -> str:
        found = _LINK.search(self.instruction)
        return (found[1] or found[2] or "").strip() if found else ""


class _State(NamedTuple):
    """What holds until the end of a group."""

    into: Literal["text", "marker", "instruction", "fonts", "nothing"] = "text"
    styles: frozenset[str] = frozenset()
    is_hidden: bool = False
    is_in_table: bool = False
    is_in_list: bool = False
    level: int = 0
    font: int = 0
    fallback: int = 1
    """How many characters stand for a Unicode one, for programs that do not know it."""
    field: _Field | None = None
    link: str = ""


class _Document:
    """The blocks as read so far: runs make a paragraph, paragraphs a cell, cells a row, rows a table."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.marker: list[str] | None = None
        self.runs: list[Run] = []
        self._cell: list[Paragraph] = []
        self._row: list[tuple[Paragraph, ...]] = []
        self._rows: list[tuple[tuple[Paragraph, ...], ...]] = []

    def end_paragraph(self, state: _State) -> None:
        kind: ListKind = "ul" if state.is_in_list else ""
        if self.marker is not None:
            kind = "ol" if _NUMBERED.match("".join(self.marker)) else "ul"
        runs = _joined(self.runs)
        self.runs, self.marker = [], None
        paragraphs: list[Paragraph] = [Paragraph(runs, kind, state.level)] if runs else []
        if state.is_in_table:
            self._cell += paragraphs
        else:
            self.end_table()
            self.blocks += paragraphs

    def end_cell(self, state: _State) -> None:
        self.end_paragraph(state._replace(is_in_table=True))
        self._row.append(tuple(self._cell))
        self._cell = []

    def end_row(self) -> None:
        if self._row:
            self._rows.append(tuple(self._row))
            self._row = []

    def end_table(self) -> None:
        if self._cell:
            self._row.append(tuple(self._cell))
            self._cell = []
        self.end_row()
        if self._rows:
            self.blocks.append(Table(tuple(self._rows)))
            self._rows = []


class _Reader:
    """Takes tokens one by one."""

    def __init__(self) -> None:
        self.document = _Document()
        self.state = _State()
        self.outer: list[_State] = []
        self.is_ignorable = False
        self.to_skip = 0
        self.bytes = bytearray()
        self.code_page = "cp1252"
        self.fonts: dict[int, str] = {}

    def read(self, token: re.Match[str]) -> int:
        """Take one token; give how many characters of binary data follow it."""
        kind, length = token.lastgroup, 0
        if kind == "byte":
            self.byte(token["byte"])
            return length
        self.decode()
        if kind == "text":
            text = token["text"]
            self.say(text[self.to_skip :])
            self.to_skip = max(0, self.to_skip - len(text))
        elif kind == "brace":
            self.group(token["brace"])
        elif kind == "symbol":
            self.symbol(token["symbol"])
        elif kind:
            length = self.word(token["word"], token["number"])
        return length

    def finished(self) -> list[Block]:
        """End what the document left open."""
        self.decode()
        self.document.end_paragraph(self.state)
        self.document.end_table()
        return self.document.blocks

    def byte(self, digits: str) -> None:
        if self.to_skip:
            self.to_skip -= 1
        else:
            self.bytes.append(int(digits, 16))

    def decode(self) -> None:
        """Say the bytes so far; characters of the East take two, so only here are they told apart."""
        if self.bytes:
            self.say(self.bytes.decode(self.fonts.get(self.state.font, self.code_page), "replace"))
            self.bytes.clear()

    def say(self, text: str) -> None:
        state = self.state
        if state.into == "text" and not state.is_hidden:
            self.document.runs.append(Run(text, state.styles, state.link))
        elif state.into == "marker" and self.document.marker is not None:
            self.document.marker.append(text)
        elif state.into == "instruction" and state.field:
            state.field.instruction = (state.field.instruction + text)[:_LONGEST_INSTRUCTION]

    def group(self, brace: str) -> None:
        self.is_ignorable, self.to_skip = False, 0
        if brace == "{":
            self.outer.append(self.state)
        elif self.outer:
            self.state = self.outer.pop()

    def symbol(self, symbol: str) -> None:
        if symbol == "*":
            self.is_ignorable = True
        elif self.to_skip:
            self.to_skip -= 1
        elif symbol in _SYMBOLS:
            self.say(_SYMBOLS[symbol])
        elif symbol in ("\r", "\n"):
            self.paragraph()

    def word(self, word: str, digits: str | None) -> int:
        number = int(digits) if digits else None
        is_ignorable, self.is_ignorable = self.is_ignorable, False
        if word == "bin":
            return max(0, number or 0)
        if self.state.into == "nothing":
            return 0
        if word in _PASSED_OVER or (is_ignorable and word != "fldinst"):
            self.be(into="nothing")
        elif word in _CHARACTERS:
            self.say("" if self.to_skip else _CHARACTERS[word])
        elif word in _STYLES:
            self.style(_STYLES[word], is_on=number != 0)
        elif word in _WORDS:
            _WORDS[word](self, number)
        if word != "u":
            self.to_skip = 0
        return 0

    def be(self, **changed: object) -> None:
        self.state = self.state._replace(**changed)  # type: ignore[arg-type]

    def style(self, name: str, *, is_on: bool) -> None:
        self.be(styles=self.state.styles | {name} if is_on else self.state.styles - {name})

    def paragraph(self) -> None:
        if self.state.into == "text":
            self.document.end_paragraph(self.state)

    def cell(self) -> None:
        if self.state.into == "text":
            self.document.end_cell(self.state)

    def row(self) -> None:
        if self.state.into == "text":
            self.document.end_row()

    def unicode(self, number: int) -> None:
        # Negative: 16 bits with a sign. Halves of a pair are joined with their run.
        self.say(chr(number % 0x10000 if number < 0 else number) if number <= 0x10FFFF else "\ufffd")
        self.to_skip = self.state.fallback

    def font_code_page(self, character_set: int) -> None:
        if self.state.into == "fonts" and character_set in _CODE_PAGES:
            self.fonts[self.state.font] = _CODE_PAGES[character_set]

    def document_code_page(self, number: int) -> None:
        try:
            codecs.lookup(f"cp{number}")
        except LookupError:
            return
        self.code_page = f"cp{number}"

    def list_marker(self) -> None:
        self.be(into="marker")
        self.document.marker = []

    def field_result(self) -> None:
        if self.state.field:
            self.be(link=self.state.field.link())


_WORDS: Mapping[str, Callable[[_Reader, int | None], None]] = {
    "ansicpg": lambda reader, number: reader.document_code_page(number or 0),
    "cell": lambda reader, _: reader.cell(),
    "deff": lambda reader, number: reader.be(font=number or 0),
    "deleted": lambda reader, number: reader.be(is_hidden=number != 0),
    "f": lambda reader, number: reader.be(font=number or 0),
    "fcharset": lambda reader, number: reader.font_code_page(number or 0),
    "field": lambda reader, _: reader.be(field=_Field()),
    "fldinst": lambda reader, _: reader.be(into="instruction"),
    "fldrslt": lambda reader, _: reader.field_result(),
    "fonttbl": lambda reader, _: reader.be(into="fonts"),
    "ilvl": lambda reader, number: reader.be(level=min(max(number or 0, 0), DEEPEST)),
    "intbl": lambda reader, _: reader.be(is_in_table=True),
    "listtext": lambda reader, _: reader.list_marker(),
    "ls": lambda reader, number: reader.be(is_in_list=bool(number)),
    "nestcell": lambda reader, _: reader.paragraph(),
    "nestrow": lambda reader, _: reader.paragraph(),
    "nosupersub": lambda reader, _: reader.be(styles=reader.state.styles - {"sub", "sup"}),
    "page": lambda reader, _: reader.paragraph(),
    "par": lambda reader, _: reader.paragraph(),
    "pard": lambda reader, _: reader.be(is_in_table=False, is_in_list=False, level=0),
    "plain": lambda reader, _: reader.be(styles=frozenset(), is_hidden=False),
    "pntext": lambda reader, _: reader.list_marker(),
    "row": lambda reader, _: reader.row(),
    "sect": lambda reader, _: reader.paragraph(),
    "sub": lambda reader, number: reader.style("sub", is_on=number != 0),
    "super": lambda reader, number: reader.style("sup", is_on=number != 0),
    "u": lambda reader, number: reader.unicode(number or 0),
    "uc": lambda reader, number: reader.be(fallback=max(0, number or 0)),
    "ulnone": lambda reader, _: reader.style("u", is_on=False),
    "v": lambda reader, number: reader.be(is_hidden=number != 0),
}


def _joined(runs: list[Run]) -> tuple[Run, ...]:
    """Join neighbours of one style, without the blanks at both ends of the paragraph."""
    joined: list[Run] = []
    for (styles, link), same in itertools.groupby(runs, lambda run: run[1:]):
        text = "".join(run.text for run in same)
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        text = NOT_PRINTED.sub("", text)
        if text:
            joined.append(Run(text, styles, link))
    while joined and not (text := joined[-1].text.rstrip()):
        joined.pop()
    if joined:
        joined[-1] = joined[-1]._replace(text=text)
    while joined and not (text := joined[0].text.lstrip()):
        joined.pop(0)
    if joined:
        joined[0] = joined[0]._replace(text=text)
    return tuple(joined)
