"""The task that tells a shop the ERP's prices: of articles, promotions, groups and customers; only what differs.

Source: spec CAT-2, PRI-1 to PRI-4, STK-8, SHP-1; design.md decision 5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePath

import pandas as pd

from passerelle import outcome
from passerelle.exchange import catalogue, texts
from passerelle.exchange.activation import under_products
from passerelle.exchange.price_files import (
    LISTED,
    price_rows,
    price_values,
    removed,
    specific_values,
    whole_products,
)
from passerelle.exchange.prices import LOGIN, PRICE, Ability, Buyers, Special, article_prices, special_prices
from passerelle.formats.descriptor import Descriptor
from passerelle.formats.writer import Written
from passerelle.model.prices import ERP_PRICES
from passerelle.profile.shop_settings import ShopPrices
from passerelle.run.accounts import GROUP
from passerelle.run.erp_catalogue import Articles, ErpCatalogue
from passerelle.run.errors import RunError
from passerelle.run.extracts import read_extract
from passerelle.run.families import leave_combinations
from passerelle.run.fates import Fates
from passerelle.run.job import Desk, Package
from passerelle.run.listing import Listed, read_listing
from passerelle.run.shop_file import format_for, package, write_told
from passerelle.run.to_shops import shops_with
from passerelle.run.told import Told, acknowledged, differing, ever_told

TABLE = "prices"
SPECIFIC = "specific-price"
"""The kind of values that the ledger keeps of the prices of an article for some customers or quantities."""
_SPECIFIC_FORMAT = "specific_prices"
_GROUP_KINDS = ("price-category", "family")
_CUSTOMER_COLUMNS = ("customer_email", LOGIN)


@dataclass(frozen=True, slots=True)
class PricesTask:
    """The ERP's prices to a shop."""

    name: str = TABLE

    def make(self, desk: Desk) -> Told:
        """Read the extracts, compute the shop's prices, write what differs.

        Raises:
            RunError: an extract cannot be believed, or an option cannot be met.
            CriterionError: the shop's criterion cannot be used.
            StorageError: the shop's listing could not be fetched.
            FormatError: a file is not of its format.
        """
        shops_with(desk.loaded, TABLE, desk.shop.name)
        options = desk.shop.prices or ShopPrices()
        target = _Target.of(desk, options)
        erp = ErpCatalogue(desk, self.name)
        read = _read(erp, options, desk)
        table = read.articles.table
        listed = read_listing(desk, options.listing, target.prices, also=LISTED) if options.listing else None
        fates = Fates(table["article"])
        told = ever_told(desk, options, PRICE)
        filtered = catalogue.left_out(table, options, since=erp.since(), holds=read.articles.holds, told=told)
        for code, mask in filtered.items():
            fates.leave(code, mask)
        leave_combinations(desk, fates)
        fates.refuse(read.doubtful)
        if listed:
            fates.compare(listed)
        prices, wrong = article_prices(table[fates.go].reset_index(drop=True), options)
        fates.refuse(wrong)
        prices = prices[texts.among(prices["article"], fates.references[fates.go])].reset_index(drop=True)
        known = acknowledged(desk, SPECIFIC)
        buyers = _buyers(desk, options, read.rows, known, by_id=target.knows_groups_by_id)
        special = special_prices(
            read.rows,
            prices,
            options,
            buyers,
            target.sale,
            target.special,
            today=desk.today,
            currency=desk.shop.currency,
        )
        changes = _Changes.of(desk, prices, special, known, target)
        fates.leave("price-unchanged", ~texts.among(fates.references, changes.keys).to_numpy())
        files = _Files(desk, options, target, prices, special, buyers, listed)
        packages = files.written(changes, fates)
        outcomes = outcome.together([read.articles.outcomes, read.unknown, special.outcomes, *fates.said])
        refused = outcomes[(outcomes["record_type"] == PRICE) & (outcomes["state"] == "failed")]
        return Told(
            desk,
            read=read.articles.extract.read.rows,
            fates=fates,
            outcomes=outcomes,
            changed=changes.of_articles(fates.references[fates.go]),
            labels=table.set_index("article")["label"],
            packages=packages,
            marks=erp.marks,
            unread=refused["record"].nunique() + (len(outcome.refused(listed.outcomes)) if listed else 0),
        ).checked()


