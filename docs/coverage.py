"""Write docs/coverage.md: which test shows which requirement, from the ids that tests carry in their names.

A test, or the class it stands in, names a requirement as ``ord_26`` (``test_ord_26_spreads_…``, ``TestOrd26Spreads``),
several as ``ord_10_and_11`` and all from one to another as ``ord_70_to_72``. The sources are read, not imported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import groupby

import yaml
from page import DOCS, ROOT, keep, table

INTRODUCTION = """\
# Requirements and the tests that show them

Written by `make docs` from [requirements.yaml](requirements.yaml) and the names of the tests. A test named here shows
some of its requirement, not always all of it.

{done} of {count} requirements have a test.
"""
SOURCES = ("tests", "src", "formats", "storage", "flows")  # contract suites stand beside the code they are for

Requirements = dict[str, dict[str, str]]
Test = tuple[str, str]  # its file, its name


def requirements() -> Requirements:
    """Give the title of every requirement by id, by section."""
    text = (DOCS / "requirements.yaml").read_text(encoding="utf-8")
    sections: Requirements = yaml.safe_load(text)
    return sections


def tests() -> Iterator[Test]:
    """Give every test of the sources; a method is named with its class."""
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            yield from ((file, name) for name in _names(ast.parse(path.read_bytes(), file)))


def ids(name: str, known: list[str]) -> list[str]:
    """Give the requirement ids in a test's name, in the order named; one that is not known is given too."""
    areas = "|".join(sorted({one.partition("-")[0].lower() for one in known}))
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Za-z])(?=[0-9])", "_", name).lower()
    named: list[str] = []
    for area, first, more in re.findall(rf"(?:^|_)({areas})_+([0-9]+)((?:_(?:and|to)_[0-9]+)*)(?![a-z0-9])", snake):
        numbers = [int(first)]
        for word, number in re.findall(r"_(and|to)_([0-9]+)", more):
            between = range(numbers[-1] + 1, int(number)) if word == "to" else ()
            numbers += [one for one in between if f"{area.upper()}-{one}" in known]
            numbers.append(int(number))
        named += [f"{area.upper()}-{number}" for number in numbers]
    return list(dict.fromkeys(named))


def shown_by() -> dict[str, list[Test]]:
    """Give the tests of each requirement id that some test names."""
    known = [one for section in requirements().values() for one in section]
    found: dict[str, list[Test]] = {}
    for test in tests():
        for one in ids(test[1], known):
            found.setdefault(one, []).append(test)
    return found


def text() -> str:
    """Give the page."""
    sections, found = requirements(), shown_by()
    known = [one for section in sections.values() for one in section]
    parts = [INTRODUCTION.format(done=sum(one in found for one in known), count=len(known))]
    for title, section in sections.items():
        rows = ((one, what, _cell(found.get(one, []))) for one, what in section.items())
        parts.append(f"## {title}\n\n" + table(("id", "what", "tests"), rows))
    return "\n".join(parts)


def _cell(shown: list[Test]) -> str:
    files = groupby(shown, key=lambda test: test[0])
    cells = (f"`{file}`: " + ", ".join(f"`{name}`" for _, name in group) for file, group in files)
    return "<br>".join(cells) or "not yet"


def _names(parent: ast.AST, within: str = "") -> Iterator[str]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.ClassDef):
            yield from _names(node, f"{within}{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield within + node.name


if __name__ == "__main__":
    keep({"coverage.md": text()})
