"""Images as shops can take them; what is none is an outcome, whatever its bytes (IMG-4)."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from passerelle.exchange.shop_options.images import ImageOptions
from passerelle.run.made_files import MadeFile, RefusedFile
from passerelle.run.pictures import picture

RED = (200, 30, 30)


def saved(kind: str, image: Image.Image | None = None, **options) -> bytes:
    data = io.BytesIO()
    (image or two_colours()).save(data, kind, **options)
    return data.getvalue()


def two_colours(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, RED)
    image.paste((30, 30, 200), (size[0] // 2, 0, *size))
    return image.convert(mode)


def made(tmp_path, data: bytes, **options) -> MadeFile:
    source = tmp_path / "source"
    source.write_bytes(data)
    return picture(source, tmp_path / "made", ImageOptions(base_url="https://x.example", **options))


def refused(tmp_path, data: bytes, **options) -> tuple[str, str]:
    with pytest.raises(RefusedFile) as found:
        made(tmp_path, data, **options)
    return found.value.code, found.value.value


@pytest.mark.parametrize(("kind", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png"), ("GIF", ".gif")])
def test_img_4_what_the_shop_takes_keeps_its_very_bytes(tmp_path, kind, suffix):
    data = saved(kind)
    found = made(tmp_path, data)
    assert (found.local.read_bytes(), found.suffix, found.remark) == (data, suffix, "")


@pytest.mark.parametrize(
    ("kind", "mode", "suffix", "shown"),
    [
        ("WEBP", "RGB", ".jpg", "RGB"),
        ("WEBP", "RGBA", ".png", "RGBA"),
        ("BMP", "RGB", ".jpg", "RGB"),
        ("TIFF", "CMYK", ".jpg", "RGB"),
        ("JPEG", "CMYK", ".jpg", "RGB"),
        ("TIFF", "L", ".jpg", "L"),
        ("AVIF", "RGB", ".jpg", "RGB"),
    ],
)
def test_img_4_what_it_does_not_take_is_converted(tmp_path, kind, mode, suffix, shown):
    given = two_colours(mode)
    if mode == "RGBA":
        given.putpixel((0, 0), (0, 0, 0, 0))
    found = made(tmp_path, saved(kind, given))
    assert found.suffix == suffix
    with Image.open(found.local) as image:
        assert (image.size, image.mode) == ((60, 40), shown)
        red, _, blue = image.convert("RGB").getpixel((5, 20))
        assert shown == "L" or red > 120 > blue


def test_img_4_cmyk_with_a_profile_becomes_srgb_without_it(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = made(tmp_path, saved("JPEG", two_colours("CMYK"), icc_profile=srgb))  # a profile that cannot be meant
    with Image.open(found.local) as image:
        assert image.mode == "RGB"
        assert "icc_profile" not in image.info or image.info["icc_profile"] is None


def test_img_4_a_turned_image_is_set_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the top is on the right
    found = made(tmp_path, saved("JPEG", exif=exif))
    with Image.open(found.local) as image:
        assert image.size == (40, 60)
        assert image.getexif().get(0x0112, 1) == 1
        assert image.getpixel((20, 5))[0] > 150  # what was left is at the top


def test_img_4_of_an_animated_image_the_first_frame_is_taken_and_said(tmp_path):
    frames = [two_colours(), Image.new("RGB", (60, 40), "white")]
    found = made(tmp_path, saved("GIF", frames[0], save_all=True, append_images=frames[1:]))
    assert (found.suffix, found.remark) == (".jpg", "image-animated")
    with Image.open(found.local) as image:
        assert getattr(image, "n_frames", 1) == 1
        assert image.convert("RGB").getpixel((5, 20))[0] > 150


def test_img_4_a_large_image_is_reduced_and_transparency_becomes_white_where_there_is_none(tmp_path):
    found = made(tmp_path, saved("JPEG", two_colours(size=(600, 400))), max_side=300)
    with Image.open(found.local) as image:
        assert image.size == (300, 200)
    found = made(tmp_path, saved("PNG", Image.new("RGBA", (60, 40), (0, 0, 0, 0))), formats=["jpeg"])
    with Image.open(found.local) as image:
        assert (image.mode, image.getpixel((1, 1))) == ("RGB", (255, 255, 255))


def test_img_4_sixteen_bits_of_grey_stay_grey(tmp_path):
    found = made(tmp_path, saved("TIFF", Image.new("I;16", (60, 40), 0x8000)))
    with Image.open(found.local) as image:
        assert (image.mode, image.getpixel((1, 1))) == ("L", 128)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "article-file-empty"),
        (b"%PDF-1.7 no image", "image-unreadable"),
        (b"<?xml version='1.0'?><svg onload='x()'/>", "image-svg"),
        (b"\xef\xbb\xbf \n<SVG xmlns='http://www.w3.org/2000/svg'/>", "image-svg"),
        (saved("JPEG", two_colours(size=(200, 200)))[:-900], "image-damaged"),
        (saved("PNG", two_colours(size=(200, 200)))[:300], "image-damaged"),
        (saved("GIF", two_colours(size=(200, 200)))[:100], "image-damaged"),
    ],
)
def test_img_4_what_is_no_good_image_is_refused(tmp_path, data, code):
    assert refused(tmp_path, data)[0] == code


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"8BPS\0\1", "PSD"),
        (b"%PDF-1.7 no image", "PDF"),
        (b"\r\n<!DOCTYPE HTML><title>404", "HTML"),
        (b"PK\x03\x04\x14", "ZIP"),
        (b"\0\0\0\x18ftypisom", "MP4"),
        (b"hello", "68 65 6c 6c"),
    ],
)
def test_img_4_what_people_take_for_an_image_is_called_by_its_name(tmp_path, head, name):
    assert refused(tmp_path, head + bytes(50)) == ("image-unreadable", name)


MEASURED = """
import sys
from pathlib import Path
from passerelle.exchange.shop_options.images import ImageOptions
from passerelle.run.pictures import picture

