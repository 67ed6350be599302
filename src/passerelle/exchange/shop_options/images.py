"""Options of the images and documents that a shop is told of its articles.

Source: spec IMG-1 to IMG-4, DOC-1.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from passerelle.exchange.shop_options.articles import ArticleFilter

ImageFormat = Literal["jpeg", "png", "gif", "webp"]


class FileOptions(ArticleFilter):
    """Which files belong to an article, and where the shop fetches them."""

    folder: str = Field("", description="Folder of the place in which the files are looked for.", examples=["Photos"])
    by_folder: bool = Field(
        default=True,
        description="The files of an article lie in a folder named after its reference; else they lie together and "
        "are named after it: `REF.jpg`, `REF_1.jpg`, `REF-2.jpg` (IMG-2).",
    )
    column: str = Field(
        "",
        description="Column of the article extract that names files of the article, by their paths in the folder; "
        "they come before those found by the reference (IMG-1).",
    )
    separator: Annotated[str, Field(min_length=1)] = Field(";", description="What stands between names in that column.")
    base_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] = Field(
        description="Public address of the place where the shop's files are delivered: from there it fetches them.",
        examples=["https://boutique.example/import"],
    )
    max_bytes: Annotated[int, Field(ge=1)] = Field(
        20_000_000, description="A file that is larger, in bytes, is refused; an image, once it is converted (IMG-4)."
    )


class ImageOptions(FileOptions):
    """The images of articles, and what a shop can take (IMG-1 to IMG-4)."""

    delete_existing: bool = Field(
        default=True,
        description="The shop drops the images that it has of an article whose images have changed, and takes those "
        "listed, all of which are there by then; else only new ones are listed. Where the platform's import can say so "
        "(IMG-3).",
    )
    formats: tuple[ImageFormat, ...] = Field(
        ("jpeg", "png", "gif"), min_length=1, description="Formats that the shop takes; others are converted (IMG-4)."
    )
    max_side: Annotated[int, Field(ge=16, le=20_000)] = Field(
        2560, description="Longest side in pixels; larger images are reduced to it (IMG-4)."
    )
    max_megapixels: Annotated[int, Field(ge=1, le=80)] = Field(
        80, description="An image with more millions of pixels is refused unseen: it would fill the memory (IMG-4)."
    )
    max_source_bytes: Annotated[int, Field(ge=1)] = Field(
        100_000_000, description="A file that is larger, in bytes, is refused and not even fetched (IMG-4)."
    )
    quality: Annotated[int, Field(ge=1, le=95)] = Field(88, description="Quality of JPEG and WebP that are made.")


class DocumentOptions(FileOptions):
    """The documents attached to articles (DOC-1)."""

    types: tuple[str, ...] = Field(
        ("pdf",), min_length=1, description="File extensions that are taken; a `.pdf` is looked at whether it is one."
    )
