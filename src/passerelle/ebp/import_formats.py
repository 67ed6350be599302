"""What an integrator needs to set the import formats up in EBP by hand: a page and a table for each file.

Everything comes from the descriptors, with the profile's settings; that EBP associates a column by itself is what the
facts say of its label. In French, as EBP is.

Source: spec EBP-5; facts ebp.md §1.2, §1.4, §2.6.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

import openpyxl

from passerelle.ebp.chosen import IMPORTED, Chosen
from passerelle.ebp.conventions import Conventions
from passerelle.ebp.labels import FILES
from passerelle.formats.descriptor import Descriptor, Field
from passerelle.formats.sample import in_file

_ENCODINGS = {"windows-1252": "Europe de l'Ouest (Windows)", "utf-8": "Unicode (UTF-8)"}
_MARKS = {",": "virgule", ".": "point"}
HEADS = (
    "N°",
    "Colonne du fichier",
    "Champ destination",
    "Association",
    "Obligatoire",
    "Longueur",
    "Exemple",
    "Ce qu'elle contient",
)
_ADDRESSES_ADVICE = "Ne choisissez pas « Adresses clients/prospects » : les adresses s'importent comme des clients."
_STYLE = (
    "body{font-family:sans-serif;margin:2em;max-width:75em}table{border-collapse:collapse;font-size:90%}"
    "td,th{border:1px solid #999;padding:.2em .5em;text-align:left;vertical-align:top}"
    "@media print{body{margin:0}tr{break-inside:avoid}}"
)


@dataclass(frozen=True, slots=True)
class ImportFormat:
    """One import format of EBP.

    Attributes:
        file: the file it imports.
        name: the name to save it under.
        steps: what to choose, by step of the wizard.
        columns: a row for each column of the file, as ``HEADS``.
        notes: what else to do.
    """

    file: str
    name: str
    steps: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    columns: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def import_formats(chosen: Chosen) -> list[ImportFormat]:
    """Give the import formats in the order EBP must run them.

    Raises:
        DescriptorError: the profile's descriptors or settings have mistakes.
    """
    return [_import_format(file, chosen) for file in FILES]


def written(formats: Sequence[ImportFormat]) -> dict[str, bytes]:
    """Give the files by name: ``.md``, ``.html`` and ``.csv`` for each format, and one workbook with all tables."""
    files = {}
    for one in formats:
        stem = one.file.removesuffix(".txt")
        files[f"{stem}.md"] = markdown(one).encode()
        files[f"{stem}.html"] = html(one).encode()
        files[f"{stem}.csv"] = _csv(one)
    files["Formats d'import.xlsx"] = _workbook(formats)
    return files


def _import_format(file: str, chosen: Chosen) -> ImportFormat:
    descriptor = chosen.descriptor(file)
    conventions = chosen.conventions_of(file, descriptor)
    named = getattr(chosen.imports, IMPORTED[file].removeprefix("ebp/"), None)
    name = named.name if named else f"Passerelle {file.removesuffix('.txt')}"
    return ImportFormat(
        file=file,
        name=name,
        steps=tuple(_steps(file, name, descriptor, conventions)),
        columns=tuple(
            _column(number, file, one, conventions.custom_field) for number, one in enumerate(descriptor.fields, 1)
        ),
        notes=tuple(_notes(file, descriptor, conventions)),
    )


def _steps(
    file: str, name: str, descriptor: Descriptor, conventions: Conventions
) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    yield (
        "1. Destination et source de l'import",
        (
            ("Que désirez-vous importer ?", FILES[file].wizard),
            ("Fichier à importer", file),
            ("Nom du paramétrage (chargement)", "laisser vide la première fois"),
            ("Importer les données par lot", "non coché : un lot importé ne peut pas être annulé"),
        ),
    )
    encoding = _ENCODINGS.get(descriptor.encoding, descriptor.encoding or "Unicode (UTF-8)")
    yield (
        "2. Codage du fichier",
        (
            ("Séparation des champs", "Délimités : champs séparés par des caractères"),
            ("Codage", encoding),
            ("Format des dates", _date_form(conventions.date_format)),
            ("Séparateur décimal du fichier", _MARKS[conventions.decimal_mark]),
            ("Commencer l'import à la ligne n°", "1"),
            ("Ligne d'entête", "coché" if descriptor.header else "non coché"),
        ),
    )
    yield (
        "3. Séparateurs",
        (("Séparateurs", descriptor.delimiter or ","), ("Identificateurs", descriptor.quote or "aucun")),
    )
    yield (
        "4. Associations",
        (
            ("Champ destination / Colonne source", "voir le tableau ci-dessous"),
            ("Importer les champs vides", "non coché : une cellule vide n'efface alors rien dans EBP"),
            ("Nom du paramétrage (sauvegarde)", name),
        ),
    )
    yield "5. Lancer", (("Lancer", "EBP affiche ensuite le nombre de lignes créées"),)


def _column(number: int, file: str, one: Field, custom_field: str) -> tuple[str, ...]:
    known = one.title in FILES[file].labels
    association = "automatique (même libellé)" if known else "à la main"
    target = one.title if known else ("champ personnalisé" if one.title == custom_field else "à choisir dans la liste")
    example = next(iter(in_file(one)), "") if one.examples or one.constant is not None else ""
    length = "" if one.limit is None else str(one.limit)
    means = one.description_fr or one.title
    return str(number), one.title, target, association, "oui" if one.required else "", length, example, means


def _notes(file: str, descriptor: Descriptor, conventions: Conventions) -> Iterator[str]:
    if FILES[file].kind == "addresses":
        yield _ADDRESSES_ADVICE
    custom = next((one for one in descriptor.fields if one.title == conventions.custom_field), None)
    if custom is not None:
        name = custom.title.removesuffix("*")
        yield (
            "Créez d'abord le champ personnalisé (Paramètres, Personnalisation des champs et tables, table Documents "
            f"de vente) : nom affiché « {name} », type Texte, longueur maximale {custom.limit}, « Toujours éditable » "
            "et « Valeur facultative » cochés."
        )
    offered = ", ".join(one.title for one in descriptor.offered)
    if offered:
        yield (
            "Champs d'EBP que le fichier n'a pas, à laisser sans colonne source (un réglage du profil peut les "
            f"ajouter) : {offered}."
        )
    yield "Après chaque mise à jour d'EBP, vérifiez ce paramétrage : EBP peut changer ses champs."


def _date_form(pattern: str) -> str:
    example = date(2026, 1, 31).strftime(pattern)
    form = pattern
    for directive, letters in (("%d", "jj"), ("%m", "MM"), ("%Y", "aaaa"), ("%y", "aa")):
        form = form.replace(directive, letters)
    return f"{form} (par exemple {example})"


def markdown(one: ImportFormat) -> str:
    """Write the page of an import format in Markdown."""
    parts = [f"# {_title(one)}", _where(one)]
    for title, options in one.steps:
        parts += [f"## {title}", "\n".join(f"- {name} : **{value}**" for name, value in options)]
    lines = [HEADS, ["---"] * len(HEADS), *one.columns]
    parts += ["## Colonnes", "\n".join(_markdown_row(line) for line in lines)]
    parts += ["## À savoir", "\n".join(f"- {note}" for note in one.notes)]
    return "\n\n".join(parts) + "\n"


def html(one: ImportFormat) -> str:
    """Write the page of an import format in HTML, to look at or to print."""
    parts = [f"<h1>{escape(_title(one))}</h1>", f"<p>{escape(_where(one))}</p>"]
    for title, options in one.steps:
        items = "".join(f"<li>{escape(name)} : <strong>{escape(value)}</strong></li>" for name, value in options)
        parts.append(f"<h2>{escape(title)}</h2><ul>{items}</ul>")
    parts.append(
        f"<h2>Colonnes</h2><table>{_html_row(HEADS, 'th')}{''.join(_html_row(row) for row in one.columns)}</table>"
    )
    parts.append(f"<h2>À savoir</h2><ul>{''.join(f'<li>{escape(note)}</li>' for note in one.notes)}</ul>")
    head = f'<meta charset="utf-8"><title>{escape(_title(one))}</title><style>{_STYLE}</style>'
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="fr"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _title(one: ImportFormat) -> str:
    return f"Format d'import « {one.name} » : {one.file}"


def _where(one: ImportFormat) -> str:
    rank = list(FILES).index(one.file) + 1
    return (
        f"Dans EBP : Imports | Exports, Imports paramétrables. Ce fichier est le n° {rank} dans l'ordre des imports : "
        "clients, adresses, puis documents."
    )


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _html_row(cells: Sequence[str], tag: str = "td") -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>\n"


def _csv(one: ImportFormat) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerows([HEADS, *one.columns])
    return text.getvalue().encode("utf-8-sig")


def _workbook(formats: Sequence[ImportFormat]) -> bytes:
    book = openpyxl.Workbook()
    del book[book.sheetnames[0]]
    for one in formats:
        sheet = book.create_sheet(one.file.removesuffix(".txt"))
        for row, cells in enumerate((HEADS, *one.columns), 1):
            for column, text in enumerate(cells, 1):
                cell = sheet.cell(row, column, text)
                cell.data_type = "s"  # an example that begins like a formula is none
        sheet.freeze_panes = "A2"
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()
