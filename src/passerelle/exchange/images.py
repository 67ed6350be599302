"""Which files belong to which article, which of them a shop was not told yet, and how it is told.

The same rules serve images and documents. Files are known by their paths in the storage's folder only: what a
reference holds, it never leads out of what was listed.

Source: spec IMG-1 to IMG-3, DOC-1; user-asks 21; facts/storage-apis §0.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.catalogue import Mask
from passerelle.exchange.file_names import escaped, natural_key, public_name, unescaped
from passerelle.exchange.shop_options.images import FileOptions
from passerelle.model.images import ARTICLE_FILE, SHOP_FILE, SHOP_FILES
from passerelle.money import Ints

LONGEST_NAME = 255
"""In bytes: what the usual file systems take."""
_CLUTTER = r"(?i)^(?:\.|~\$|thumbs\.db$|desktop\.ini$)|\.(?:part|filepart|tmp|crdownload)$"
"""Names of files that systems and programs leave behind, or are still writing."""
_NUMBERED = r"^(.*?)[-_]([0-9]{1,9})$"
_LONGEST_LABEL = 128
_NOT_IN_LABELS = "<>={}"
"""PrestaShop drops an image, not its text, when that has one of these signs or is longer."""


@dataclass(frozen=True, slots=True)
class Matches:
    """The files of articles.

    Attributes:
        files: ``model.images.ARTICLE_FILE``, article by article, the cover first.
        near: articles that are refused for a near miss.
        said: files that were named and are not there, or are of another kind; names that are nobody's.
        unused: ``path``, ``why`` (a code): files that are not taken.
    """

    files: pd.DataFrame
    near: pd.DataFrame
    said: pd.DataFrame
    unused: pd.DataFrame


def matched(
    references: pd.Series, paths: pd.Series, options: FileOptions, *, suffixes: Collection[str], cells: pd.Series | None
) -> Matches:
    """Find the files of each article, by its reference or because its extract names them (IMG-1, IMG-2).

    A reference is matched exactly, in the escaped form of ``file_names`` where it must be. One that has no file while
    there is one for nearly the same reference (case, blanks, composed characters) is refused, as its files may be
    meant; a person has to say.

    Args:
        references: of articles, each once.
        paths: of all files in the folder and below, relative to it, each once.
        options: the shop's.
        suffixes: of the names that are taken, in small letters with the dot.
        cells: of each reference, the names that the extract gives; ``None``: it gives none.
    """
    found = _Found.of(paths, suffixes, by_folder=options.by_folder)
    owners = found.owners(references)
    own = _sorted(references, found, owners)
    said = []
    if cells is not None:
        given, missing = _named(references, found, cells, options.separator)
        own = pd.concat([given, own], ignore_index=True).drop_duplicates(["article", "path"])
        own = own.iloc[np.argsort(texts.places(own["article"], references), kind="stable")]
        said.append(missing)
    files = own.assign(position=own.groupby("article", sort=False).cumcount() + 1)
    bare = references[~texts.among(references, files["article"]).to_numpy()]
    stray = pd.Series(found.keys[found.taken & (owners < 0) & ~texts.among(paths, files["path"]).to_numpy()].unique())
    near = _near_misses(bare, stray, by_folder=options.by_folder)
    nobody = stray[~texts.among(stray, near["value"])]
    said.append(outcome.said("article-file-without-article", nobody, record_type="file", stage="select"))
    unused = found.unused(owners, texts.among(paths, files["path"]))
    return Matches(ARTICLE_FILE.conform(files), near, outcome.together(said), unused)


def too_long(references: pd.Series) -> Mask:
    """Tell which references no folder or file can be named after."""
    lengths = references.str.encode("utf-8", "surrogatepass").str.len()
    longest = len("=FF")  # of what a byte becomes
    doubtful = (lengths * longest > LONGEST_NAME).to_numpy()
    mask = np.zeros(len(references), bool)
    mask[doubtful] = [len(escaped(one).encode("utf-8")) > LONGEST_NAME for one in references[doubtful]]
    return mask


@dataclass(frozen=True, slots=True)
class _Found:
    """The files of the folder.

    Attributes:
        paths: of all.
        names: their names.
        keys: what each is named after: its folder, or its own name without suffix.
        taken: which may belong to an article.
        why: code of why the others are not.
        is_other: which are of another kind.
        by_folder: files are found by their folders.
    """

    paths: pd.Series
    names: pd.Series
    keys: pd.Series
    taken: Mask
    why: pd.Series
    is_other: pd.Series
    by_folder: bool

    @classmethod
    def of(cls, paths: pd.Series, suffixes: Collection[str], *, by_folder: bool) -> _Found:
        paths = paths.reset_index(drop=True)
        names = texts.replaced(paths, r"^.*/", "")
        depth = paths.str.count("/").to_numpy()
        stems = texts.replaced(names, r"\.[^.]*$", "")
        keys = texts.replaced(paths, r"/.*$", "") if by_folder else stems
        kinds = pd.Series([name[len(stem) :].lower() for name, stem in zip(names, stems, strict=True)], dtype="str")
        clutter = names.str.contains(_CLUTTER, regex=True).to_numpy(dtype=bool)
        other = ~texts.among(kinds, list(suffixes))
        reasons = {
            "article-file-clutter": clutter,
            "article-file-other-kind": other,
            "article-file-elsewhere": depth != int(by_folder),
        }
        why = np.select(list(reasons.values()), list(reasons), "")
        return cls(paths, names, keys, why == "", pd.Series(why, dtype="str"), other, by_folder)

    def owners(self, references: pd.Series) -> Ints:
        """Give the place of each file's article among the references; -1: none."""
        meant = _decoded(self.keys)
        owners = texts.places(meant, references)
        if not self.by_folder:
            # A whole name that is a reference is that article's, even when it looks like another one's second image.
            owners = np.where(owners < 0, texts.places(_without_number(meant), references), owners)
        return np.where(self.taken, owners, -1)

    def unused(self, owners: Ints, used: pd.Series) -> pd.DataFrame:
        """Tell which files are not taken, and why."""
        why = self.why.mask((self.why == "") & (owners < 0), "article-file-without-article")
        rows = pd.DataFrame({"path": self.paths, "why": why})
        return rows[(why != "").to_numpy() & ~used.to_numpy()].sort_values("path", ignore_index=True)


