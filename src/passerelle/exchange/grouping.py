"""The orders of one finished day as one document.

Every order goes through the rules by itself first, so that one that is refused leaves the others alone. Those that pass
are put together: their lines as they were priced, their footers, their settlements. The ERP computes the whole anew,
and one Écart line takes the place of theirs.

Source: spec ORD-70, ORD-71, ORD-72; spec 60-systems (KerAwen, WooCommerce).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import documents, lines, reference, texts
from passerelle.exchange.options import GroupingOptions, OrderOptions
from passerelle.model.documents import SETTLEMENTS

_IDS = ("order_id", "order_reference", "invoice_number")
"""What of an order may name its document; of a grouped one all are its day."""
SHIPPING_LABEL = "Frais de port"
_TOGETHER = ["shop", "day", "document_kind", "document_state", "customer_code", "territory", "currency", "rate"]
"""What the orders of one document have in common: its header has each of these only once."""
_SAME_LINE = [
    "order_key",
    "kind",
    "article",
    "tax_rate",
    "vat_code",
    "unit_price_excl",
    "unit_price_incl",
    "unit_discount_excl",
    "tracking_number",
]
_SAME_MODE = ["settlement_mode", "payment_means", "journal", "treasury_account", "payer_account"]


@dataclass(frozen=True, slots=True)
class Groups:
    """Documents that stand for several orders.

    Attributes:
        document_of: by order key, the key of the document that the order is in.
        header: one row per document, as a header has it, but for its totals; with ``charged_total``, what the shop
            charged. Indexed by the document's key.
        lines: priced lines without Écart, ``order_key`` is the document's key.
        shipping: the footers' shipping by document key, as ``lines.footer_shipping`` has it.
        settlements: theirs.
        outcomes: what was said of documents, by their keys.
    """

    document_of: pd.Series
    header: pd.DataFrame
    lines: pd.DataFrame
    shipping: pd.DataFrame
    settlements: pd.DataFrame
    outcomes: pd.DataFrame


def wanted(orders: pd.DataFrame, parties: pd.DataFrame, options: GroupingOptions) -> pd.Series:
    """Tell which orders are to be grouped (ORD-70), same index.

    Anonymous is who has neither a name nor an e-mail address, and who the profile says is nobody.
    """
    if options.orders == "none":
        return pd.Series(data=False, index=orders.index)
    if options.orders == "all":
        return orders["created_at"].notna()
    buyer = parties.drop_duplicates("customer_key").set_index("customer_key").reindex(orders["customer_key"])
    buyer = buyer.set_axis(orders.index)
    unknown = buyer["customer_id"].isna()
    if options.orders == "guests":
        chosen = buyer["is_guest"].fillna(value=True).astype("bool")
    else:
        nameless = (buyer[["first_name", "last_name", "company", "email"]].fillna("") == "").all(axis=1)
        chosen = nameless | buyer["customer_id"].fillna("").isin(options.anonymous_customers)
    return (chosen | unknown) & orders["created_at"].notna()


def of_unfinished_days(orders: pd.DataFrame, chosen: pd.Series, today: date) -> pd.DataFrame:
    """Say which orders wait for the end of their day: they are grouped the day after."""
    waiting = orders[chosen & (orders["created_at"] >= pd.Timestamp(today))]
    day = waiting["created_at"].dt.strftime("%Y-%m-%d")
    return outcome.said("day-not-finished", waiting["order_key"], record_type="order", stage="select", value=day)


def on_account(
    imposed: pd.DataFrame, orders: pd.DataFrame, parties: pd.DataFrame, options: GroupingOptions
) -> pd.DataFrame:
    """Give grouped orders their account, unless another one is imposed already.

    Args:
        imposed: ``customer_account`` of each order, empty where it is the buyer's own; row for row as ``orders``.
        orders: the orders.
        parties: the buyers.
        options: which orders are grouped, on which account.
    """
    free = wanted(orders, parties, options).to_numpy() & (imposed["customer_account"] == "").to_numpy()
    return imposed.assign(customer_account=imposed["customer_account"].where(~free, options.account))


def grouped(
    header: pd.DataFrame,
    orders: pd.DataFrame,
    priced: pd.DataFrame,
    settlements: pd.DataFrame,
    taken: Iterable[str],
    options: OrderOptions,
) -> Groups:
    """Put orders together that become one document.

    Args:
        header: the headers of the documents that they would be alone.
        orders: the orders with their ``decimals``, by order key.
        priced: the lines of all documents; Écart lines do not count.
        settlements: the settlements of all documents.
        taken: document numbers that were used before: a day of which orders come late has a second document.
        options: the profile's.
    """
    keys = header["document_key"]
    members = header.assign(
        order_key=keys,
        shop=orders["shop"].reindex(keys).to_numpy(),
        rate=header["currency_rate"].fillna(0).astype("int64"),
        day=orders["created_at"].reindex(keys).dt.normalize().to_numpy(),
        **{name: orders[name].reindex(keys).to_numpy() for name in ("charged_total", "decimals")},
    ).sort_values([*_TOGETHER, "order_key"], ignore_index=True)
    group = members.groupby(_TOGETHER, sort=False).ngroup()
    named = _named(members[~group.duplicated()], set(taken), options)
    members["document_key"] = named.index.to_numpy()[group]
    document_of = members.set_index("order_key")["document_key"]
    numbered, problems = documents.numbers(named, named["document_kind"], options)
    title = reference.fill(options.grouping.reference, named)
    shipping, shipping_lines, no_article = _shipping(members, options)
    own = _moved(priced[priced["kind"] != "rounding"], "order_key", document_of)
    all_lines = pd.concat([own, shipping_lines], ignore_index=True)
    settled = _moved(settlements, "document_key", document_of)
    return Groups(
        document_of=document_of,
        header=_header(members, orders).assign(**numbered).assign(reference=title),
        lines=_merged_lines(all_lines, options) if options.grouping.merge_lines else all_lines,
        shipping=shipping,
        settlements=_merged_settlements(settled, title) if options.grouping.merge_payments else _renumbered(settled),
        outcomes=outcome.together([problems, no_article]),
    )


def _moved(rows: pd.DataFrame, column: str, document_of: pd.Series) -> pd.DataFrame:
    """Give the rows of grouped orders under the key of their document."""
    own = rows[texts.among(rows[column], document_of.index)].reset_index(drop=True)
    return own.assign(**{column: own[column].map(document_of).astype("str")})


def _named(first: pd.DataFrame, taken: set[str], options: OrderOptions) -> pd.DataFrame:
    """Name documents by their day, ``J20261120``; ``J20261120-2`` where that one or its number is another's.

    Args:
        first: of each document, a row of its header with shop and day.
        taken: numbers used before.
        options: the template of the number.

    Returns:
        The rows with what the templates stand for, indexed by the document's key.
    """
    blank = dict.fromkeys(("first_name", "last_name", "company", "payment_mode", "refund_id", "part"), "")
    names: list[str] = []
    keys: list[str] = []
    for shop, day in zip(first["shop"], first["day"], strict=True):
        earlier = None
        for rank in itertools.count(1):
            name = f"J{day:%Y%m%d}" + (f"-{rank}" if rank > 1 else "")
            cells = {"shop": shop, **dict.fromkeys(_IDS, name), **blank}
            number = reference.fill(options.number, pd.DataFrame([cells], dtype="str")).iloc[0]
            is_constant, earlier = number == earlier, number
            if f"{shop}/{name}" not in keys and (number not in taken or is_constant):
                break
        names.append(name)
        keys.append(f"{shop}/{name}")
    ids = dict.fromkeys(_IDS, pd.array(names, dtype="str"))
    return first.assign(**ids, **blank, order_key=pd.array(keys, dtype="str")).set_index("order_key", drop=False)


def _header(members: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Give one header per document: what its orders agree on, empty where they do not."""
    by_document = members.groupby("document_key", sort=False)
    agreed = by_document.nunique(dropna=False).le(1)
    first = members.drop_duplicates("document_key").set_index("document_key")
    cells = {}
    for name in agreed.columns.drop("order_key"):
        kind = str(first[name].dtype)
        neutral = {"str": "", "bool": False, "int64": 0}.get(kind, pd.NaT if kind.startswith("datetime") else pd.NA)
        cells[name] = first[name].where(agreed[name], neutral).astype(kind)
    named = orders["order_reference"].where(orders["order_reference"] != "", orders["order_id"])
    listed = named.reindex(members["order_key"]).set_axis(members.index).astype("str")
    return pd.DataFrame(cells, index=first.index).assign(
        document_key=first.index,
        document_date=by_document["document_date"].max(),
        delivery_date=by_document["delivery_date"].max(),
        charged_total=by_document["charged_total"].sum(),
        notes="Commandes : " + texts.by_group(listed, members["document_key"], ", "),
    )


