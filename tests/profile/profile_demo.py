"""A profile that can be used, and ways to spoil it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from passerelle.exchange.mappings import MAPPINGS
from passerelle.outcome import message, todo
from passerelle.profile.loader import LoadedProfile, ProfileError, load
from passerelle.profile.workbook import create_workbook

PROFILE = """\
name = "demo"
label = "Boutique de démonstration"

[erp.extracts]
articles = "extracts/articles.csv"
customers = "extracts/clients.csv"

[[shops]]
name = "web"
platform = "prestashop"
[shops.source]
place = "in"

[delivery]
place = "out"

[orders]
rounding_vat_code = "zero"
[orders.special_articles]
rounding = "ECART"

[customers.account]
prefix = "WEB"
guest_prefix = "INV"
"""

ARTICLES = "Code article;Libellé\r\nECART;Écart\r\nREMISE;Remise\r\nPORT;Port\r\nDIVERS;Divers\r\n"
CUSTOMERS = "Code (tiers);Nom\r\nWEBAMAZON;Amazon\r\nCOMPTOIR;Comptoir\r\n"
ROWS = {
    "statuses": [["2", "yes", "invoice", "", ""], ["6", "no", "", "", ""]],
    "territories": [["FR", "*", "France", ""], ["*", "*", "Export", ""]],
    "taxes": [["*", "20", "*", "NORMAL"], ["*", "*", "*", "ZERO"]],
    "payment_modes": [["*", "*", "CB", "", "", "", "", "", "", ""]],
    "carriers": [["*", "PORT"]],
    "discount_articles": [["*", "REMISE"]],
}


def mapping_rows(rows: dict[str, list[list[str]]]) -> dict[str, pd.DataFrame]:
    return {
        name: pd.DataFrame(values, columns=list(MAPPINGS[name].empty().columns), dtype="str")
        for name, values in rows.items()
    }


class Demo:
    """A profile's folder whose parts a test may change before it is loaded."""

    def __init__(self, profiles: Path) -> None:
        self.profiles = profiles
        self.folder = profiles / "demo"
        self.path = self.folder / "profile.toml"
        self.text = PROFILE
        self.rows = {name: [list(row) for row in rows] for name, rows in ROWS.items()}
        for name in ("extracts", "in", "out"):
            (self.folder / name).mkdir(parents=True)
        self.articles = self.folder / "extracts" / "articles.csv"
        self.articles.write_bytes(ARTICLES.encode("cp1252"))
        self.customers = self.folder / "extracts" / "clients.csv"
        self.customers.write_bytes(CUSTOMERS.encode("cp1252"))

    def replace(self, old: str, new: str) -> None:
        assert old in self.text
        self.text = self.text.replace(old, new, 1)

    def write(self) -> Path:
        self.path.write_text(self.text, encoding="utf-8")
        workbook = self.folder / "mappings.xlsx"
        workbook.unlink(missing_ok=True)
        create_workbook(workbook, mapping_rows(self.rows))
        return self.path

    def load(self) -> LoadedProfile:
        self.write()
        return load("demo", profiles_folder=self.profiles)


def problems(demo) -> list[tuple[str, int, str, str]]:
    """Give code, line, French and English text of every mistake, each of which must name the file and the line."""
    demo.path.write_text(demo.text, encoding="utf-8")
    with pytest.raises(ProfileError) as raised:
        load("demo", profiles_folder=demo.profiles)
    found = []
    for row in raised.value.problems.to_dict("records"):
        line = int(row["params"].partition('"line": ')[2].partition("}")[0].partition(",")[0])
        french, english = message(row, "fr"), message(row, "en")
        assert french.startswith(f"{demo.path}, ligne {line} : ")
        assert english.startswith(f"{demo.path}, line {line}: ")
        assert todo(row, "fr")
        assert todo(row, "en")
        assert row["field"] in french
        assert "{" not in french + english + todo(row, "fr") + todo(row, "en")
        found.append((row["code"], line, french.partition(" : ")[2], english.partition(": ")[2]))
    return found
