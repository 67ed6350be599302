"""Masks what a debug dump must not hold: secrets, and what tells who people are.

A value is kept where its column is known to hold nothing personal, or where it is a number, a date or a short code that
can be nobody's name; everything else is replaced by a stand-in, the same for the same value of one dump, so that it can
be seen which records belong together. A file whose columns cannot be told is not kept at all.

Source: spec PRO-4, SEC-3, SEC-5.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import os
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from typing import Any

from passerelle.storage.secrets import masked

_WORDS = re.compile(r"\w+")
_PERSONAL = frozenset(
    _WORDS.findall("""
    name names nom noms prenom prenoms firstname lastname surname fullname civilite gender sexe email emails mail
     mails courriel phone phones tel telephone telephones mobile portable fax gsm address addresses address1
    address2 adresse adresses street rue voie city town ville commune postcode postal zip zipcode cp company societe
    raison sociale enseigne contact contacts interlocuteur siret siren naf iban bic rib ip agent browser note notes
    comment comments commentaire commentaires message messages instructions birth birthday birthdate dob naissance
    anniversaire login username password passwd secret token apikey hash latitude longitude lat lng recipient
    destinataire signature website url urls intracommunautaire intracom fiscal
    """)
)
_WHO = frozenset(
    _WORDS.findall("client clients tiers customer customers user users account accounts compte comptes buyer")
)
"""Of these a number may be kept, but no text: codes are often made of names."""
_VAT, _NUMBER = frozenset({"vat", "tva", "tax"}), frozenset({"number", "numero", "no", "ident", "identification"})
_HARMLESS = frozenset(
    _WORDS.findall("""
    id ids number numero no code codes ref refs reference references sku status statut statuses state etat type kind
    method mode moyen payment paiement reglement carrier transporteur currency devise tax taxes tva vat rate
    taux class country countries pays date created updated modified paid quantity quantite qte qty price prix total
    subtotal amount montant discount remise weight poids unit unite article articles product produit item items variant
    famille family depot stock ean gtin barcode barres published publie version locale language langue position rank
    gateway fulfillment financial label libelle designation title titre parent rang
    piece document order commande invoice facture
    """)
)
_SHAPES = re.compile(
    r"[-+]?\d{1,8}(?:[.,]\d{1,6})?%?"
    r"|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\d\d/\d\d/\d{4}(?: \d\d:\d\d(?::\d\d)?)?"
    r"|true|false|yes|no|oui|non|null|none",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<![\w.-])(?:(?:\+|00)\d[\d .()-]{7,}\d|0\d(?:[ .-]?\d\d){4})(?!\w)")
_IBAN = re.compile(r"\b[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){3,8}(?: ?[A-Z0-9]{1,4})?\b")
_QUERY = re.compile(r"\?[^\s\"']+")
_WORD = re.compile(r"[^\W\d_]{3,}")
_KNOWN_HEADS = 0.5
"""So much of a table's heading must be known words: else its first row may be a record."""
_DELIMITERS = ";\t,|"