def _sorted(references: pd.Series, found: _Found, owners: Ints) -> pd.DataFrame:
    """Put each article's files in natural order; in the flat order, the one without number first."""
    numbers = _numbers(references, found)
    keys = {
        row: (owners[row], numbers[row], natural_key(found.names[row])) for row in np.flatnonzero(owners >= 0).tolist()
    }
    order = sorted(keys, key=keys.__getitem__)
    articles = references.take(owners[order]).to_numpy() if order else []
    return pd.DataFrame({"article": articles, "path": found.paths.take(order).to_numpy()}).astype("str")


def _numbers(references: pd.Series, found: _Found) -> Ints:
    """Give the number that each name ends in; -1: it is a reference as a whole, or numbers tell nothing."""
    if found.by_folder:
        return np.full(len(found.keys), -1)
    meant = _decoded(found.keys)
    numbers = pd.to_numeric(meant.str.extract(_NUMBERED)[1], errors="coerce").fillna(-1).to_numpy(dtype=np.int64)
    return np.where(texts.among(meant, references), -1, numbers)


def _named(references: pd.Series, found: _Found, cells: pd.Series, separator: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take the files that the extract names; what is not among those listed is said, never looked for."""
    given = pd.Series(cells.fillna("").to_numpy(), references.to_numpy(), dtype="str")
    each = given.str.split(separator, regex=False).explode().str.strip().str.replace("\\", "/", regex=False)
    each = each[each != ""].str.removeprefix("./")
    rows = pd.DataFrame({"article": each.index, "path": each.to_numpy()}).astype("str")
    there = texts.among(rows["path"], found.paths).to_numpy()
    other = texts.among(rows["path"], found.paths[found.is_other.to_numpy()]).to_numpy()
    meant = _near_paths(rows.loc[~there, "path"], found.paths)
    near = pd.Series([meant.get(path, "") for path in rows["path"]], rows.index, dtype="str")
    said = [
        outcome.said(
            code,
            rows.loc[which, "path"],
            record_type="file",
            stage="select",
            field=rows.loc[which, "article"].to_list(),
            value=near[which].to_list(),
        )
        for code, which in (
            ("article-file-named-not-there", ~there & (near == "").to_numpy()),
            ("article-file-named-near-miss", (near != "").to_numpy()),
            ("article-file-other-kind", other),
        )
    ]
    return rows[there & ~other], outcome.together(said)


def _near_paths(missing: pd.Series, paths: pd.Series) -> dict[str, str]:
    """Give the file that is probably meant by each that is not there."""
    likely = {_loose(path): path for path in paths} if len(missing) else {}
    return {path: likely[_loose(path)] for path in missing if _loose(path) in likely}


def _near_misses(bare: pd.Series, stray: pd.Series, *, by_folder: bool) -> pd.DataFrame:
    """Refuse articles without files where something lies under nearly their reference."""
    meant = _decoded(stray)
    likely = dict(zip(map(_loose, meant), stray, strict=True))
    if not by_folder:
        likely = dict(zip(map(_loose, _without_number(meant)), stray, strict=True)) | likely
    near = {one: likely[_loose(one)] for one in bare if _loose(one) in likely}
    # What looks the same on every screen is told in other words.
    composed = {one: unicodedata.normalize("NFC", key) for one, key in near.items()}
    decomposed = {one: near[one] for one, key in composed.items() if one in {key, re.sub(_NUMBERED, r"\1", key)}}
    others = {one: key for one, key in near.items() if one not in decomposed}
    return outcome.together(
        outcome.said(
            code,
            found,
            record_type="article",
            stage="select",
            field=list(found),
            value=list(found.values()),
            expected=[escaped(one) for one in found],
        )
        for code, found in (("article-file-decomposed", decomposed), ("article-file-near-miss", others))
    )


def _loose(reference: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", reference).casefold().split())


def _decoded(keys: pd.Series) -> pd.Series:
    marked = keys.str.contains("=", regex=False).to_numpy(dtype=bool)
    return keys.mask(marked, keys[marked].map(unescaped)) if marked.any() else keys


def _without_number(keys: pd.Series) -> pd.Series:
    return texts.replaced(keys, _NUMBERED, r"\1")


def named(files: pd.DataFrame, contents: Mapping[str, str]) -> pd.DataFrame:
    """Give the good files of articles, and the name of each where the shop fetches it.

    Args:
        files: ``ARTICLE_FILE``.
        contents: what tells each content from others (see ``public_name``), by path; that of good ones.

    Returns:
        ``article``, ``path``, ``name``; a content that an article has twice, once.
    """
    good = files[texts.among(files["path"], contents)]
    names = [public_name(row.article, contents[row.path]) for row in good.itertuples()]
    rows = good[["article", "path"]].assign(name=pd.Series(names, good.index, dtype="str"))
    return rows.drop_duplicates(["article", "name"]).reset_index(drop=True)


def told_texts(names: pd.DataFrame) -> pd.Series:
    """Write the files of each article as one text, in their order: what the shop is told.

    Args:
        names: see ``named``.
    """
    lists = names.groupby("article", sort=False)["name"].agg(list)
    written = [json.dumps({str(place): name for place, name in enumerate(one, 1)}) for one in lists]
    return pd.Series(written, lists.index, dtype="str")


def told_names(text: str) -> list[str]:
    """Read the names back of what a shop was told; none: it was told nothing."""
    return list(json.loads(text).values()) if text else []


def shop_files(changed: pd.DataFrame, labels: pd.Series, base_url: str, *, known: bool, delete: bool) -> pd.DataFrame:
    """Give a row per file that the shop is told of, article by article.

    Args:
        changed: ``key``, ``value``, ``before`` as ``catalogue.differing`` gives them.
        labels: of these articles.
        base_url: where the shop fetches them.
        known: also those that the shop was told before.
        delete: the shop drops what it has.

    Returns:
        ``model.images.SHOP_FILE``.
    """
    rows = []
    for article, value, before, label in zip(changed["key"], changed["value"], changed["before"], labels, strict=True):
        old = [] if known else told_names(before)
        rows += [
            (article, label, f"{base_url}/{name}", position, position == 1)
            for position, name in enumerate(told_names(value), 1)
            if name not in old
        ]
    table = pd.DataFrame(rows, columns=["article", "label", "url", "position", "is_cover"])
    return SHOP_FILE.conform(table.assign(delete_existing=delete))


def by_article(rows: pd.DataFrame, separator: str) -> pd.DataFrame:
    """Give a row per article, its files joined; in labels blanks stand for the separator and what shops refuse.

    Returns:
        ``model.images.SHOP_FILES``.
    """
    refused = f"[{re.escape(separator.strip() + _NOT_IN_LABELS)}]"
    labels = rows["label"].str.slice(stop=_LONGEST_LABEL).str.replace(refused, " ", regex=True)
    listed = texts.by_group(rows["url"], rows["article"], separator)
    first = rows.drop_duplicates("article").reset_index(drop=True)
    table = first.assign(
        urls=listed.to_numpy(),
        alt_texts=texts.by_group(labels, rows["article"], separator).to_numpy(),
        cover=first["url"].where(first["is_cover"], ""),
        further=_further(rows, separator).reindex(first["article"]).fillna("").to_numpy(),
    )
    return SHOP_FILES.conform(table)


def _further(rows: pd.DataFrame, separator: str) -> pd.Series:
    others = rows[~rows["is_cover"].to_numpy()]
    return texts.by_group(others["url"], others["article"], separator) if len(others) else pd.Series(dtype="str")


def with_product_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Put a row for the product before those of its images, as some imports want it; ``shop_row`` tells them apart."""
    products = rows.drop_duplicates("article").assign(shop_row="Product", url="", label="", is_cover=False)
    products["position"] = pd.array([pd.NA] * len(products), dtype="Int64")
    images = rows.assign(shop_row="Image", shop_id="", shop_name="")
    order = np.argsort(np.concatenate([products.index.to_numpy() * 2, rows.index.to_numpy() * 2 + 1]), kind="stable")
    return pd.concat([products, images], ignore_index=True).take(order).reset_index(drop=True)
