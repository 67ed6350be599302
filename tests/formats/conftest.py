"""What the tests of formats share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from passerelle.formats.descriptor import Descriptor
from passerelle.formats.registry import Formats, formats

Declare = Callable[..., Descriptor]


@pytest.fixture(scope="session")
def built_in() -> Formats:
    return formats()


@pytest.fixture
def declared(tmp_path: Path) -> Declare:
    """Give the format of a descriptor file with this content, found in a user's folder."""

    def declare(text: str, settings: dict[str, object] | None = None) -> Descriptor:
        (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
        return formats(tmp_path).get("mine", settings)

    return declare


@pytest.fixture
def prices(declared: Declare) -> Descriptor:
    """Give a small format with a field of each type, delimiter and encoding detected."""
    return declared(PRICES)


PRICES = """\
name: mine
title: Prices
path: prices.csv
passerelle:
  origin: the tests
  settings: {mark: ",", day: "%d/%m/%Y"}
schema:
  fields:
    - {name: code, title: Code article, constraints: {required: true, maxLength: 8}, passerelle: {overflow: refuse}}
    - {name: label, title: Libellé, passerelle: {aliases: [Désignation]}, constraints: {maxLength: 20}}
    - name: price
      title: Prix HT
      type: number
      decimalChar: $mark
      constraints: {minimum: 0}
      passerelle: {decimals: 2}
    - {name: stock, title: Stock, type: integer}
    - {name: since, title: Depuis le, type: date, format: $day}
    - {name: active, title: Actif, type: boolean, passerelle: {form: N/O}}
    - {name: unit, title: Unité, constraints: {enum: [UN, KG]}}
    - {name: ean, title: EAN, constraints: {pattern: "[0-9]{8}|[0-9]{13}"}}
"""