class Masker:
    """Masks for one dump.

    Args:
        secrets: gives the values of the secrets used so far.
        keeps_personal: mask secrets alone.
    """

    def __init__(self, secrets: Callable[[], Collection[str]], *, keeps_personal: bool = False) -> None:
        self._secrets, self._keeps_personal = secrets, keeps_personal
        self._key = os.urandom(16)
        self._names: set[str] = set()
        """Words of values that were masked: nowhere else may they stand either."""

    def text(self, text: str) -> str:
        """Mask a text of the program's own: a line of a log, a setting, an error."""
        text = _QUERY.sub("?…", self._without_secrets(text))
        return text if self._keeps_personal else self._swept(text)

    def content(self, data: bytes) -> bytes | None:
        """Mask a file that was read; ``None``: it cannot be masked, so that it must not be kept."""
        if self._keeps_personal:
            for value in sorted(self._secrets(), key=len, reverse=True):
                for written in {value.encode(), value.encode("cp1252", "replace")}:
                    data = data.replace(written, b"***")
            return data
        text = _decoded(data)
        if text is None or text.lstrip().startswith("<"):
            return None
        shown = self._json(text) if text.lstrip()[:1] in {"{", "["} else self._table(text)
        return None if shown is None else self._without_secrets(shown).encode()

    def _without_secrets(self, text: str) -> str:
        return masked(text, self._secrets())

    def _json(self, text: str) -> str | None:
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            return None
        self._note(told, "")
        return json.dumps(self._of_json(told, ""), ensure_ascii=False, indent=1)

    def _note(self, told: Any, key: str) -> None:
        """Take note of the words of personal values, before anything is written."""
        for inner_key, value in _members(told, key):
            if isinstance(value, dict | list):
                self._note(value, inner_key)
            elif isinstance(value, str) and _is_personal(inner_key, value):
                self._remember(value)

    def _of_json(self, told: Any, key: str) -> Any:
        if isinstance(told, dict):
            return {self._without_numbers(name): self._of_json(value, name) for name, value in told.items()}
        if isinstance(told, list):
            return [self._of_json(value, key) for value in told]
        if isinstance(told, str):
            return self._value(key, told)
        return self._value(key, str(told)) if told is not None and _is_personal(key, str(told)) else told

    def _table(self, text: str) -> str | None:
        head = text.partition("\n")[0]
        delimiter = max(_DELIMITERS, key=head.count)
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
        except csv.Error:
            return None
        titles = rows[0] if rows else []
        known = sum(not _words(title).isdisjoint(_PERSONAL | _HARMLESS | _WHO) for title in titles)
        if not titles or known < _KNOWN_HEADS * len(titles):
            return None
        for row in rows[1:]:
            for title, cell in zip(titles, row, strict=False):
                if _is_personal(title, cell):
                    self._remember(cell)
        written = io.StringIO()
        writer = csv.writer(written, delimiter=delimiter)
        writer.writerow([self._without_numbers(title) for title in titles])
        for row in rows[1:]:
            heads = titles + [""] * (len(row) - len(titles))
            writer.writerow([self._value(title, cell) for title, cell in zip(heads, row, strict=False)])
        return written.getvalue()

    def _value(self, key: str, value: str) -> str:
        if not value.strip():
            return value
        if _is_personal(key, value):
            return self._stand_in(value)
        if _SHAPES.fullmatch(value.strip()):
            return value
        return self._swept(value) if _is_harmless(key) else self._stand_in(value)

    def _swept(self, text: str) -> str:
        """Mask what is somebody's wherever it stands: addresses, numbers, and words of values masked elsewhere."""
        text = self._without_numbers(text)
        return _WORD.sub(lambda word: self._stand_in(word[0]) if _plain(word[0]) in self._names else word[0], text)

    def _without_numbers(self, text: str) -> str:
        for pattern in (_EMAIL, _IBAN, _PHONE):
            text = pattern.sub(lambda found: self._stand_in(found[0]), text)
        return text

    def _stand_in(self, value: str) -> str:
        """Give what stands for a value: nobody can tell it from that, but it is the same for the same one."""
        return "~" + hmac.digest(self._key, _plain(value.strip()).encode(), hashlib.sha256).hex()[:8]

    def _remember(self, value: str) -> None:
        self._names.update(map(_plain, _WORD.findall(value)))


def _members(told: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(told, dict):
        yield from told.items()
    elif isinstance(told, list):
        yield from ((key, value) for value in told)
    else:
        yield key, told


def _is_personal(key: str, value: str) -> bool:
    words = _words(key)
    if not words.isdisjoint(_PERSONAL):
        return bool(value.strip())
    if not (words.isdisjoint(_VAT) or words.isdisjoint(_NUMBER)):
        return bool(value.strip())
    return not words.isdisjoint(_WHO) and not re.fullmatch(r"\d*", value.strip())


def _is_harmless(key: str) -> bool:
    return not _words(key).isdisjoint(_HARMLESS)


def _words(key: str) -> set[str]:
    """Give the words of a column's title or a key: ``billing_firstName`` has three."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", key)
    return set(re.findall(r"[a-z]+\d?", _plain(parted)))


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _decoded(data: bytes) -> str | None:
    if b"\0" in data:
        return None
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None