def _shipping(members: pd.DataFrame, options: OrderOptions) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Give the footers' shipping of the documents, and as lines that of several VAT rates (ORD-24)."""
    footer = members[members["shipping_excl"] != 0]
    footer = footer.rename(columns={"shipping_tax_rate": "tax_rate", "shipping_vat_code": "vat_code"})
    rates = footer.groupby("document_key")[["tax_rate", "vat_code"]].nunique().max(axis=1)
    several = footer["document_key"].map(rates) > 1
    one = footer[~several].groupby("document_key")
    summed = pd.DataFrame(
        {
            "shipping_excl": one["shipping_excl"].sum(),
            **{name: one[name].first() for name in ("tax_rate", "vat_code", "decimals")},
        }
    )
    rate = summed["tax_rate"].astype("int64")
    summed["shipping_incl"] = money.including(summed["shipping_excl"], rate, summed["decimals"])
    written = footer[several]
    rate = written["tax_rate"].astype("int64")
    incl = money.including(written["shipping_excl"], rate, written["decimals"])
    amount = incl if options.includes_tax else written["shipping_excl"]
    article = options.special_articles.shipping
    rows = pd.DataFrame(
        {
            "order_key": written["document_key"],
            "kind": "shipping",
            "article": article,
            "label": SHIPPING_LABEL,
            "quantity": money.ONE,
            "tax_rate": rate,
            "vat_code": written["vat_code"],
            "net": amount,
            "gross": amount,
            "decimals": written["decimals"],
            "tracking_number": "",
        }
    )
    lacking = lines.missing_article(rows.loc[rows["article"] == "", "order_key"], "shipping")
    return summed, lines.priced(rows, options), lacking


