"""What a profile still lacks before it can run, all of it at once.

Nothing is sent and no server is asked: settings, mappings, extracts and secrets are looked at as a run would use them.

Source: spec ORD-28, PRO-2 (check), EBP-10, CUS-2, INV-2.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from passerelle import outcome
from passerelle.exchange.lookups import special_articles
from passerelle.exchange.mappings import ANY, IGNORE, MAPPINGS
from passerelle.formats.errors import CriterionError, FormatError
from passerelle.formats.notation import DescriptorError
from passerelle.formats.reader import read
from passerelle.formats.registry import Formats, UnknownFormatError, formats
from passerelle.messages import system
from passerelle.profile.features import offers
from passerelle.profile.loader import LoadedProfile, dotted, hint
from passerelle.profile.positions import Key
from passerelle.profile.shop_settings import Shop
from passerelle.profile.workbook import Mappings, read_mappings, shown_keys
from passerelle.storage import secrets
from passerelle.storage.errors import BadPlace
from passerelle.storage.local import LocalPlace
from passerelle.storage.place import Place

_NEEDED_MAPPINGS = ("statuses", "territories", "taxes", "payment_modes")
"""Every order asks these; carriers only one that is shipped, currencies only a foreign one, titles refuse nobody."""
_OPTIONS = {
    "misc": ("un article inconnu devient l'article Divers", "an unknown article becomes the Divers article"),
    "rounding": ("les différences d'arrondi ont une ligne d'écart", "rounding differences get an Écart line"),
    "shipping": ("les frais de port ont une ligne", "shipping is written as a line"),
    "eco_tax": ("l'éco-participation a une ligne", "eco-tax is written as a line"),
}
"""Why an option needs its special article."""
_ORDERS = {
    "shipping": (
        "des frais de port à plusieurs taux de TVA, ou remboursés seuls",
        "shipping at several VAT rates, or given back alone",
    ),
    "discount": ("une remise", "a discount"),
    "wrapping": ("un emballage cadeau", "gift wrapping"),
    "fee": ("des frais", "a fee"),
    "misc": ("un remboursement sans article (lui seul)", "a refund without article (that alone)"),
}
"""What an order has that needs its special article whatever the options."""
_SHOWN_VALUES = 5

Outcomes = Iterator[pd.DataFrame]


def check(loaded: LoadedProfile, *, secrets_file: Path | None = None) -> pd.DataFrame:
    """Say what is missing.

    Args:
        loaded: the profile.
        secrets_file: see ``storage.secrets.resolve``.

    Returns:
        Outcomes of record types ``profile`` and ``mapping``. ``failed``: the profile cannot run, or would refuse
        orders for want of this; ``succeeded``: a remark. No row at all when nothing is missing.
    """
    rows, wrong_mappings = read_mappings(loaded.profile.mappings)
    available, wrong_formats = _formats(loaded)
    articles, customers, wrong_extracts = _extracts(loaded, available)
    return outcome.together(
        [
            *_paused(loaded),
            *_debug(loaded),
            wrong_mappings,
            *([] if len(wrong_mappings) else _mappings(loaded, rows)),
            wrong_formats,
            wrong_extracts,
            *(_orders(loaded, rows, articles) if loaded.profile.orders.enabled else ()),
            *(_buyers(loaded, rows, customers) if _makes_customers(loaded) else ()),
            *_prospects(loaded),
            *_places(loaded, secrets_file),
            *_criteria(loaded, available),
            *_assumed(loaded, available),
        ]
    )


def _makes_customers(loaded: LoadedProfile) -> bool:
    return loaded.profile.orders.enabled or offers(loaded.profile, "prospects")


def _orders(loaded: LoadedProfile, rows: Mappings, articles: pd.DataFrame | None) -> Outcomes:
    yield from _special_articles(loaded, rows)
    yield from _unknown_articles(loaded, rows, articles)
    yield from _period(loaded)
    yield from _numbers(loaded)


def _buyers(loaded: LoadedProfile, rows: Mappings, customers: pd.DataFrame | None) -> Outcomes:
    yield from _accounts(loaded)
    yield from _unknown_accounts(loaded, rows, customers)


def _paused(loaded: LoadedProfile) -> Outcomes:
    if loaded.profile.paused:
        yield _said(loaded, "check-paused", ("paused",))


def _debug(loaded: LoadedProfile) -> Outcomes:
    if loaded.profile.debug.on:
        yield _said(loaded, "check-debug", ("debug", "on"), loaded.profile.debug.personal)


def _mappings(loaded: LoadedProfile, rows: Mappings) -> Outcomes:
    defaults = loaded.profile.orders.defaults
    for name, mapping in MAPPINGS.items():
        filled = (rows[name][mapping.value_names] != "").any(axis=1)
        waiting = shown_keys(rows[name].loc[~filled, mapping.key_names])
        if waiting:
            shown = ", ".join(waiting[:_SHOWN_VALUES]) + (" …" if len(waiting) > _SHOWN_VALUES else "")
            yield _said(loaded, "check-values-waiting", (), shown, mapping=mapping.fr, count=len(waiting))
        if not loaded.profile.orders.enabled:
            continue
        answering = filled.any() or any(defaults.get(name, {}).values())
        key = ("orders", "defaults", name)
        if not answering and name in _NEEDED_MAPPINGS:
            yield _said(loaded, "check-mapping-empty", key, mapping=mapping.fr)
        elif not answering and name == "carriers":
            yield _said(loaded, "check-carriers-empty", key, mapping=mapping.fr)
        elif name == "statuses" and "yes" not in {*rows[name]["selected"], defaults.get(name, {}).get("selected")}:
            yield _said(loaded, "check-nothing-selected", key, mapping=mapping.fr)
        elif name == "taxes" and not (defaults.get(name) or _answers_all(rows[name], mapping.key_names, "vat_code")):
            yield _said(loaded, "check-no-default-vat", (*key, "vat_code"), mapping=mapping.fr)


def _answers_all(rows: pd.DataFrame, keys: list[str], value: str) -> bool:
    return bool(((rows[keys] == ANY).all(axis=1) & (rows[value] != "")).any())


def _formats(loaded: LoadedProfile) -> tuple[Formats | None, pd.DataFrame]:
    """Find the formats and check the profile's values of their settings."""
    folder = loaded.profile.erp.formats_folder
    if folder is not None and not folder.is_dir():
        return None, _said(loaded, "check-folder-missing", ("erp", "formats_folder"), str(folder))
    available = formats(folder)
    problems = []
    for name, settings in loaded.profile.erp.format_settings.items():
        key = ("erp", "format_settings", name)
        try:
            known = available.get(name).settings
            unknown = [setting for setting in settings if setting not in known]
            for setting in unknown:
                params = {"format": name, "known": ", ".join(known) or "—"} | hint(setting, known)
                problems.append(_said(loaded, "check-unknown-format-setting", (*key, setting), **params))
            if not unknown:
                available.get(name, settings)
        except UnknownFormatError:
            problems.append(_said(loaded, "check-unknown-format", key, **hint(name, available.names())))
        except DescriptorError as error:
            problems.append(_said(loaded, "check-formats", key, reason=str(error)))
    return available, outcome.together(problems)


