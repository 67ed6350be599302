"""Installations whose shops get the ERP's customers: extracts written for the tests, delivery to folders."""

from __future__ import annotations

import csv
import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from passerelle.profile.workbook import create_workbook
from passerelle.run.installation import Installation
from passerelle.run.job import Task, run_task
from passerelle.run.request import Request

NOW = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)
PROFILE = """\
name = "test"
language = "fr"

[erp.extracts]
articles = "articles.csv"
customers = "clients.csv"
contacts = "contacts.csv"
documents = "documents.csv"

[[shops]]
name = "a"
platform = "{platform}"
source = {{ place = "exports" }}
delivery = {{ place = "out" }}

{tables}
[delivery]
place = "erp"
"""
CUSTOMERS = (
    "Code (tiers);Nom;E-mail (facturation);Statut;Personne physique;Civilité;Nom (contact) (facturation);"
    "Prénom (facturation);Adresse 1 (facturation);Code postal (facturation);Ville (facturation);"
    "Code Pays (facturation);Code de la catégorie tarifaire;Libellé de la catégorie tarifaire;"
    "Numéro de TVA intracommunautaire;xx_vip"
)
CONTACTS = "AssociatedCustomerId;Contact.Id;Name;FirstName;Email"


def customer(code, name, email, *, state="0", person="1", title="Madame", last="", first="", street="1 rue A", **more):
    place = f"{street};{more.get('postcode', '06000')};{more.get('city', 'Nice')};{more.get('country', 'FR')}"
    group = f"{more.get('group', '')};{more.get('group_label', '')}"
    return f"{code};{name};{email};{state};{person};{title};{last};{first};{place};{group};;{more.get('vip', '')}"


def lines(header: str, *rows: str) -> bytes:
    return "\r\n".join([header, *rows, ""]).encode("cp1252")


def customers(*rows: str) -> bytes:
    return lines(CUSTOMERS, *rows)


def home(at: Installation) -> Path:
    return at.profiles / "test"


def leave(at: Installation, name: str, data: bytes, made_at: datetime = NOW) -> None:
    """Leave an extract as the ERP wrote it."""
    path = home(at) / name
    path.write_bytes(data)
    os.utime(path, (made_at.timestamp(),) * 2)


def has(at: Installation, emails: dict[int, str]) -> None:
    """Leave the shop's own customers, as PrestaShop's webservice gives them: e-mail by id."""
    found = [{"id": number, "email": email, "firstname": "A", "lastname": "B"} for number, email in emails.items()]
    text = json.dumps({"customers": found, "addresses": []})
    (home(at) / "listing" / "customers.json").write_text(text, encoding="utf-8")


def shop(folder: Path, platform: str = "prestashop", tables: str = "", mappings=None) -> Installation:
    """Make an installation of one shop with these tables."""
    (folder / "profiles" / "test").mkdir(parents=True)
    at = Installation(folder / "profiles", folder / "var", f"sqlite:///{folder / 'var' / 'ledger.sqlite'}", lambda: NOW)
    for name in ("exports", "erp", "out", "listing"):
        (home(at) / name).mkdir()
    (home(at) / "profile.toml").write_text(PROFILE.format(platform=platform, tables=tables), encoding="utf-8")
    create_workbook(home(at) / "mappings.xlsx", mappings or {})
    return at


def run(at: Installation, task: Task, **asked):
    return run_task(task, Request("test", shop="a", **asked), at)


def told(at: Installation, name: str) -> list[dict[str, str]]:
    """Give the rows of the delivered files of a name, file after file, and take the files away."""
    found = []
    for file in sorted((home(at) / "out").glob(f"{name}-test-*.csv")):
        text = file.read_text("utf-8-sig")
        found += csv.DictReader(io.StringIO(text), delimiter=";" if ";" in text.splitlines()[0] else ",")
        file.unlink()
    return found


def codes(summary) -> dict[str, int]:
    return {reason.code: reason.count for reason in summary.reasons}