PRICES = PricesTask()


@dataclass(frozen=True, slots=True)
class _Read:
    """What the ERP tells: its articles with their rates, the prices beside theirs, and what is wrong with these."""

    articles: Articles
    rows: pd.DataFrame
    doubtful: pd.DataFrame
    unknown: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Target:
    """The files by which a shop is told prices, and what they can say.

    Attributes:
        prices: format of prices and promotions.
        specific: format of the prices of groups, customers and quantities; ``None``: it has none.
        tells_sales: promotions are the ERP's; else they are the shop's own.
    """

    prices: Descriptor
    specific: Descriptor | None
    tells_sales: bool

    @classmethod
    def of(cls, desk: Desk, options: ShopPrices) -> _Target:
        """Choose the files.

        Raises:
            RunError: one wants what only the shop knows; or the shop has another currency than the ERP.
        """
        if desk.shop.currency != desk.profile.orders.currency:
            known = desk.profile.orders.currency
            raise RunError("run-prices-currency", is_usage=True, value=desk.shop.currency, known=known)
        own = f"{desk.shop.platform}/{_SPECIFIC_FORMAT}"
        has_one = options.specific_format or own in desk.formats.names()
        specific = desk.shop_format(_SPECIFIC_FORMAT, options.specific_format) if has_one else None
        has_tariffs = desk.profile.erp.extracts.prices is not None
        return cls(
            format_for(desk, options, TABLE), specific if has_tariffs else None, has_tariffs and options.promotions
        )

    @property
    def sale(self) -> Ability:
        """What the file of prices can say of promotions."""
        sources = _sources(self.prices)
        return Ability(
            ahead="sale_from" in sources,
            ends=bool({"sale_to", "discount_to"} & sources),
            reduction="discount_amount_incl" in sources,
        )

    @property
    def knows_groups_by_id(self) -> bool:
        """Whether the file of other prices has ids of groups, not their names."""
        return self.specific is not None and any(one.source == "group" and one.pattern for one in self.specific.fields)

    @property
    def special(self) -> Ability | None:
        """What the file of other prices can say."""
        if self.specific is None:
            return None
        sources = _sources(self.specific)
        by_code = ("customer_code",) if "customer_code" in sources else ()
        return Ability(
            ahead="valid_from" in sources,
            ends="valid_to" in sources,
            groups="group" in sources,
            customers=by_code or tuple(name for name in _CUSTOMER_COLUMNS if name in sources),
            everybody=not any(one.source == "group" and one.required for one in self.specific.fields),
            logins=LOGIN in sources,
        )