def _extracts(
    loaded: LoadedProfile, available: Formats | None
) -> tuple[pd.DataFrame | None, pd.DataFrame | None, pd.DataFrame]:
    """Read the ERP's extracts as a run does: articles and customers, ``None`` where there is none to compare with."""
    extracts = loaded.profile.erp.extracts
    articles, wrong_articles = _extract(loaded, available, "articles", "ebp/articles", extracts.articles)
    key = ("erp", "extracts", "customers")
    if extracts.customers is None:
        remark = _said(loaded, "check-no-customers-extract", key) if _makes_customers(loaded) else outcome.none()
        return articles, None, outcome.together([wrong_articles, remark])
    name = "ebp/customers_extract"
    customers, wrong_customers = _extract(loaded, available, "customers", name, extracts.customers)
    return articles, customers, outcome.together([wrong_articles, wrong_customers])


def _extract(
    loaded: LoadedProfile, available: Formats | None, kind: str, name: str, path: Path
) -> tuple[pd.DataFrame | None, pd.DataFrame]:
    key = ("erp", "extracts", kind)
    if available is None:
        return None, outcome.none()
    settings = loaded.profile.erp.format_settings.get(name)
    try:
        extract = read(available.get(name, settings), path.read_bytes(), name=path.name)
    except FileNotFoundError:
        return None, _said(loaded, "check-file-missing", key, str(path))
    except DescriptorError as error:
        said = _said(loaded, "check-formats", ("erp", "formats_folder"), reason=str(error))
        return None, said if settings is None else outcome.none()  # else it was said with the settings
    except (FormatError, OSError) as error:
        return None, _said(loaded, "check-extract-unreadable", key, path.name, **_texts(error))
    # There may be no customer yet, but no ERP is without articles.
    useless = extract.table.empty and (kind == "articles" or extract.rows > 0)
    wrong = extract.outcomes[(extract.outcomes["state"] != "succeeded") | useless]
    if wrong.empty:
        return extract.table, outcome.none()
    code = "check-extract-unreadable" if useless else "check-extract-rows"
    first = wrong.iloc[0].to_dict()
    texts = {
        "reason_fr": outcome.message(first, "fr"),
        "reason_en": outcome.message(first, "en"),
        "todo_fr": outcome.todo(first, "fr"),
        "todo_en": outcome.todo(first, "en"),
    }
    said = _said(loaded, code, key, path.name, count=wrong["record"].nunique(), **texts)
    return None if useless else extract.table, said


