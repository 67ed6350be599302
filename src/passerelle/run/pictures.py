"""An image as a shop can take it: looked at wholly, turned upright, in sRGB, not too large, in one of its formats.

Images come from anywhere, so nothing of them is believed: only known formats are opened, the pixels are counted before
any memory is taken for them, and whatever a decoder says of a damaged one is an outcome, not the end of the run.

Source: spec IMG-4; docs/decisions/0012-images-by-pillow.md.
"""

from __future__ import annotations

import re
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.Image import DecompressionBombError, Resampling

from passerelle.exchange.shop_options.images import ImageOptions
from passerelle.run.made_files import MadeFile, RefusedFile

SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".gif",
    ".webp",
    ".bmp",
    ".tif",
    ".tiff",
    ".avif",
    ".svg",
    ".heic",
    ".heif",
)
"""Names that are taken for images; what some of them hold is refused, and said so."""
_READ = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
"""Formats that are opened; a JPEG with several images, as telephones make it, is called MPO afterwards."""
_OWN_SUFFIX = {"jpeg": ".jpg", "png": ".png", "gif": ".gif", "webp": ".webp"}
_ORIENTATION = 0x0112
_PLAIN_MODES = frozenset(["1", "L", "LA", "P", "RGB", "RGBA"])
_SMOOTH = frozenset(["L", "LA", "RGB", "RGBA", "CMYK"])
"""Modes whose pixels can be mixed: an image is reduced in them."""
_SVG = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml|<!--|<!doctype svg|<svg)", re.IGNORECASE)
_CALLED = {
    "HEIC": re.compile(rb".{4}ftyp(?:he[iv]|mif1|msf1)", re.DOTALL),
    "JPEG 2000": re.compile(rb".{4}jP  ", re.DOTALL),
    "JPEG XL": re.compile(rb"\xff\x0a|.{4}JXL ", re.DOTALL),
    "PSD": re.compile(rb"8BPS"),
    "PDF": re.compile(rb"%PDF-"),
    "HTML": re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)", re.IGNORECASE),
    "ZIP": re.compile(rb"PK\x03\x04"),
    "MP4": re.compile(rb".{4}ftyp", re.DOTALL),
}
"""What people take for images, or save as such."""
_HEAD = 1024


def picture(source: Path, target: Path, options: ImageOptions) -> MadeFile:
    """Make of a file the image that the shop gets; one that it can take as it is keeps its very bytes.

    Args:
        source: the file; it is moved where it stays as it is.
        target: where the image goes.
        options: what the shop can take.

    Raises:
        RefusedFile: it is no image, damaged, or too large.
        OSError: this machine's disk is full.
    """
    with source.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise RefusedFile("article-file-empty")
    if _SVG.match(head):
        raise RefusedFile("image-svg")
    try:
        with Image.open(source, formats=_READ) as image:
            _check_pixels(image, options)
            first_of_many = image.format != "MPO" and getattr(image, "is_animated", False)
            remark = "image-animated" if first_of_many else ""
            own = _format(image)
            if own in options.formats and not first_of_many and _is_good(image, source, options):
                image.load()
                made = None
            else:
                made = _remade(image, options)
    except UnidentifiedImageError as error:
        raise RefusedFile("image-unreadable", _called(head)) from error
    except DecompressionBombError as error:
        raise RefusedFile("article-file-too-large", f"> {options.max_megapixels} Mpx") from error
    except RefusedFile:
        raise
    except Exception as error:  # decoders of damaged files raise whatever they come across
        raise RefusedFile("image-damaged", str(error) or type(error).__name__) from error
    if made is None:
        return MadeFile(source.replace(target), _OWN_SUFFIX[own], remark)
    return _saved(made, own, target, options, remark)


def _called(head: bytes) -> str:
    """Name what a file is that is no image, or the bytes that it begins with."""
    return next((name for name, begins in _CALLED.items() if begins.match(head)), head[:4].hex(" "))


def _check_pixels(image: Image.Image, options: ImageOptions) -> None:
    """See that an image has not too many pixels; nothing but its header was read so far."""
    width, height = image.size
    if width * height > options.max_megapixels * 1_000_000:
        raise RefusedFile("article-file-too-large", f"{width} × {height} px")


def _format(image: Image.Image) -> str:
    name = (image.format or "").lower()
    return "jpeg" if name == "mpo" else name


def _is_good(image: Image.Image, source: Path, options: ImageOptions) -> bool:
    """Tell whether an image of a format that the shop takes can stay as it is."""
    upright = image.getexif().get(_ORIENTATION, 1) == 1
    small = max(image.size) <= options.max_side and source.stat().st_size <= options.max_bytes
    return upright and small and image.mode in _PLAIN_MODES


def _remade(image: Image.Image, options: ImageOptions) -> Image.Image:
    side = (options.max_side, options.max_side)
    image.draft(None, side)  # of a large JPEG only as much is decoded as is needed
    if image.mode not in _SMOOTH:
        image = _in_srgb(image)
    if max(image.size) > options.max_side:
        image.thumbnail(side, Resampling.LANCZOS)  # before anything takes a copy of it
    return _in_srgb(ImageOps.exif_transpose(image))


def _in_srgb(image: Image.Image) -> Image.Image:
    """Give an image in a mode that shops and browsers show: grey, colours, colours and transparency."""
    profile = image.info.get("icc_profile")
    if image.mode == "CMYK" and profile:
        with suppress(ImageCms.PyCMSError):
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, BytesIO(profile), srgb, outputMode="RGB")
            if converted:
                converted.info.pop("icc_profile", None)
                return converted
    if image.mode in {"L", "RGB", "RGBA"}:
        return image
    if image.mode.startswith("I"):  # 16 bits of grey
        return image.convert("I").point(lambda level: level / 256).convert("L")
    see_through = image.mode in {"LA", "La", "PA", "RGBa"} or "transparency" in image.info
    made = image.convert("RGBA" if see_through else "L" if image.mode in {"1", "F"} else "RGB")
    made.info.pop("icc_profile", None)
    return made


def _saved(image: Image.Image, own: str, target: Path, options: ImageOptions, remark: str) -> MadeFile:
    kind = _kind(image, own, options)
    if image.mode == "RGBA" and kind == "jpeg":
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        white.info = image.info
        image = white
    how = {"quality": options.quality} if kind in {"jpeg", "webp"} else {}
    image.save(target, kind.upper(), icc_profile=image.info.get("icc_profile"), exif=b"", **how)
    size = target.stat().st_size
    if size > options.max_bytes:
        target.unlink()
        raise RefusedFile("article-file-too-large", f"{size} > {options.max_bytes}")
    return MadeFile(target, _OWN_SUFFIX[kind], remark)


def _kind(image: Image.Image, own: str, options: ImageOptions) -> str:
    """Choose a format that the shop takes: transparency is kept where one can have it."""
    if own in options.formats and own != "gif":
        return own
    wanted = ("png", "webp") if image.mode == "RGBA" else ("jpeg", "webp", "png")
    return next((kind for kind in wanted if kind in options.formats), options.formats[0])