def most():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

before = most()
picture(Path(sys.argv[1]), Path(sys.argv[2]), ImageOptions(base_url="https://x.example"))
print(most() - before)
"""


def test_img_4_a_large_image_is_reduced_before_anything_takes_a_copy_of_it(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    source, target = tmp_path / "source", tmp_path / "made"
    Image.new("RGB", (6000, 5000), RED).save(source, "PNG", exif=turned.tobytes(), compress_level=1)
    pixels = 6000 * 5000 * 4  # as Pillow keeps them
    taken = int(subprocess.check_output([sys.executable, "-c", MEASURED, source, target]))
    assert taken < 1.8 * pixels
    with Image.open(target) as image:
        assert image.size == (2133, 2560)


def test_img_4_a_decompression_bomb_takes_no_memory(tmp_path):
    """A PNG of a few bytes that says it has 60 000 × 60 000 pixels, and one just above the limit."""

    def claimed(side: int) -> bytes:
        def chunk(name: bytes, content: bytes) -> bytes:
            return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

        head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")

    assert refused(tmp_path, claimed(60_000)) == ("article-file-too-large", "> 80 Mpx")
    assert refused(tmp_path, claimed(1_001), max_megapixels=1) == ("article-file-too-large", "1001 × 1001 px")


def test_img_4_a_result_that_is_too_large_is_refused_and_not_left(tmp_path):
    assert refused(tmp_path, saved("BMP"), max_bytes=200)[0] == "article-file-too-large"
    assert not (tmp_path / "made").exists()


GOOD = (saved("JPEG"), saved("PNG"), saved("GIF"), saved("TIFF"), saved("WEBP"), saved("BMP"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_img_4_law_any_bytes_are_an_image_or_refused(tmp_path_factory, data):
    good = bytearray(data.draw(st.sampled_from(GOOD)))
    for _ in range(data.draw(st.integers(0, 6))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(good[: data.draw(st.integers(1, len(good)))])
    folder = tmp_path_factory.mktemp("pictures")
    with suppress(RefusedFile), Image.open(made(folder, damaged).local) as image:
        image.load()
