"""Every outcome code can be said in both languages, and code and sources agree on what there is to say."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from string import Formatter

import pytest

from passerelle import outcome
from passerelle.messages import Code, code, codes

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [path for folder in ("src", "formats", "storage", "flows") for path in (ROOT / folder).rglob("*.py")]
AREAS = sorted((one for one in files("passerelle.messages").iterdir() if one.name.endswith(".yaml")), key=str)
ALL = sorted(codes().values(), key=lambda one: one.id)
KEBAB = re.compile(r"[a-z]+(-[a-z0-9]+)*")
OF_EVERY_ROW = {"record", "field", "value"}

each_code = pytest.mark.parametrize("declared", ALL, ids=lambda one: one.id)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def texts(declared: Code) -> list[str]:
    return [declared.fr, declared.en, declared.todo_fr, declared.todo_en]


class TestDeclarations:
    @each_code
    def test_a_code_is_kebab_case_with_a_known_state(self, declared):
        assert KEBAB.fullmatch(declared.id)
        assert declared.state in {"failed", "ignored", "succeeded"}

    @each_code
    def test_what_happened_is_said_in_both_languages(self, declared):
        for text in (declared.fr, declared.en):
            assert text
            assert text.strip() == text
        assert declared.fr != declared.en

    @each_code
    def test_what_failed_says_what_to_do_in_both_languages(self, declared):
        assert bool(declared.todo_fr) == bool(declared.todo_en)
        assert declared.todo_fr or declared.state != "failed"

    @each_code
    def test_both_languages_name_the_same_things_by_plain_names(self, declared):
        """What is itself a text comes once per language: ``{hint_fr}`` and ``{hint_en}``."""
        for french, english in ((declared.fr, declared.en), (declared.todo_fr, declared.todo_en)):
            names = placeholders(french) | placeholders(english)
            assert all(name.isidentifier() for name in names)
            assert not any(name.endswith("_en") for name in placeholders(french))
            assert {re.sub("_fr$", "_en", name) for name in placeholders(french)} == placeholders(english)

    @pytest.mark.parametrize("area", AREAS, ids=lambda one: one.name)
    def test_an_area_declares_each_code_once_and_only_known_texts(self, area):
        source = area.read_text(encoding="utf-8")
        declared = Counter(re.findall(r"^([^\s#:]+):", source, re.MULTILINE))
        assert [name for name, count in declared.items() if count > 1] == []
        assert set(re.findall(r"^ +([a-z_]+):", source, re.MULTILINE)) <= {
            "state", "fr", "en", "todo_fr", "todo_en",
        }  # fmt: skip

    def test_an_undeclared_code_is_an_error(self):
        with pytest.raises(KeyError, match="no-such-code"):
            code("no-such-code")


class TestSources:
    """The codes named in the sources against those declared."""

    def test_every_code_that_is_said_is_declared(self):
        unknown = {
            f"{path.relative_to(ROOT)}:{call.lineno} {name}"
            for path, call in _said()
            for name in _codes_named(call)
            if name not in codes()
        }
        assert unknown == set()

    def test_every_declared_code_is_said_somewhere(self):
        named = {
            node.value
            for path in SOURCES
            for node in ast.walk(_tree(path))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert sorted(set(codes()) - named) == []

    def test_whoever_says_a_code_gives_what_its_texts_name(self):
        lacking = []
        for path, call in _said():
            given = {keyword.arg for keyword in call.keywords}
            if not _is_of_outcome(call) or None in given:  # parameters handed on with ** are seen where they are made
                continue
            for name in _codes_named(call):
                asked = set().union(*map(placeholders, texts(code(name)))) - {"record"}
                lacking += [f"{path.relative_to(ROOT)}:{call.lineno} {name} {one}" for one in sorted(asked - given)]
        assert lacking == []


class TestSentences:
    @each_code
    def test_each_is_filled_with_record_field_value_and_parameters_as_they_are(self, declared):
        met = {"field": "{record}", "value": "{0} {value!r} %s \\"}
        params = dict.fromkeys(set().union(*map(placeholders, texts(declared))) - OF_EVERY_ROW, "12,30")
        table = outcome.said(declared.id, ["s/1"], record_type="order", stage="read", **met, **params)
        row = table.iloc[0].to_dict()
        known = {"record": "s/1"} | met | params

        def filled(text: str) -> str:
            return re.sub(r"\{(\w+)\}", lambda found: known[found[1]], text)

        assert outcome.message(row, "fr") == filled(declared.fr)
        assert outcome.message(row, "en") == filled(declared.en)
        assert outcome.todo(row, "fr") == filled(declared.todo_fr)
        assert outcome.todo(row, "en") == filled(declared.todo_en)

    def test_a_lacking_parameter_shows_its_name_rather_than_failing(self):
        declared = next(one for one in ALL if placeholders(one.fr) - OF_EVERY_ROW)
        name = min(placeholders(declared.fr) - OF_EVERY_ROW)
        table = outcome.said(declared.id, ["s/1"], record_type="order", stage="read")
        assert "{" + name + "}" in outcome.message(table.iloc[0].to_dict(), "fr")


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), str(path))


def _said() -> Iterator[tuple[Path, ast.Call]]:
    """Give every call of ``said``, of ``outcome`` or of what a module made of it for itself."""
    for path in SOURCES:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name.strip("_") == "said":
                    yield path, node


def _is_of_outcome(call: ast.Call) -> bool:
    whose = call.func.value if isinstance(call.func, ast.Attribute) else None
    return ast.unparse(call.func) == "said" or (isinstance(whose, ast.Name) and whose.id == "outcome")


def _codes_named(call: ast.Call) -> list[str]:
    """Give the codes among the call's literals: the first argument, or what looks like one (two words at least)."""
    literals = [(place, one.value) for place, one in enumerate(call.args) if isinstance(one, ast.Constant)]
    return [value for place, value in literals if KEBAB.fullmatch(str(value)) and (place == 0 or "-" in value)]
