"""Write docs/profile.md, how to make a profile and all settings, and its JSON Schema, for completion in editors."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from page import keep, table

from passerelle.exchange.mappings import ANY, IGNORE, MAPPINGS
from passerelle.profile.cells import CHOICES, possible
from passerelle.profile.settings import Profile
from passerelle.storage.place import Place
from passerelle.storage.places import BACKENDS, kind_of

Schema = dict[str, Any]
OTHER_PLACES = {kind_of(scheme).__name__ for scheme in BACKENDS} - {"LocalPlace"}
"""What all places have in common is told with the first kind."""

INTRODUCTION = """\
# Profiles

A profile says everything about one exchange: the ERP, the shops that feed it, the options, where files come from and
go to. It is one TOML file in the folder of the profiles, `demo.toml` or `demo/profile.toml`, with a workbook of
mappings beside it. Relative paths are taken from the folder of that file. What is not written has its default.

```toml
#:schema ./profile.schema.json
name = "demo"
label = "Boutique de démonstration"

[erp.extracts]
articles = "extracts/articles.csv"
customers = "extracts/clients.csv"

[[shops]]
name = "web"
platform = "prestashop"
[shops.source]
place = "exports"
files = ["orders*.csv"]

[delivery]
place = {{ url = "ftp://passerelle@ftp.example.com/erp", password = "FTP_PASSWORD" }}

[orders]
unknown_article = "misc"
[orders.special_articles]
misc = "DIVERS"
rounding = "ECART"
```

The first line gives completion and checking in editors that know TOML schemas (VS Code with *Even Better TOML*).
A secret is written by its name alone; its value comes from the environment or from the secrets file.
A Windows path stands in apostrophes: `'C:\\Passerelle\\import'`; between quotation marks a backslash means something
else.

```
passerelle profile new               asks, and writes a profile whose file explains every setting
passerelle profile list              the profiles, and which of them need work
passerelle profile show demo         every setting, also those left at their default
passerelle profile check demo        all that is missing, at once: exit code 2 when something is
passerelle profile refresh demo      read the shops' waiting exports and add new values to the mappings
passerelle profile schedule demo     when each task runs next
passerelle profile duplicate demo b  a copy with its mappings; the ledger knows nothing of it
passerelle profile pause demo        its tasks do nothing until `profile resume`; nothing else of its file changes
passerelle profile delete demo       its file and mappings; extracts and the ledger stay
passerelle profile mail demo         a trial mail
passerelle profile default demo      commands that are given no profile take this one; --unset: none
```

Commands that are given no profile take the default one, or the only one there is, and say which on standard error.
Where there are several and nobody has chosen, they name them and do nothing (exit code 2); so they do when the default
one is gone under its name. What forgets or removes something (`purge`, `people erase`, `ledger reset` …) always
wants the profile named. The choice stands in the file `.default` of the profiles' folder; a profile's page in the
console makes it too.

`profile new` need not ask: `passerelle profile new my-shop --shop fr=prestashop --task stocks --task prices --yes`.
What a shop has a table for it is offered: without `[shops.stock]` there is no task `stocks`, and no deployment of it.

Every mistake of the file is said at once, with file, line and field, in French or English.

## The mappings

One sheet per mapping in an `.xlsx` workbook, or one `.csv` file per mapping in a folder (`;` between cells). A sheet is
recognised by its French title or its name, a column by its French or English title or its name; case, accents and what
stands in brackets do not matter. Other sheets, columns and headings above the table are yours; only one whose name is
that of a missing sheet but for a letter is refused, as it was meant to be that.

- The row whose keys are those of the order wins; `{any}` in a key fits everything, and the row with the fewest
  `{any}` wins.
- No row: the default of `[orders.defaults.<mapping>]`; no default: the order is refused, with the reason.
- `{ignore}` as a value ignores the order.
- A row whose values are all empty waits for you. New values met in a shop are added as such rows at the end, marked
  *nouveau*; nothing else of the file changes, and while it is open in Excel or LibreOffice it is left alone.
- Cells hold values, not formulas. Yes and no may be written {yes_no}; document types {kinds}; special
  articles {special}.
- Customers by payment mode are the columns *Compte client imposé*, *Compte payeur* and *Compte comptable imposé* of
  *Modes de paiement*: all orders paid by AMAZON go to WEBAMAZON.

"""

REFERENCE = """\

## Settings

Written by `make docs` from the models that check the file. `[table]` names the table a setting stands in.