def _merged_lines(priced: pd.DataFrame, options: OrderOptions) -> pd.DataFrame:
    """Make one line of those of a document with the same article, price, discount and VAT (ORD-71).

    Lines of the Divers article are the same when their labels are too. Lines whose sum the ERP would round otherwise
    stay as they are.
    """
    side = "incl" if options.includes_tax else "excl"
    misc = priced["label"].where(priced["article"] == options.special_articles.misc, "")
    same = priced.assign(misc=misc).groupby([*_SAME_LINE, "misc"], sort=False, dropna=False)
    quantity = same["quantity"].transform("sum")
    net = {name: same[name].transform("sum") for name in ("net_excl", "net_incl")}
    price, discount = priced[f"unit_price_{side}"], priced["unit_discount_excl"]
    computed = lines.erp_net(price, discount, priced["tax_rate"], quantity, priced["decimals"], options)
    exact = computed == net[f"net_{side}"]
    exact &= quantity != 0
    merged = priced.assign(
        quantity=priced["quantity"].where(~exact, quantity),
        **{name: priced[name].where(~exact, summed) for name, summed in net.items()},
    )
    return merged[~exact | (same.cumcount() == 0)].reset_index(drop=True)


def _merged_settlements(settlements: pd.DataFrame, title: pd.Series) -> pd.DataFrame:
    """Make one settlement of those of a document with the same payment mode (ORD-72)."""
    same = settlements.groupby(["document_key", *_SAME_MODE], as_index=False)
    summed = same.agg(amount=("amount", "sum"), settled_at=("settled_at", "max"))
    summed["label"] = summed["document_key"].map(title).astype("str")
    return _renumbered(summed[summed["amount"] != 0].reset_index(drop=True))


def _renumbered(settlements: pd.DataFrame) -> pd.DataFrame:
    return SETTLEMENTS.conform(settlements.assign(position=settlements.groupby("document_key").cumcount() + 1))
