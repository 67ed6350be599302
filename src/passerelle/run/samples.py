"""Example documents for a first import into EBP: one of each kind, by the profile's own rules, all marked as tests.

Orders are invented so that the profile's mappings answer them; everything after that is the real exchange and writer.

Source: spec EBP-4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

import pandas as pd

from passerelle import money, outcome
from passerelle.exchange.customers import ACCOUNT_COLUMNS
from passerelle.exchange.mappings import ANY, IGNORE, MAPPINGS
from passerelle.exchange.orders import Context, exchange_orders
from passerelle.exchange.selection import Window
from passerelle.formats.reader import read
from passerelle.formats.registry import Formats, formats
from passerelle.model.orders import TABLES, SalesOrders
from passerelle.profile.loader import LoadedProfile, ProfileError
from passerelle.profile.settings import Erp
from passerelle.profile.workbook import read_mappings
from passerelle.run.erp_files import write_erp_files

SAMPLES_NAME = "erpFiles-test.zip"
TEST = "TEST PASSERELLE"
KINDS = ("quote", "order", "delivery_note", "invoice")
_NOTE = f"{TEST} : document d'essai, sans valeur."
_STANDARD_RATE = Decimal(20)
_EXCHANGED = ("record_key", "content_hash", "document_kind", "document_number", "file_name")
Rows = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class SampleFiles:
    """The zip, empty when nothing could be written, and what was said of the invented orders."""

    data: bytes
    outcomes: pd.DataFrame


def sample_files(loaded: LoadedProfile, today: date) -> SampleFiles:
    """Make the example documents of a profile.

    Raises:
        ProfileError: its mappings cannot be read.
        DescriptorError, UnknownFormatError: its formats have mistakes.
    """
    profile = loaded.profile
    available = formats(profile.erp.formats_folder)
    rows, wrong = read_mappings(profile.mappings)
    if (wrong["state"] == "failed").any():
        raise ProfileError(wrong, profile.language)
    articles = _articles(available, profile.erp)
    context = Context(
        orders=profile.orders.model_copy(
            update={"reference": f"TEST {profile.orders.reference}", "date": "created", "paid_in_full": False}
        ),
        customers=profile.customers,
        mappings={**rows, "statuses": _statuses()},
        articles=articles,
        erp_customers=None,
        accounts=pd.DataFrame({name: pd.Series(dtype="str") for name in ACCOUNT_COLUMNS}),
        exchanged=pd.DataFrame({name: pd.Series(dtype="str") for name in _EXCHANGED}),
        days=Window(),
        today=today,
    )
    exchange = exchange_orders(_orders(_Answered.by(loaded, rows, articles), today), context)
    files = write_erp_files(exchange, available, profile.erp.format_settings, profile.erp.batch)
    said = outcome.together([files.exchange.outcomes, files.outcomes])
    return SampleFiles(files.zipped() if files.files else b"", said)


def _articles(available: Formats, erp: Erp) -> pd.DataFrame | None:
    """Read the article extract; without it the profile's articles are not known."""
    path = erp.extracts.articles
    if not path.is_file():
        return None
    descriptor = available.get("ebp/articles", erp.format_settings.get("ebp/articles"))
    return read(descriptor, path.read_bytes(), name=path.name).table


def _statuses() -> pd.DataFrame:
    """Give a status for each kind of document, instead of the profile's: tests come in every kind."""
    declared = MAPPINGS["statuses"]
    unsaid = dict.fromkeys((*declared.key_names, *declared.value_names), "")
    return pd.DataFrame([unsaid | {"status": kind, "selected": "yes", "document_kind": kind} for kind in KINDS])


@dataclass(frozen=True, slots=True)
class _Answered:
    """What the invented orders say, so that the profile's mappings answer them."""

    shop: str
    currency: str
    language: str
    payment_mode: str
    carrier: str
    country: str
    tax_name: str
    tax_rate: Decimal
    articles: tuple[str, ...]
    customer_id: str

    @classmethod
    def by(cls, loaded: LoadedProfile, rows: Rows, articles: pd.DataFrame | None) -> _Answered:
        """Take the first that each mapping answers; of the taxes the highest rate, the standard one."""
        profile = loaded.profile
        shop, account = profile.shops[0].name, profile.customers.account
        currency = profile.orders.currency
        country = _answered(rows["territories"], "territories", country="FR")["country"]
        known = () if articles is None else tuple(articles["article"].head(2))
        name, rate = _tax(rows["taxes"], country)
        return cls(
            shop=shop,
            currency=currency,
            language=profile.language,
            payment_mode=_answered(rows["payment_modes"], "payment_modes", currency=currency)["payment_mode"],
            carrier=_answered(rows["carriers"], "carriers")["carrier"],
            country=country,
            tax_name=name,
            tax_rate=rate,
            articles=known or (TEST,),
            # The last account possible: no real customer has it.
            customer_id="9" * (account.length - len(account.prefixes.get(shop, account.prefix))),
        )

    def taxed(self, amount: str) -> dict[str, int]:
        """Give an amount without and with tax."""
        excl = money.of(amount)
        return {"excl": excl, "incl": int(money.including(excl, money.of(self.tax_rate), 2))}


