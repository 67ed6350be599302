"""Every text of the console is in French and in English (CON-1)."""

from __future__ import annotations

import re

import pytest

from passerelle.cli.console import tasks
from passerelle.console.words import words

CONSOLE = "src/passerelle/console"
NAMES_MADE = ("nav.", "error.", "chart.", "run.", "rate.", "balance.", "count.", "outcomes.",
              "commands.", "lines.")  # fmt: skip
"""Beginnings of names that templates put together."""


@pytest.fixture
def templates(request) -> dict[str, str]:
    folder = request.config.rootpath / CONSOLE / "templates"
    return {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.html")}


def test_con_1_every_word_is_in_both_languages_with_the_same_parameters():
    for name, texts in words().items():
        assert set(texts) == {"fr", "en"}, name
        assert all(text.strip() for text in texts.values()), name
        named = [sorted(re.findall(r"\{(\w+)\}", text)) for text in texts.values()]
        assert named[0] == named[1], name


def test_con_1_every_word_asked_for_is_declared_and_none_is_too_many(templates):
    text = "\n".join(templates.values())
    asked = set(re.findall(r"\bt\('([\w.-]+)'[,)]", text)) | set(
        re.findall(r"t\('[\w.-]+' if .*? else '([\w.-]+)'", text)
    )
    asked |= set(re.findall(r"t\('([\w.-]+)' if ", text)) | set(re.findall(r"\('(run\.\w+)', summary", text))
    prefixes = tuple(f"{one}." for one in re.findall(r"t\.known\('([\w-]+)'", text)) + NAMES_MADE
    assert asked - set(words()) == set()
    assert {name for name in words() if name not in asked and not name.startswith(prefixes)} == set()


def test_con_1_templates_hold_no_words_of_their_own(templates):
    """What stands between tags is a name, a mark or comes from the words."""
    for name, text in templates.items():
        without = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<pre.*?</pre>|<[^>]+>", " ", text, flags=re.DOTALL)
        own = set(re.findall(r"[A-Za-zÀ-ÿ]{2,}", without)) - {"Passerelle", "ERP", "Prefect"}
        assert own == set(), name


def test_con_1_tasks_and_options_have_names():
    for task in tasks().values():
        assert f"task.{task.name}" in words()
        assert f"task-help.{task.name}" in words()
        assert {f"option.{option.name}" for option in task.options} <= set(words())