@dataclass(frozen=True, slots=True)
class _Changes:
    """What the shop is told, and what it was told: prices of articles, and those for some.

    Attributes:
        prices: of every article that is told anything, also where only a price for some has changed.
        specific: prices for some.
        repriced: the articles whose price or promotion has changed.
    """

    prices: pd.DataFrame
    specific: pd.DataFrame
    repriced: pd.Series

    @classmethod
    def of(cls, desk: Desk, prices: pd.DataFrame, special: Special, known: pd.DataFrame, target: _Target) -> _Changes:
        """Compare with what the shop was told."""
        told = price_values(prices, special.sales, target.sale)
        changed = differing(desk, PRICE, told)
        values = specific_values(special.specific)
        # Of those that had some and have none any more, that is told.
        had = known["key"][texts.among(known["key"], prices["article"]) & ~texts.among(known["key"], values.index)]
        values = pd.concat([values, pd.Series("{}", pd.Index(had), dtype="str")]) if target.specific else values[:0]
        others = catalogue.differing(values, known, full=desk.request.full)
        same = told.rename("value").rename_axis("key").reset_index().assign(before=told.to_numpy())
        same = same[texts.among(same["key"], others["key"]) & ~texts.among(same["key"], changed["key"])]
        return cls(pd.concat([changed, same], ignore_index=True), others, changed["key"])

    @property
    def keys(self) -> pd.Series:
        """The articles that are told anything."""
        return self.prices["key"]

    def of_articles(self, references: pd.Series) -> dict[str, pd.DataFrame]:
        """Give those of some articles, by kind."""
        kinds = {PRICE: self.prices, SPECIFIC: self.specific}
        return {kind: rows[texts.among(rows["key"], references)].reset_index(drop=True) for kind, rows in kinds.items()}


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of a run."""

    desk: Desk
    options: ShopPrices
    target: _Target
    prices: pd.DataFrame
    special: Special
    buyers: Buyers
    listed: Listed | None

    def written(self, changes: _Changes, fates: Fates) -> tuple[Package, ...]:
        """Write what goes; an article that one of the files cannot take is in none of them."""
        going = -1
        packages: list[Package | None] = []
        while going != fates.go.sum():
            going = fates.go.sum()
            own = changes.of_articles(fates.references[fates.go])
            packages = [*self._prices(own[PRICE], changes.repriced, fates), *self._specific(own[SPECIFIC], fates)]
        return tuple(one for one in packages if one)

    def _prices(self, changed: pd.DataFrame, repriced: pd.Series, fates: Fates) -> list[Package | None]:
        changed = changed[texts.among(changed["key"], repriced)]
        if changed.empty:
            return []
        before = changed.set_index("key")["before"]
        rows = price_rows(
            self.prices,
            self.special.sales if self.target.tells_sales else None,
            before,
            includes_tax=self.options.includes_tax,
            today=self.desk.today,
        )
        descriptor = self.target.prices
        is_told = texts.among(rows["article"], changed["key"])
        if "discount_amount_incl" in rows and "discount_amount_incl" in _sources(descriptor):
            amounts = rows["discount_amount_incl"].fillna(rows["discount_rate"])
            no_rate = rows[is_told & rows["sale_price"].notna() & amounts.isna()]
            fates.refuse(
                outcome.said("price-rate-unknown", no_rate["article"], record_type="article", stage="exchange")
            )
        if self.listed and "shop_handle" in self.listed.rows:
            written = write_told(descriptor, whole_products(self.listed.rows, rows, changed["key"]), "record")
        elif self.listed and "shop_row" in self.listed.rows:
            written = write_told(descriptor, under_products(self.listed.rows, rows, changed["key"]), "record")
        else:
            rows = rows[is_told].reset_index(drop=True)
            rows = self.listed.joined(rows) if self.listed else rows
            written = write_told(descriptor, rows)
        fates.refuse(written.outcomes)
        return [package(descriptor, written)]

    def _specific(self, changed: pd.DataFrame, fates: Fates) -> list[Package | None]:
        descriptor = self.target.specific
        if descriptor is None or changed.empty:
            return []
        rows = self.special.specific
        rows = rows[texts.among(rows["article"], changed["key"])].reset_index(drop=True)
        if "is_removed" in _sources(descriptor):
            by_login = LOGIN in _sources(descriptor)
            gone = removed(changed, self.buyers.emails, by_login=by_login, currency=self.desk.shop.currency)
            rows = pd.concat([rows, gone], ignore_index=True)
            written = write_told(descriptor, rows)
            fates.refuse(written.outcomes)
            return [package(descriptor, written)]
        written = write_told(descriptor, rows)
        fates.refuse(written.outcomes)
        return [package(descriptor, written), self._deleted(descriptor, changed, fates)]

    def _deleted(self, descriptor: Descriptor, changed: pd.DataFrame, fates: Fates) -> Package | None:
        """Write the articles of which the ERP has no such price any more, for an import that deletes."""
        only = replace(descriptor, fields=tuple(one for one in descriptor.fields if one.source == "article"))
        gone = changed.loc[changed["value"] == "{}", "key"]
        written: Written = write_told(only, pd.DataFrame({"article": gone.to_numpy()}))
        fates.refuse(written.outcomes)
        path = PurePath(descriptor.path)
        return package(replace(only, path=f"{path.stem}_delete{path.suffix}"), written)


def _sources(descriptor: Descriptor) -> set[str]:
    return {one.source for one in descriptor.fields}


def _read(erp: ErpCatalogue, options: ShopPrices, desk: Desk) -> _Read:
    """Read the articles, their rates, and the prices beside theirs.

    Raises:
        RunError: an extract cannot be believed, or has no price at all.
        FormatError: a file is not of its format.
    """
    articles = erp.articles(options, set(), useful={"price_excl", "price_incl", "tax_rate", "vat_code"})
    if {"price_excl", "price_incl"} <= {*articles.extract.read.absent}:
        path = desk.profile.erp.extracts.articles
        raise RunError("run-extract-lacks-column", is_usage=True, file=path, columns="PV HT, PV TTC")
    table = articles.table
    codes, wrong = read_extract("ebp/vat_codes", desk.profile.erp.extracts.vat_codes, desk.formats, desk.profile.erp)
    if codes is not None:
        rates = codes.drop_duplicates("code").set_index("code")["tax_rate"]
        by_code = rates.reindex(table["vat_code"]).set_axis(table.index)
        table["tax_rate"] = table["tax_rate"].fillna(by_code.astype("Int64"))
    extract, doubtful = erp.prices()
    rows = extract.table if extract else ERP_PRICES.empty()
    erp.transferred(min(one.made_at for one in (articles.extract, extract) if one))
    if options.changed_only:
        # A tariff may change without its article, and a promotion begin or end: these are looked at every time.
        known = desk.ledger.sent_values(desk.profile.name, desk.shop.name, PRICE)
        sold = known["key"][known["value"].str.contains('"sale_price"', regex=False)]
        others = desk.ledger.sent_values(desk.profile.name, desk.shop.name, SPECIFIC)["key"]
        looked_at = pd.concat([rows["article"], sold, others])
        table["modified"] = table["modified"].mask(texts.among(table["article"], looked_at))
    unknown = rows.loc[~texts.among(rows["article"], articles.extract.table["article"]), "article"].unique()
    said = outcome.said("price-article-unknown", unknown, record_type=PRICE, stage="select", value=unknown)
    return _Read(articles, rows, doubtful, outcome.together([wrong, said]))


def _buyers(desk: Desk, options: ShopPrices, rows: pd.DataFrame, known: pd.DataFrame, *, by_id: bool) -> Buyers:
    """Give the customer groups and the customers that the shop knows (PRI-4).

    Args:
        desk: the run's.
        options: the shop's.
        rows: the prices.
        known: what the shop was told of prices for some.
        by_id: the file has ids of groups, not their names.

    Raises:
        RunError, FormatError: the extract of the customers cannot be read.
    """
    told = desk.ledger.sent_values(desk.profile.name, desk.shop.name, GROUP)
    groups = {} if by_id else dict(told.itertuples(index=False))
    ids_there = desk.shop.groups.ids if by_id and desk.shop.groups else {}
    named = {code: name for code, name in {**ids_there, **options.groups}.items() if name.isdigit() or not by_id}
    groups |= {f"{kind}/{code}": name for code, name in named.items() for kind in _GROUP_KINDS}
    emails: dict[str, str] = {}
    ids: dict[str, list[str]] = {}
    had = known["value"].str.contains(" / customer ", regex=False)
    if had.any() or (options.customer_prices and (rows["customer_code"] != "").any()):
        accounts = desk.ledger.accounts(desk.profile.name)
        is_own = accounts["customer_key"].str.startswith(f"{desk.shop.name}/")
        own = accounts[is_own & ~accounts["customer_key"].str.contains("/order-", regex=False)]
        emails = dict(own[["customer_code", "email"]].itertuples(index=False))
        ids = own["customer_key"].str.split("/", n=1).str[1].groupby(own["customer_code"]).agg(list).to_dict()
        path = desk.profile.erp.extracts.customers
        customers, _ = read_extract("ebp/customers_extract", path, desk.formats, desk.profile.erp)
        if customers is not None:
            emails |= dict(customers.loc[customers["email"] != "", ["customer_code", "email"]].itertuples(index=False))
    return Buyers(groups, emails, ids)
