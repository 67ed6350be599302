"""What a form sends: its fields, and files that are attached (RFC 7578).

Source: spec SEC-4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import parse_qsl

from passerelle.run.errors import RunError

_FIELDS = 5000
_NAME = 100


@dataclass(frozen=True, slots=True)
class Attached:
    """A file of a form; its name is one, of no folder."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Posted:
    """What a form sent; of a field with several values they stand one after the other, with commas between."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, Attached] = field(default_factory=dict)


def read(body: bytes, content_type: str) -> Posted:
    """Read the body of a form.

    Raises:
        RunError: a file did not arrive whole.
    """
    kind = Message()
    kind["content-type"] = content_type or "application/x-www-form-urlencoded"
    posted = Posted()
    if kind.get_content_type() != "multipart/form-data":
        for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_FIELDS):
            _add(posted.fields, name, value)
        return posted
    first, *parts = (b"\r\n" + body).split(f"\r\n--{kind.get_boundary()}".encode())
    if first or not parts or parts[-1].strip() != b"--" or len(parts) > _FIELDS:
        raise RunError("console-form-unreadable", is_usage=True)
    for part in parts[:-1]:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        said = dict(re.findall(r'\b(filename|name)="([^"]*)"', head.decode("utf-8", "replace")))
        if "filename" not in said:
            _add(posted.fields, said.get("name", ""), data.decode("utf-8", "replace"))
        elif data:
            posted.files[said.get("name", "")] = Attached(_own_name(said["filename"]), data)
    return posted


def spelled(value: str) -> str:
    """Give a text that a command can be given: NUL, which none can, is replaced as bytes without meaning are."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _add(fields: dict[str, str], name: str, value: str) -> None:
    fields[name] = spelled(f"{fields[name]},{value}" if name in fields else value)


def _own_name(given: str) -> str:
    """Give the name of a file without its folders, so that it leads nowhere else."""
    name = re.split(r"[/\\]", given)[-1].lstrip(".")
    return "".join(filter(str.isprintable, name))[-_NAME:] or "file"
