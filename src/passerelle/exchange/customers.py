"""Buyers as customer accounts of the ERP: found, or created under a name that nobody else has.

Source: spec CUS-1, CUS-2, CUS-3, CUS-5, CUS-8, ORD-7, ORD-42 (customer account override), INV-2.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import stdnum.eu.vat
import stdnum.fr.siret

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.options import AccountingOptions, CustomerOptions
from passerelle.model.orders import PARTIES

ACCOUNT_COLUMNS = ("customer_key", "customer_code", "accounting_account", "email", "siret", "vat_number")
"""What the ledger remembers of an account (CUS-9)."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """The account of every order.

    Attributes:
        by_order: ``customer_code``, ``accounting_account``, ``is_new`` and ``own`` indexed by order key; ``own`` is
            false for an account shared by several buyers (single account, guests' account, override).
        created: accounts that this run creates, ``ACCOUNT_COLUMNS``, for the ledger.
        buyers: the buyers with their numbers checked: ``siret``, ``siren``, ``vat_number`` (empty when invalid) and
            ``notes`` (what was invalid), indexed by customer key.
        outcomes: what was refused or remarked.
    """

    by_order: pd.DataFrame
    created: pd.DataFrame
    buyers: pd.DataFrame
    outcomes: pd.DataFrame


def checked(parties: pd.DataFrame) -> pd.DataFrame:
    """Check SIRET and VAT numbers; an invalid one is kept in the notes, not sent as valid (CUS-8).

    Returns:
        The parties indexed by customer key with ``siret``, ``siren``, ``vat_number`` compact and valid or empty,
        ``notes``, and ``invalid`` (texts of the invalid numbers).
    """
    buyers = parties.set_index("customer_key")
    siret = {text: _valid_siret(text) for text in buyers["siret"].unique()}
    vat = {text: _valid_vat(text) for text in buyers["vat_number"].unique()}
    valid_siret = buyers["siret"].map(siret).astype("str")
    valid_vat = buyers["vat_number"].map(vat).astype("str")
    wrong_siret = buyers["siret"].where((buyers["siret"] != "") & (valid_siret == ""), "")
    wrong_vat = buyers["vat_number"].where((buyers["vat_number"] != "") & (valid_vat == ""), "")
    notes = _note("SIRET non valide : ", wrong_siret) + _note("N° de TVA non valide : ", wrong_vat)
    return buyers.assign(
        siret=valid_siret,
        siren=valid_siret.str[:9],
        vat_number=valid_vat,
        email=buyers["email"].str.strip(),
        notes=notes.str.strip(),
        wrong_siret=wrong_siret,
        wrong_vat=wrong_vat,
    )


def accounts(
    orders: pd.DataFrame,
    parties: pd.DataFrame,
    overrides: pd.DataFrame,
    erp_customers: pd.DataFrame | None,
    known: pd.DataFrame,
    options: CustomerOptions,
) -> Accounts:
    """Give every order its customer account.

    In this order: the payment mode's override (ORD-42), the guests' account (ORD-7), an existing account found by the
    profile's keys in the ERP's extract and in the ledger (CUS-1), the single account, a new account (CUS-2).

    Args:
        orders: ``order_key``, ``customer_key``.
        parties: the buyers.
        overrides: by order key, ``customer_account`` and ``accounting_account`` of the payment mapping.
        erp_customers: the ERP's customer extract, ``None`` without one.
        known: accounts the ledger remembers, ``ACCOUNT_COLUMNS``.
        options: how accounts are found and named.
    """
    imposed = overrides["customer_account"]
    buyers = checked(_all_buyers(orders, parties))
    found = _matched(buyers, erp_customers, known, options)
    first = _same_buyer(buyers, found, options)
    codes = found.where(found != "", _new_codes(buyers, options).reindex(first).to_numpy())
    guests = buyers["is_guest"] & (options.guest_account != "")
    codes = codes.where(~guests, options.guest_account)
    shared = guests | (found == "") & (options.account.mode == "single")
    served = orders.loc[imposed.reindex(orders["order_key"]).to_numpy() == "", "customer_key"]
    new = ~shared & (found == "") & texts.among(buyers.index.to_series(), served)
    problems = outcome.together(
        [
            _misfits(buyers[new], codes[new], options),
            _collisions(codes[new], first[new], erp_customers, known, {options.guest_account, *imposed.unique()}),
        ]
    )

    table = pd.DataFrame({"order_key": orders["order_key"], "customer_key": orders["customer_key"]})
    override = imposed.reindex(table["order_key"]).set_axis(table.index)
    buyer = texts.places(table["customer_key"], buyers.index)
    table["customer_code"] = codes.array.take(buyer)
    table["own"] = ~shared.to_numpy()[buyer] & (override == "")
    table["is_new"] = table["own"] & new.to_numpy()[buyer]
    table["customer_code"] = table["customer_code"].where(override == "", override)
    of_payment = overrides["accounting_account"].reindex(table["order_key"]).to_numpy()
    own_account = _accounting(table["customer_code"], options.accounting)
    table["accounting_account"] = own_account.where(of_payment == "", of_payment)

    met = table[table["own"]].merge(problems, left_on="customer_key", right_on="record")
    refused = met.assign(record=met["order_key"])[list(outcome.COLUMNS)]
    return Accounts(
        by_order=table.set_index("order_key"),
        created=_created(table[~texts.among(table["order_key"], refused["record"])], buyers),
        buyers=buyers,
        outcomes=outcome.together(
            [
                refused,
                _unknown_shared(table, erp_customers),
                _long_accounting(table, options.accounting),
                _invalid_numbers(orders, buyers),
            ]
        ),
    )


def on_marketplace_account(
    imposed: pd.DataFrame, orders: pd.DataFrame, parties: pd.DataFrame, options: CustomerOptions
) -> pd.DataFrame:
    """Give orders of marketplaces their account: the marketplace's buyers are not ours (CUS-7).

    Not those of buyers in one of our own groups, nor where an account is imposed already.

    Args:
        imposed: ``customer_account`` of each order, empty where it is the buyer's own; row for row as ``orders``.
        orders: the orders.
        parties: the buyers.
        options: which payment modes are a marketplace's, on which account.
    """
    if not options.marketplace_account:
        return imposed
    groups = parties.drop_duplicates("customer_key").set_index("customer_key")["customer_group"]
    own = orders["customer_key"].map(groups).isin(options.own_groups)
    sold_there = orders["payment_mode"].str.casefold().isin([mode.casefold() for mode in options.marketplaces])
    free = (sold_there & ~own).to_numpy() & (imposed["customer_account"] == "").to_numpy()
    return imposed.assign(customer_account=imposed["customer_account"].where(~free, options.marketplace_account))


def _all_buyers(orders: pd.DataFrame, parties: pd.DataFrame) -> pd.DataFrame:
    """Give every order a buyer: one that the shop does not tell is blank."""
    lacking = orders.loc[~texts.among(orders["customer_key"], parties["customer_key"]), ["customer_key", "shop"]]
    return pd.concat([parties, PARTIES.conform(lacking.drop_duplicates("customer_key"))], ignore_index=True)


def _matched(
    buyers: pd.DataFrame, erp_customers: pd.DataFrame | None, known: pd.DataFrame, options: CustomerOptions
) -> pd.Series:
    """Find the account that each buyer already has, by the profile's keys in their order (CUS-1)."""
    found = pd.Series("", index=buyers.index, dtype="str")
    for key in options.match:
        if key == "known":
            codes = known.drop_duplicates("customer_key").set_index("customer_key")["customer_code"]
            wanted = buyers.index
        else:
            codes = _accounts_by(key, erp_customers, known)
            wanted = match_key(buyers, key) if len(codes) else buyers.index
        if codes.empty:
            continue
        answer = codes.reindex(wanted).fillna("").set_axis(buyers.index)
        found = found.where(found != "", answer)
    return found


def _accounts_by(key: str, erp_customers: pd.DataFrame | None, known: pd.DataFrame) -> pd.Series:
    """Give account codes by SIREN/SIRET, e-mail or VAT number; the ERP's own extract comes before the ledger."""
    tables = [known]
    if erp_customers is not None:
        tables.insert(0, erp_customers.rename(columns={"siren": "siret"}))
    both = pd.concat([table[["customer_code", "email", "siret", "vat_number"]] for table in tables], ignore_index=True)
    keys = match_key(both, key)
    return both.assign(key=keys)[keys != ""].drop_duplicates("key").set_index("key")["customer_code"]


def match_key(table: pd.DataFrame, key: str) -> pd.Series:
    """Give what is compared: digits of the SIREN, the e-mail without case, the VAT number without blanks."""
    if key == "siret":
        # An ERP often keeps the SIREN only: the first nine digits say which company it is.
        return texts.replaced(table["siret"], r"\D", "").str[:9]
    column = {"email": "email", "vat": "vat_number"}[key]
    return texts.replaced(table[column], r"[\s\pZ]", "").str.casefold()


def _new_codes(buyers: pd.DataFrame, options: CustomerOptions) -> pd.Series:
    """Name new accounts: the single one, or prefix + id padded with zeros to the length (CUS-2)."""
    account = options.account
    if account.mode == "single":
        return pd.Series(account.single, index=buyers.index, dtype="str")
    of_shop = {shop: account.prefixes.get(shop, account.prefix) for shop in buyers["shop"].unique()}
    prefix = buyers["shop"].map(of_shop).astype("str")
    if account.guest_prefix:
        without_account = buyers.index.str.contains("/order-", regex=False)
        prefix = prefix.where(~without_account, account.guest_prefix)
    codes = pd.Series("", index=buyers.index, dtype="str")
    for start in prefix.unique():
        named = start + buyers["customer_id"].str.rjust(account.length - len(start), "0")
        codes = codes.where(prefix != start, named)
    return codes


def _same_buyer(buyers: pd.DataFrame, found: pd.Series, options: CustomerOptions) -> pd.Series:
    """Give, for each buyer without account, the first buyer of the run that the profile's keys say is the same.

    Two guest orders with one e-mail are one customer.
    """
    first = pd.Series(buyers.index, index=buyers.index, dtype="str")
    new = buyers[found == ""]
    for key in reversed([key for key in options.match if key != "known"]):
        keys = match_key(new, key)
        keys = keys[keys != ""]
        if keys.duplicated().any():
            first[keys.index] = first[keys.index].groupby(keys).transform("first")
    if first.index.equals(pd.Index(first)):
        return first
    for _ in options.match:  # a buyer may be the same as one who is the same as another, by each key in turn
        first = first.map(first)
    return first


def _misfits(buyers: pd.DataFrame, codes: pd.Series, options: CustomerOptions) -> pd.DataFrame:
    """Say which ids do not fit in the account's length: never truncated (CUS-2); and who has no id."""
    nobody = buyers.index[buyers["customer_id"] == ""]
    long = buyers[codes.str.len() > options.account.length]
    return outcome.together(
        [
            outcome.said("order-without-customer", nobody, record_type="order", stage="exchange", field="customer_id"),
            outcome.said(
                "account-does-not-fit",
                long.index,
                record_type="order",
                stage="exchange",
                field="customer_id",
                value=long["customer_id"],
                account=codes[long.index],
                length=options.account.length,
            ),
        ]
    )


def _collisions(
    codes: pd.Series, first: pd.Series, erp_customers: pd.DataFrame | None, known: pd.DataFrame, shared: set[str]
) -> pd.DataFrame:
    """Say which new accounts another customer already has (CUS-2).

    In the ERP, in the ledger, in the profile or the mappings, or in this run: there each of them is refused, because
    nothing says whose it is. An account that the ledger gave to the same buyer is his.
    """
    given = known.drop_duplicates("customer_key").set_index("customer_key")["customer_code"]
    own = given.reindex(first).to_numpy() == codes.to_numpy()
    taken = texts.among(codes, [] if erp_customers is None else erp_customers["customer_code"])
    taken |= texts.among(codes, known["customer_code"])
    taken = (taken & ~own) | texts.among(codes, shared)
    named = pd.DataFrame({"first": first, "code": codes}).drop_duplicates()
    taken |= texts.among(codes, named.loc[named["code"].duplicated(), "code"])
    colliding = codes[taken]
    return outcome.said(
        "account-collision",
        colliding.index,
        record_type="order",
        stage="exchange",
        field="customer_code",
        value=colliding,
    )


def _accounting(codes: pd.Series, options: AccountingOptions) -> pd.Series:
    """Give the accounting account: none, one for all, or prefix + account code padded with zeros (CUS-3)."""
    if options.mode == "none":
        return pd.Series("", index=codes.index, dtype="str")
    if options.mode == "single":
        return pd.Series(options.single, index=codes.index, dtype="str")
    return options.prefix + codes.str.rjust(options.length - len(options.prefix), "0")


def _long_accounting(table: pd.DataFrame, options: AccountingOptions) -> pd.DataFrame:
    """Say which accounting accounts are longer than the profile wants: never truncated (CUS-3)."""
    if options.mode != "per-customer" or not options.length:
        return outcome.none()
    long = table[table["own"] & (table["accounting_account"].str.len() > options.length)]
    return outcome.said(
        "account-does-not-fit",
        long["order_key"],
        record_type="order",
        stage="exchange",
        field="accounting_account",
        value=long["customer_code"],
        account=long["accounting_account"],
        length=options.length,
    )


def _created(table: pd.DataFrame, buyers: pd.DataFrame) -> pd.DataFrame:
    """Give the accounts to remember: of every buyer of the run that has one of his own (CUS-9)."""
    first = table[table["own"]].drop_duplicates("customer_key")
    details = buyers.loc[first["customer_key"], ["email", "siret", "vat_number"]].reset_index(drop=True)
    codes = first[["customer_key", "customer_code", "accounting_account"]].reset_index(drop=True)
    return pd.concat([codes, details], axis=1)[list(ACCOUNT_COLUMNS)]


def _unknown_shared(table: pd.DataFrame, erp_customers: pd.DataFrame | None) -> pd.DataFrame:
    """Say which configured accounts the ERP's extract does not have: a document may not name them (INV-2)."""
    if erp_customers is None:
        return outcome.none()
    lacking = table[~table["own"] & ~texts.among(table["customer_code"], erp_customers["customer_code"])]
    return outcome.said(
        "unknown-account",
        lacking["order_key"],
        record_type="order",
        stage="exchange",
        field="customer_code",
        value=lacking["customer_code"],
    )


def _invalid_numbers(orders: pd.DataFrame, buyers: pd.DataFrame) -> pd.DataFrame:
    """Remark invalid numbers of the buyers (CUS-8)."""
    said = []
    for column, code in (("wrong_siret", "invalid-siret"), ("wrong_vat", "invalid-vat-number")):
        wrong = buyers.loc[buyers[column] != "", column]
        met = orders[texts.among(orders["customer_key"], wrong.index)]
        said.append(
            outcome.said(
                code,
                met["order_key"],
                record_type="order",
                stage="exchange",
                field=column.removeprefix("wrong_"),
                value=met["customer_key"].map(wrong),
            )
        )
    return outcome.together(said)


def _valid_siret(text: str) -> str:
    return str(stdnum.fr.siret.compact(text)) if text and stdnum.fr.siret.is_valid(text) else ""


def _valid_vat(text: str) -> str:
    return str(stdnum.eu.vat.compact(text)) if text and stdnum.eu.vat.is_valid(text) else ""


def _note(title: str, values: pd.Series) -> pd.Series:
    return (title + values + "  ").where(values != "", "")