"""


def text() -> str:
    """Give the page."""
    head = INTRODUCTION.format(
        any=ANY,
        ignore=IGNORE,
        yes_no=", ".join(sorted({word for words in CHOICES["selected"].values() for word in words})),
        special=", ".join(possible("special_article", "fr")),
        kinds=", ".join(possible("document_kind", "fr") + possible("document_kind", "en")),
    )
    return head + _mappings() + REFERENCE + "\n".join(_section(*section) for section in _sections())


def schema() -> str:
    """Give the JSON Schema."""
    content = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Profile.model_json_schema()}
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _mappings() -> str:
    rows = (
        (
            mapping.fr,
            f"`{mapping.name}`",
            mapping.en,
            ", ".join(column.fr for column in mapping.keys),
            ", ".join(f"**{column.fr}**" if column.required else column.fr for column in mapping.values),
        )
        for mapping in MAPPINGS.values()
    )
    return table(("sheet", "name", "what for", "keys", "values (bold: needed)"), rows)


def _sections() -> Iterator[tuple[list[str], Schema]]:
    """Give each kind of table once, with the names of all tables of that kind, in the order of the file."""
    root = Profile.model_json_schema()
    names: dict[str, list[str]] = defaultdict(list)
    kinds: dict[str, Schema] = {}

    def visit(kind: str, node: Schema, name: str, header: str) -> None:
        kinds[kind] = node
        names[kind].append(header)
        for key, held in node["properties"].items():
            for inner in _tables(held, root):
                dotted = f"{name}.{key}".removeprefix(".")
                visit(inner["title"], inner, dotted, f"[[{dotted}]]" if "items" in held else f"[{dotted}]")

    visit("", root, "", "")
    for kind, tables in names.items():
        yield tables, kinds[kind]


def _tables(node: Schema, root: Schema) -> list[Schema]:
    """Give the kinds of table that a setting can be, or is a list of; none when it is no table."""
    found = []
    for one in (node, node.get("items", {}), *node.get("anyOf", ())):
        table = root["$defs"][one["$ref"].rpartition("/")[2]] if "$ref" in one else one
        found += [table] if "properties" in table else []
    return found


def _section(names: list[str], node: Schema) -> str:
    title = ", ".join(f"`{name}`" for name in names) if names != [""] else "At the top of the file"
    told_once = Place.model_fields.keys() - {"url"} if node.get("title") in OTHER_PLACES else ()
    rows = [
        _row(key, held, key in node.get("required", ()))
        for key, held in node["properties"].items()
        if _is_told(held) and key not in told_once
    ]
    meaning = node.get("description", "").partition(". ")[0].partition("\n")[0].rstrip(".").replace("``", "`")
    return f"### {title}\n\n{meaning}.\n\n" + (table(("setting", "value", "default", "meaning"), rows) if rows else "")


def _is_told(node: Schema) -> bool:
    """Tell whether a setting has its row: a table has its own section, unless its default says more than that does."""
    is_table = any("$ref" in one for one in (node, node.get("items", {}), *node.get("anyOf", ())))
    return not is_table or "description" in node or "category" in node.get("default", ())


def _row(key: str, node: Schema, required: bool) -> tuple[str, ...]:
    default = "**required**" if required else _value(node.get("default"))
    examples = "".join(f" Example: `{example}`." for example in node.get("examples", ()))
    return f"`{key}`", _allowed(node), default, node.get("description", "") + examples


def _allowed(node: Schema) -> str:
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_allowed(one) for one in node["anyOf"] if one.get("type") != "null"))
    if "enum" in node:
        return ", ".join(f"`{one}`" for one in node["enum"])
    if "const" in node:
        return f"`{node['const']}`"
    if "items" in node:
        return "tables" if "$ref" in node["items"] else f"list of {_allowed(node['items'])}"
    if "$ref" in node or node.get("type") == "object":
        return "table"
    bounds = [f"{sign} {node[name]}" for name, sign in (("minimum", "≥"), ("maximum", "≤")) if name in node]
    words = {"string": "text", "integer": "whole number", "boolean": "true, false", "date": "date, as 2026-01-31"}
    kind = node.get("format") if node.get("format") in words else node.get("type", "")
    return ", ".join([words.get(kind, kind), *bounds])


def _value(default: Any) -> str:
    if default in (None, "", [], {}):
        return ""
    if isinstance(default, dict):
        return "`{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in default.items()) + " }`"
    return f"`{json.dumps(default, ensure_ascii=False)}`"


if __name__ == "__main__":
    keep({"profile.md": text(), "profile.schema.json": schema()})
