"""The files of articles, images and documents, and what a shop is told of them.

Source: spec IMG-1 to IMG-5, DOC-1; design.md decisions 1, 4.
"""

from __future__ import annotations

from passerelle.model.table import Column, Table

ARTICLE_FILE = Table(
    "article_file",
    "file of an article, where it is collected",
    (
        Column("article", "text", "article reference, exact"),
        Column("path", "text", "path of the file in the folder"),
        Column("position", "integer", "its place among the article's files, from 1, the cover"),
    ),
)

_SHOP = (
    Column("shop_id", "text", "the shop's own id of the product, as its export has it"),
    Column("shop_handle", "text", "the shop's own handle of the product, as its export has it"),
    Column("shop_name", "text", "the shop's own name of the product, as its export has it"),
    Column("shop_row", "text", "kind of the row, in the platform's word: product, image"),
)

SHOP_FILE = Table(
    "shop_file",
    "file of an article that a shop is told of, once per row of the platform's import",
    (
        Column("article", "text", "article reference, exact: the shop's SKU"),
        Column("label", "text", "label of the article: the text shown instead of an image"),
        Column("url", "text", "where the shop fetches the file"),
        Column("position", "integer", "its place among the article's files, from 1", optional=True),
        Column("is_cover", "flag", "the first image"),
        Column("delete_existing", "flag", "the shop drops the files that it has of the article"),
        *_SHOP,
    ),
)

SHOP_FILES = Table(
    "shop_files",
    "article whose files a shop is told of, the files joined",
    (
        Column("article", "text", "article reference, exact: the shop's SKU"),
        Column("label", "text", "label of the article"),
        Column("urls", "text", "where the shop fetches the files, the cover first"),
        Column("alt_texts", "text", "the text shown instead of each of them"),
        Column("cover", "text", "where it fetches the first image; empty: it has it"),
        Column("further", "text", "where it fetches the others"),
        Column("delete_existing", "flag", "the shop drops the files that it has of the article"),
        *_SHOP,
    ),
)