def _special_articles(loaded: LoadedProfile, rows: Mappings) -> Outcomes:
    """Say which special articles are not set: those that an option needs, and those that some order may need."""
    options = special_articles(rows["special_articles"], loaded.profile.orders)
    by_option = {
        "misc": options.unknown_article == "misc",
        "rounding": options.rounding_line,
        "shipping": options.shipping == "line",
        "eco_tax": options.eco_tax == "line",
    }
    mapped = _answers_all(rows["discount_articles"], ["vat_code"], "article")
    lacking = [
        name for name, reference in options.special_articles if not reference and not (name == "discount" and mapped)
    ]
    for name in lacking:
        if by_option.get(name):
            code, because = "check-article-not-set", _OPTIONS[name]
        elif name in _ORDERS:
            code, because = "check-article-not-set-yet", _ORDERS[name]
        else:
            continue
        key = ("orders", "special_articles", name)
        yield _said(loaded, code, key, because_fr=because[0], because_en=because[1])
    if options.rounding_line and not options.rounding_vat_code:
        yield _said(loaded, "check-no-rounding-vat-code", ("orders", "rounding_vat_code"))


def _unknown_articles(loaded: LoadedProfile, rows: Mappings, articles: pd.DataFrame | None) -> Outcomes:
    """Say which special articles the ERP does not have."""
    if articles is None:
        return
    known = {"", IGNORE, *articles["article"]}
    mapped = rows["special_articles"]
    for name, reference in loaded.profile.orders.special_articles:
        if reference not in known and name not in set(mapped.loc[mapped["article"] != "", "special_article"]):
            yield _said(loaded, "check-article-unknown", ("orders", "special_articles", name), reference)
    for mapping in (MAPPINGS["discount_articles"], MAPPINGS["special_articles"]):
        for reference in rows[mapping.name]["article"].unique():
            if reference not in known:
                yield _of_mapping("check-article-unknown", mapping.fr, reference)


def _period(loaded: LoadedProfile) -> Outcomes:
    """Say that an order which is selected later than on its day would be left out (ORD-1, ORD-4)."""
    options = loaded.profile.orders
    if options.period == "since-last-import" and options.date != "updated":
        yield _said(loaded, "check-last-import-by-creation", ("orders", "date"), options.date)


def _numbers(loaded: LoadedProfile) -> Outcomes:
    """Say where records of two shops may get one document number, by which the ERP groups the lines of a document."""
    options = loaded.profile.orders
    templates = {"number": options.number}
    if options.refunds == "credit-note":
        templates["credit_note_number"] = options.credit_note_number
    for name, template in templates.items():
        if len(loaded.profile.shops) > 1 and "%SH" not in template:
            yield _said(loaded, "check-number-without-shop", ("orders", name), template)


def _accounts(loaded: LoadedProfile) -> Outcomes:
    """Say where customers would get no account, or two of them the same."""
    options = loaded.profile.customers
    if options.accounting.mode == "single" and not options.accounting.single:
        yield _said(loaded, "check-account-not-set", ("customers", "accounting", "single"))
    account = options.account
    if account.mode == "single":
        return
    shops = defaultdict(list)
    for shop in loaded.profile.shops:
        shops[account.prefixes.get(shop.name, account.prefix)].append(shop.name)
    for prefix, names in shops.items():
        if len(names) > 1:
            yield _said(
                loaded, "check-same-prefix", ("customers", "account", "prefix"), ", ".join(names), prefix=prefix
            )
    if not options.guest_account and not account.guest_prefix:
        yield _said(loaded, "check-guest-prefix", ("customers", "account", "guest_prefix"))


def _unknown_accounts(loaded: LoadedProfile, rows: Mappings, customers: pd.DataFrame | None) -> Outcomes:
    """Say which accounts that several buyers share the ERP does not have: it would refuse their documents (INV-2)."""
    if customers is None:
        return
    options = loaded.profile.customers
    known = {"", IGNORE, *customers["customer_code"]}
    single = options.account.single if options.account.mode == "single" else ""
    shared: dict[Key, str] = {
        ("customers", "account", "single"): single,
        ("customers", "guest_account"): options.guest_account,
        ("customers", "marketplace_account"): options.marketplace_account,
        ("orders", "grouping", "account"): loaded.profile.orders.grouping.account,
    }
    for key, account in shared.items():
        if account not in known:
            yield _said(loaded, "check-account-unknown", key, account)
    mapping = MAPPINGS["payment_modes"]
    for account in rows[mapping.name]["customer_account"].unique():
        if account not in known:
            yield _of_mapping("check-account-unknown", mapping.fr, account)


