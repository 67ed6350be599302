"""The tasks that give a shop the images and documents of the ERP's articles, collected where they lie.

A run is of one shop. What a shop was told of an article is the list of its files, each named after its content; a file
of which its storage tells the same as last time is not even fetched.

Source: spec IMG-1 to IMG-5, DOC-1, CAT-2; design.md decision 5.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import pandas as pd

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.catalogue import left_out as not_taken
from passerelle.exchange.file_names import public_name
from passerelle.exchange.images import (
    Matches,
    by_article,
    matched,
    named,
    shop_files,
    told_names,
    told_texts,
    too_long,
    with_product_rows,
)
from passerelle.formats.descriptor import Descriptor
from passerelle.formats.writer import Written, write
from passerelle.ledger.entries import VALUES
from passerelle.model.images import SHOP_FILES
from passerelle.profile.shop_settings import ShopDocuments, ShopImages
from passerelle.run.collected import Batch, Known, Make, batches, collect, collect_spread, seen
from passerelle.run.erp_catalogue import Articles, ErpCatalogue
from passerelle.run.errors import RunError
from passerelle.run.families import leave_combinations
from passerelle.run.fates import Fates
from passerelle.run.job import Attached, Desk, Package
from passerelle.run.listing import OWN, Listed, read_listing
from passerelle.run.locks import leave_locked, lock_columns
from passerelle.run.made_files import document
from passerelle.run.pictures import SUFFIXES, picture
from passerelle.run.to_shops import shops_with
from passerelle.run.told import Told, differing, ever_told
from passerelle.storage.base import Entry, Storage
from passerelle.storage.cursors import listed
from passerelle.storage.paths import clean_folder, join
from passerelle.storage.places import open_place

_MAKING = {"formats", "max_side", "max_megapixels", "max_source_bytes", "max_bytes", "quality"}
"""Options that decide on what is made of a file."""


@dataclass(frozen=True, slots=True)
class FilesTask:
    """Files of the ERP's articles to a shop.

    Attributes:
        name: of the task, and of its table in the profile.
        kind: kind of the values that the ledger keeps of what a shop was told.
    """

    name: str
    kind: str

    def make(self, desk: Desk) -> Told:
        """Read the extract, list the place, fetch what is new, write what the shop is told.

        Raises:
            RunError: the extract cannot be believed, the place has no files, or an option cannot be met.
            CriterionError: the shop's criterion cannot be used.
            StorageError: the place, or the shop's listing, cannot be read.
            FormatError: a file is not of its format.
        """
        shops_with(desk.loaded, self.name, desk.shop.name)
        work = _Work(desk, self)
        work.check_target()
        erp = ErpCatalogue(desk, self.name)
        options = work.options
        plain = [*([options.column] if options.column else []), *lock_columns(desk)]
        articles = erp.articles(options, set(), plain=plain)
        erp.transferred(articles.extract.made_at)
        fates = Fates(articles.table["article"])
        told = ever_told(desk, options, self.kind)
        filtered = not_taken(articles.table, options, since=erp.since(), holds=articles.holds, told=told)
        for code, mask in filtered.items():
            fates.leave(code, mask)
        leave_locked(desk, fates, articles.table)
        leave_combinations(desk, fates)
        has = work.listing()
        if has:
            fates.compare(has)
        found = work.collected(articles, fates)
        fates.refuse(found.refused)
        names = found.names()
        changed = differing(desk, self.kind, told_texts(names))
        fates.leave("article-file-unchanged", ~texts.among(fates.references, changed["key"]).to_numpy())
        labels = articles.table.set_index("article")["label"]
        rows = work.rows(changed[texts.among(changed["key"], fates.references[fates.go])], labels)
        fates.leave("article-file-nothing-new", ~texts.among(fates.references, rows["article"]).to_numpy())
        written = work.written(rows, has)
        fates.refuse(written.outcomes)
        changed = changed[texts.among(changed["key"], fates.references[fates.go])].reset_index(drop=True)
        attached = work.attached(names[texts.among(names["article"], changed["key"])], found.known)
        package = Package(work.descriptor.path, written.data, written.rows, attached=attached)
        return Told(
            desk,
            read=articles.extract.read.rows,
            fates=fates,
            outcomes=outcome.together([articles.outcomes, *fates.said, found.matches.said, found.bad]),
            changed={self.kind: changed},
            labels=labels,
            packages=(package,) if written.rows else (),
            marks=erp.marks,
            unread=len(outcome.refused(found.bad)) + (len(outcome.refused(has.outcomes)) if has else 0),
            more_reports=_reports(articles, found),
            learned=found.learned(work.memory_kind),
        ).checked()


IMAGES = FilesTask("images", "image")
DOCUMENTS = FilesTask("documents", "document")


@dataclass(frozen=True, slots=True)
class _Found:
    """The files of articles that go, and what is known of each.

    Attributes:
        matches: whose the files of the place are.
        files: those of articles that go.
        known: by path.
    """

    matches: Matches
    files: pd.DataFrame
    known: Mapping[str, Known]

    def names(self) -> pd.DataFrame:
        """Give the good files, and where the shop fetches each."""
        return named(self.files, {path: one.content for path, one in self.known.items() if one.content})

    @property
    def refused(self) -> pd.DataFrame:
        """Refuse articles one of whose files could not be fetched, or none of which is good."""
        lost = {path: one.error for path, one in self.known.items() if one.error}
        rows = self.files[texts.among(self.files["path"], lost)]
        errors = [lost[path] for path in rows["path"]]
        not_fetched = outcome.said(
            "article-file-not-fetched",
            rows["article"],
            record_type="article",
            stage="read",
            value=rows["path"].to_list(),
            reason_en=[error.text("en") for error in errors],
            reason_fr=[error.text("fr") for error in errors],
        )
        good = self.files.loc[texts.among(self.files["path"], self._with_content), "article"]
        bare = self.files.loc[~texts.among(self.files["article"], [*good, *rows["article"]]), "article"].unique()
        none_good = outcome.said("article-file-none-good", bare, record_type="article", stage="read")
        return outcome.together([not_fetched, none_good])

    @property
    def _with_content(self) -> list[str]:
        return [path for path, one in self.known.items() if one.content]

    @property
    def bad(self) -> pd.DataFrame:
        """Say what is wrong with files, or was done to them; the article goes on with the others (IMG-4)."""
        owners = self.files.drop_duplicates("path").set_index("path")["article"]
        said = {path: one for path, one in self.known.items() if one.code}
        parts = []
        for code in sorted({one.code for one in said.values()}):
            paths = [path for path, one in said.items() if one.code == code]
            parts.append(
                outcome.said(
                    code,
                    paths,
                    record_type="file",
                    stage="read",
                    field=owners[paths].to_list(),
                    value=[said[path].value for path in paths],
                )
            )
        return outcome.together(parts)

    def learned(self, kind: str) -> pd.DataFrame:
        """Give what the ledger is to remember of files that were fetched."""
        new = {path: one.to_text() for path, one in self.known.items() if one.is_new}
        rows = pd.DataFrame({"key": list(new), "value": list(new.values())}, dtype="str")
        return VALUES.conform(rows.assign(kind=kind, before=""))


class _Work:
    """A shop's files, for one run.

    Args:
        desk: the run's.
        task: images or documents.
    """

    def __init__(self, desk: Desk, task: FilesTask) -> None:
        self._desk, self._kind, self._name = desk, task.kind, task.name
        self.options: ShopImages | ShopDocuments = getattr(desk.shop, task.name)
        chosen, settings = self.options.format, self.options.format_settings
        self.descriptor: Descriptor = desk.shop_format(task.name, chosen, settings)
        self._settings = {**self.descriptor.settings, **self.options.format_settings}

    def check_target(self) -> None:
        """See that there is what only the shop knows, if its file needs it.

        Raises:
            RunError: there is not.
        """
        own = [one for one in self.descriptor.fields if one.source.startswith(OWN) and one.constant is None]
        if own and not self.options.listing:
            raise RunError("run-listing-not-set", is_usage=True, format=self.descriptor.name)

    def listing(self) -> Listed | None:
        """Read which products the shop has: in the layout of its stock, with the reference and the shop's own ids."""
        if self.options.listing is None:
            return None
        form = self._desk.formats.get(f"{self._desk.shop.platform}/stock")
        has = read_listing(self._desk, self.options.listing, form, "")
        variants = has.rows.get("shop_row", pd.Series("", has.rows.index)) == "Variant"
        return replace(has, rows=has.rows[~variants].reset_index(drop=True))

    def collected(self, articles: Articles, fates: Fates) -> _Found:
        """List the place, and fetch what is not known of the files of articles that go; leave those without files.

        Raises:
            RunError: there is no file at all: a place that was emptied, or is not the one that is meant.
            StorageError: it cannot be read.
        """
        with open_place(self.options.place, base_folder=self._desk.loaded.folder) as storage:
            folder = clean_folder(self.options.folder, storage=storage.name)
            entries = listed(storage, folder, self._desk.installation.listings, anew=self._desk.request.full)
            if not entries:
                raise RunError("run-no-files", place=join(storage.name, folder))
            by_path = {entry.path.removeprefix(f"{folder}/") if folder else entry.path: entry for entry in entries}
            paths = pd.Series(list(by_path), dtype="str")
            # Of all articles: those that do not go to the shop, or are refused, have files too.
            references = articles.extract.table["article"].drop_duplicates(ignore_index=True)
            column = self.options.column
            cells = articles.table.set_index("article")[column].reindex(references) if column else None
            matches = matched(references, paths, self.options, suffixes=self._suffixes, cells=cells)
            files = _taken(matches, fates)
            known = self._remembered(files, by_path)
            wanted = self._wanted(files, known)
            fetched = self._fetched(storage, tuple(by_path[path] for path in wanted))
        inside = {entry.path: path for path, entry in by_path.items()}
        return _Found(matches, files, known | {inside[path]: one for path, one in fetched.items()})

    def _fetched(self, storage: Storage, entries: tuple[Entry, ...]) -> dict[str, Known]:
        """Fetch files and make what the shop gets of them; others help where there is enough for more than one."""
        desk = self._desk
        whole = Batch(self.options.place, desk.loaded.folder, entries, self._make)
        if desk.spread and len(batches(whole)) > 1:
            return collect_spread(desk.spread, whole, desk.workshop)
        return collect(storage, entries, desk.workshop, self._make)

    def rows(self, changed: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
        """Give a row per file that the shop is told of.

        Where it can drop what it has, or its import replaces it, the list is whole; where it can only add, it is given
        what it was not told before.
        """
        can_delete = any(one.source == "delete_existing" for one in self.descriptor.fields)
        delete = can_delete and isinstance(self.options, ShopImages) and self.options.delete_existing
        whole = delete if can_delete else self._settings.get("import") == "replaces"
        url = f"{self.options.base_url.rstrip('/')}/{self._name}"
        return shop_files(
            changed,
            labels.reindex(changed["key"]),
            url,
            known=whole or self._desk.request.full,
            delete=delete,
        )

    def written(self, rows: pd.DataFrame, has: Listed | None) -> Written:
        """Write what the shop is told."""
        joins = self.descriptor.table == SHOP_FILES.name
        table = by_article(rows, self._settings.get("separator", ",")) if joins else rows
        if has:
            own = has.rows.drop_duplicates("article").filter(regex="^article$|^shop_(id|handle|name)$")
            table = table.drop(columns=own.columns.difference(["article"])).merge(own, on="article", how="left")
        if self._settings.get("product_rows") == "yes":
            table = with_product_rows(table)
        return write(self.descriptor, table, record_column="article", record_type="article")

    def attached(self, names: pd.DataFrame, known: Mapping[str, Known]) -> tuple[Attached, ...]:
        """Give the files that the shop's place does not have yet."""
        new = names[~texts.among(names["name"], self._arrived)].drop_duplicates("name")
        given: list[Attached] = []
        used: set[str] = set()
        for path, name in zip(new["path"], new["name"], strict=True):
            one = known[path]
            assert one.local is not None  # noqa: S101 - what has not arrived was wanted
            local = one.local
            if path in used:  # a file that several articles have goes under a name for each
                local = local.with_suffix(f".{len(given)}")
                shutil.copyfile(one.local, local)
            used.add(path)
            given.append(Attached(f"{self._name}/{name}", local, one.sha256))
        return tuple(given)

    @property
    def memory_kind(self) -> str:
        """Kind of the values that tell what became of files: by place, and all that decides on what is made of them."""
        making = self.options.model_dump_json(include=_MAKING)
        given = f"{self.options.place.name}\n{self.options.folder}\n{making}"
        return f"{self._kind}-file {hashlib.sha256(given.encode()).hexdigest()[:16]}"

    @cached_property
    def _arrived(self) -> set[str]:
        """Names of the files that the shop's place has, as far as is known."""
        if self._desk.request.full:
            return set()
        told = self._desk.ledger.sent_values(self._desk.profile.name, self._desk.shop.name, self._kind)
        return {name for text in told["value"] for name in told_names(text)}

    @property
    def _suffixes(self) -> Collection[str]:
        if isinstance(self.options, ShopImages):
            return SUFFIXES
        return [f".{one.lower().lstrip('.')}" for one in self.options.types]

    @property
    def _make(self) -> Make:
        if isinstance(self.options, ShopImages):
            return partial(picture, options=self.options)
        return partial(document, options=self.options)

    def _remembered(self, files: pd.DataFrame, entries: Mapping[str, Entry]) -> dict[str, Known]:
        """Give what is known of files without fetching them: they are as they were last time, or too large."""
        kept = self._desk.ledger.sent_values(self._desk.profile.name, "", self.memory_kind)
        memory = dict(zip(kept["key"], kept["value"], strict=True)) if not self._desk.request.full else {}
        limit = getattr(self.options, "max_source_bytes", self.options.max_bytes)
        known = {}
        for path in files["path"].unique():
            entry, text = entries[path], memory.get(path, "")
            if entry.size > limit:
                known[path] = Known("", code="article-file-too-large", value=f"{entry.size} > {limit}")
            elif not entry.size:
                known[path] = Known("", code="article-file-empty")
            elif text and seen(entry) == (one := Known.of_text(text)).seen:
                known[path] = one
        return known

    def _wanted(self, files: pd.DataFrame, known: Mapping[str, Known]) -> list[str]:
        """Give the files to fetch: those that are not known, and good ones that the shop's place does not have."""
        rows = zip(files["article"], files["path"], strict=True)
        return list(
            dict.fromkeys(
                path
                for article, path in rows
                if path not in known
                or (known[path].content and public_name(article, known[path].content) not in self._arrived)
            )
        )


def _taken(matches: Matches, fates: Fates) -> pd.DataFrame:
    """Give the files of articles that go; those without any are left, or refused where some may be meant."""
    going = fates.references[fates.go]
    fates.refuse(matches.near[texts.among(matches.near["record"], going)])
    bare = ~texts.among(fates.references, matches.files["article"]).to_numpy()
    long = fates.references[fates.go & bare & too_long(fates.references)]
    fates.refuse(outcome.said("article-file-reference-too-long", long, record_type="article", stage="select"))
    fates.leave("article-file-none", bare)
    return matches.files[texts.among(matches.files["article"], fates.references[fates.go])].reset_index(drop=True)


def _reports(articles: Articles, found: _Found) -> dict[str, pd.DataFrame]:
    """Give the articles without file, and the files without article."""
    table = articles.table.loc[
        ~texts.among(articles.table["article"], found.matches.files["article"]), ["article", "label"]
    ]
    return {"without-files.csv": table, "unused-files.csv": found.matches.unused}