def _orders(answered: _Answered, today: date) -> SalesOrders:
    """Invent an order of two articles with shipping, once for each kind of document."""
    made = [_order(answered, number, kind, pd.Timestamp(today)) for number, kind in enumerate(KINDS, 1)]
    party = {
        "customer_key": f"{answered.shop}/{TEST}",
        "shop": answered.shop,
        "customer_id": answered.customer_id,
        "last_name": TEST,
        "email": "test@passerelle.invalid",
        "language": answered.language,
    }
    rows = {name: [row for order in made for row in order.get(name, [])] for name in TABLES} | {"parties": [party]}
    return SalesOrders(**{name: TABLES[name].of(rows[name]) for name in TABLES}, outcomes=outcome.none())


def _order(answered: _Answered, number: int, kind: str, moment: pd.Timestamp) -> dict[str, list[dict[str, object]]]:
    """Give the rows of an order, by table."""
    order_id = f"TEST{number}"
    key = {"order_key": f"{answered.shop}/{order_id}"}
    goods, shipping = [answered.taxed(amount) for amount in ("20.00", "5.50")], answered.taxed("5.00")
    rate = {"tax_rate": money.of(answered.tax_rate), "tax_name": answered.tax_name}
    lines = [{**rate, **_line(answered, position, amounts)} for position, amounts in enumerate(goods, 1)]
    charge = {"kind": "shipping", "label": "Port", "position": 1, **rate, **_sides("amount", shipping)}
    total = sum(part["incl"] for part in (*goods, shipping))
    order = {
        "shop": answered.shop,
        "order_id": order_id,
        "order_reference": order_id,
        "invoice_number": order_id,
        "status": kind,
        **dict.fromkeys(("created_at", "updated_at", "invoiced_at", "paid_at"), moment),
        "customer_key": f"{answered.shop}/{TEST}",
        "currency": answered.currency,
        "shop_currency": answered.currency,
        "charged_total": total,
        "paid_total": total,
        "payment_mode": answered.payment_mode,
        "carrier_id": answered.carrier,
        "carrier": answered.carrier,
        "note": _NOTE,
    }
    payment = {"position": 1, "payment_mode": answered.payment_mode, "amount": total, "paid_at": moment}
    address = {
        "last_name": TEST,
        "line_1": "1 rue de l'Essai",
        "postcode": "75000",
        "city": "Ville d'essai",
        "country": answered.country,
    }
    places = [{"kind": kind_, **address} for kind_ in ("billing", "delivery")]
    tables = {"orders": [order], "lines": lines, "charges": [charge], "payments": [payment], "addresses": places}
    return {name: [{**key, **row} for row in rows] for name, rows in tables.items()}


def _line(answered: _Answered, position: int, amounts: Mapping[str, int]) -> dict[str, object]:
    return {
        "line_id": str(position),
        "position": position,
        "reference": answered.articles[(position - 1) % len(answered.articles)],
        "label": f"{TEST} {position}",
        "quantity": 2 * money.ONE,
        **_sides("net", amounts),
        **_sides("gross", amounts),
    }


def _sides(prefix: str, amounts: Mapping[str, int]) -> dict[str, object]:
    return {f"{prefix}_{side}": amount for side, amount in amounts.items()}


def _tax(rows: pd.DataFrame, country: str) -> tuple[str, Decimal]:
    """Give name and rate of a tax that the mapping answers, of the highest rate: the standard one."""
    found = [
        (_STANDARD_RATE if row["tax_rate"] == ANY else _rate(row["tax_rate"]), row["tax_name"])
        for row in _usable(rows, "taxes", country=country)
    ]
    rate, name = max(((rate, name) for rate, name in found if rate is not None), default=(_STANDARD_RATE, ANY))
    return TEST if name == ANY else name, rate


def _rate(text: str) -> Decimal | None:
    try:
        return Decimal(text.replace(",", ".").rstrip("% "))
    except InvalidOperation:
        return None


def _answered(rows: pd.DataFrame, name: str, **wanted: str) -> dict[str, str]:
    """Give keys that a mapping answers; where any value does, or none, one of ours."""
    row = next(iter(_usable(rows, name, **wanted)), dict.fromkeys(MAPPINGS[name].key_names, ANY))
    return {key: wanted.get(key, TEST) if row[key] == ANY else row[key] for key in MAPPINGS[name].key_names}


def _usable(rows: pd.DataFrame, name: str, **wanted: str) -> list[dict[str, str]]:
    """Give the rows of a mapping that answer and fit what is wanted; where none fits, all that answer.

    Those that book on another customer's account come last: a test does not belong there.
    """
    declared = MAPPINGS[name]
    answering = [
        row
        for row in rows.to_dict("records")
        if any(row[value] for value in declared.value_names)
        and IGNORE not in {row[value] for value in declared.value_names}
    ]
    fitting = [row for row in answering if all(row[key] in {ANY, value} for key, value in wanted.items())]
    return sorted(fitting or answering, key=lambda row: row.get("customer_account", "") != "")