def _prospects(loaded: LoadedProfile) -> Outcomes:
    """Say why no customers could be read, or none get an account of their own (CUS-6)."""
    for number, shop in enumerate(loaded.profile.shops):
        if shop.customers is None:
            continue
        key = ("shops", number, "customers")
        if loaded.profile.customers.account.mode == "single":
            yield _said(loaded, "prospects-single-account", key)
        takes = "archive" in {shop.source.after, shop.customers.after}
        if takes and shop.customers.place.name == shop.source.place.name:
            yield _said(loaded, "check-customers-place-shared", key, shop.name)


def _places(loaded: LoadedProfile, secrets_file: Path | None) -> Outcomes:
    """Say which places lack a secret, a folder or a file of this machine."""
    for key, place in named_places(loaded.profile):
        for name in place.secret_names.values():
            try:
                secrets.resolve(name, file=secrets_file)
            except BadPlace as error:
                yield _said(loaded, "check-place", key, **_texts(error))
        if isinstance(place, LocalPlace):
            folder = loaded.folder / place.folder
            if not folder.is_dir():
                yield _said(loaded, "check-folder-missing", key, str(folder))
        for file in place.local_files.values():
            path = loaded.folder / file.expanduser()
            if not path.is_file():
                yield _said(loaded, "check-file-missing", key, str(path))


def named_places(settings: BaseModel, key: Key = ()) -> Iterator[tuple[Key, Place]]:
    """Give every place that a profile, or a part of it, names, with the key of its setting."""
    for name in type(settings).model_fields:
        yield from _places_in(getattr(settings, name), (*key, name))


def _places_in(value: Any, key: Key) -> Iterator[tuple[Key, Place]]:
    if isinstance(value, Place):
        yield key, value
    elif isinstance(value, BaseModel):
        yield from named_places(value, key)
    elif isinstance(value, tuple):
        for number, one in enumerate(value):
            yield from _places_in(one, (*key, number))


def _criteria(loaded: LoadedProfile, available: Formats | None) -> Outcomes:
    """Say which conditions are none or compare what does not go together; which columns there are, the run tells."""
    for number, shop in enumerate(loaded.profile.shops):
        for key, condition in _conditions(shop).items():
            from passerelle.formats.criterion import Criterion  # noqa: PLC0415 - slow to load, and rarely there

            try:
                criterion = Criterion.read(condition)
                if available and key[0] != "tables":
                    name = "ebp/customers_extract" if key[0] == "accounts" else "ebp/catalogue"
                    form = available.get(name, loaded.profile.erp.format_settings.get(name))
                    criterion.check(criterion.extended(form))
            except DescriptorError:
                continue  # which is said with the formats
            except CriterionError as error:
                yield _said(loaded, "check-criterion", ("shops", number, *key, "criterion"), condition, **_texts(error))


def _assumed(loaded: LoadedProfile, available: Formats | None) -> Outcomes:
    """Say by which formats a shop cannot be told anything yet: nobody has declared their columns."""
    for number, shop in enumerate(loaded.profile.shops):
        if available is None or shop.delivery is None:
            continue
        own = [name for name in available.names() if name.startswith(f"{shop.platform}/")]
        try:
            guessed = [name for name in own if available.get(name).assumed]
        except DescriptorError as error:
            yield _said(loaded, "check-formats", ("erp", "formats_folder"), reason=str(error))
            continue
        if guessed:
            yield _said(loaded, "check-formats-assumed", ("shops", number, "platform"), ", ".join(guessed))


def _conditions(shop: Shop) -> dict[Key, str]:
    """Give the conditions of a shop, by its table that has one."""
    tables: dict[Key, Any] = {(name,): getattr(shop, name) for name in type(shop).model_fields}
    tables |= {("tables", number): table for number, table in enumerate(shop.tables)}
    return {name: table.criterion for name, table in tables.items() if getattr(table, "criterion", "")}


def _texts(error: FormatError | CriterionError | BadPlace | OSError) -> dict[str, str]:
    """Give what an error says and advises, in both languages."""
    if isinstance(error, OSError):
        return system.texts(error)
    return {
        "reason_fr": error.text("fr"),
        "reason_en": error.text("en"),
        "todo_fr": error.todo("fr"),
        "todo_en": error.todo("en"),
    }


def _said(loaded: LoadedProfile, code: str, key: Key, value: str = "", **params: str | int) -> pd.DataFrame:
    return outcome.said(
        code,
        [loaded.profile.name],
        record_type="profile",
        stage="read",
        field=dotted(key),
        value=value,
        line=loaded.line(*key),
        **params,
    )


def _of_mapping(code: str, sheet: str, value: str) -> pd.DataFrame:
    return outcome.said(code, [sheet], record_type="mapping", stage="read", field=sheet, value=value)
