"""The accounts of PrestaShop's customers out of the files that its webservice gives.

Source: facts/shops § 1; spec CUS-6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from passerelle.model.customers import PROSPECT, ShopCustomers
from passerelle.outcome import together
from passerelle.shops import customer_records
from passerelle.shops.cells import Problems
from passerelle.shops.export import ExportFile, ReadOptions, of_file, unpacked
from passerelle.shops.json_records import Records
from passerelle.shops.prestashop import webservice
from passerelle.shops.prestashop.buyers import places_of
from passerelle.shops.prestashop.reading import NO_ID, Reading, filled, id_of
from passerelle.shops.prestashop.records import RESOURCES, Found, joined
from passerelle.shops.tables import given_again, looked_up

_OF_ACCOUNT = {"customers": ("active", "deleted", "date_add"), "addresses": ("id_customer", "deleted")}
"""What is read beyond what orders need of the same records."""
_RESOURCES = {
    **RESOURCES,
    **{name: replace(RESOURCES[name], fields=RESOURCES[name].fields + more) for name, more in _OF_ACCOUNT.items()},
}


def read_customers(files: Sequence[ExportFile], options: ReadOptions) -> ShopCustomers:
    """Read customers; see ``passerelle.shops.export.CustomerReader``."""
    plain, refused = unpacked(files)
    found = [_found_in(file) for file in plain]
    return _customers_of(Reading(joined([Found(outcomes=(refused,)), *found]), options, Problems(PROSPECT)))


def _found_in(file: ExportFile) -> Found:
    if webservice.is_document(file.data):
        return webservice.found_in(file, _RESOURCES)
    return Found(outcomes=(of_file("export-not-recognised", file.name, platform="PrestaShop"),))


def _customers_of(reading: Reading) -> ShopCustomers:
    customers = reading.every("customers", "id")
    orders = reading.every("orders", "id_customer")
    orders = orders.only(orders.keys.isin(customers.keys))
    addresses = _first_addresses(reading, customers.keys)
    first = addresses.set_index("order_key")
    zone = reading.options.time_zone
    ordered = orders.time("date_add", zone, naive="local").groupby(orders.keys)
    gender, group = id_of(customers, "id_gender"), id_of(customers, "id_default_group")
    people = pd.DataFrame(
        {
            "customer_key": customers.keys,
            "shop": reading.options.shop,
            "customer_id": customers.text("id"),
            "is_guest": customers.flag("is_guest"),
            "title": filled(reading.field_of("genders", gender, "name"), gender),
            "first_name": customers.text("firstname"),
            "last_name": customers.text("lastname"),
            "company": filled(customers.text("company"), looked_up(customers.keys, first["company"])),
            "email": customers.text("email"),
            "phone": looked_up(customers.keys, filled(first["phone"], first["mobile"])),
            "siret": customers.text("siret"),
            "vat_number": looked_up(customers.keys, first["vat_number"]),
            "language": reading.field_of("languages", customers.text("id_lang"), "iso_code").str.lower(),
            "customer_group": filled(reading.field_of("groups", group, "name"), group),
            "is_closed": customers.flag("deleted") | (customers.text("active") == "0"),
            "created_at": customers.time("date_add", zone, naive="local"),
            "last_order_at": ordered.max().reindex(customers.keys).to_numpy(),
            "order_count": ordered.size().reindex(customers.keys).astype("Int64").array,
        }
    )
    conflicts = reading.keys(sorted(reading.export.conflicts.get("customers", ())))
    for record in reading.export.conflicts.get("addresses", {}).values():
        owner = reading.keys([record["id_customer"]])
        known = owner[owner.isin(customers.keys)]
        reading.problems.say("export-record-conflict", known, field="addresses", value=record["id"])
    problems = reading.problems
    outcomes = together([reading.export.outcomes, given_again([], conflicts, PROSPECT), problems.outcomes()])
    return customer_records.tables(people, [addresses], outcomes, problems.refused())


def _first_addresses(reading: Reading, keys: pd.Series) -> pd.DataFrame:
    """Give the first address of each account, which the shop proposes too; deleted ones and others' left out."""
    if len(keys) and not reading.given("addresses"):
        reading.problems.say("export-file-missing", keys, field="addresses")
    rows: Records = reading.every("addresses", "id_customer")
    own = rows.keys.isin(keys) & ~rows.flag("deleted") & ~rows.text("id_customer").isin(NO_ID)
    kept = rows.only(own & ~rows.keys.where(own).duplicated())
    links = pd.DataFrame({"order_key": kept.keys, "kind": "billing", "id": kept.text("id"), "email": ""})
    return places_of(reading, links)
