"""Where descriptors are found: those of the package, and those of a user's own folder, in the very same way.

A format is named as its file stands in its folder: ``ebp/orders`` is ``ebp/orders.yaml``. A user's file of the same
name stands before the built-in one; an integrator copies it, changes a label, and is done.

Source: spec FMT-1; design.md decision 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from passerelle.formats.descriptor import Descriptor, build, extend
from passerelle.formats.notation import DescriptorError, Place, Section, parse


class UnknownFormatError(LookupError):
    """No descriptor has this name."""


class Formats:
    """The formats of some folders; the first folder that has a name gives it, and may extend the next one's.

    Each is read once.
    """

    def __init__(self, folders: tuple[Traversable, ...]) -> None:
        self._found: dict[str, list[Traversable]] = {}
        for folder in folders:
            for name, file in _descriptor_files(folder):
                self._found.setdefault(name, []).append(file)
        self._built: dict[tuple[str, str], Descriptor] = {}

    def names(self) -> list[str]:
        """Give the names of all formats, in order."""
        return sorted(self._found)

    def get(self, name: str, settings: Mapping[str, object] | None = None) -> Descriptor:
        """Give one format, with the profile's values of its settings.

        Raises:
            UnknownFormatError: none has this name.
            DescriptorError: its file has mistakes, or a setting has.
        """
        asked = (name, repr(sorted((settings or {}).items())))
        if asked not in self._built:
            self._built[asked] = build(self._document(name, ()), settings=settings)
        return self._built[asked]

    def text(self, name: str) -> str:
        """Give the descriptor file of a format.

        Raises:
            UnknownFormatError: none has this name.
            DescriptorError: it is no text.
        """
        return _text(self._files(name)[0])

    def _files(self, name: str) -> list[Traversable]:
        if name not in self._found:
            raise UnknownFormatError(f"no format is named {name}; there are: {', '.join(self.names())}")
        return self._found[name]

    def _document(self, name: str, extending: tuple[str, ...]) -> Section:
        """Give the content of a descriptor; one that extends its own name extends what it stands before."""
        found, extended = self._files(name), extending.count(name)
        file = found[min(extended, len(found) - 1)]
        document = parse(_text(file), str(file))
        place = document.place
        if extended == len(found):
            raise DescriptorError([f"{place}: passerelle.extends: {' → '.join((*extending, name))} goes in a circle"])
        declared = document.get("name")
        if declared != name:
            raise DescriptorError([f"{place}: name: is {declared!r}, but the file's place says {name!r}"])
        return extend(document, lambda base: self._base(base, (*extending, name), place))

    def _base(self, name: str, extending: tuple[str, ...], place: Place) -> Section:
        if name not in self._found:
            raise DescriptorError(
                [f"{place}: passerelle.extends: no format is named {name}; allowed: {', '.join(self.names())}"]
            )
        return self._document(name, extending)


def formats(folder: Path | None = None) -> Formats:
    """Give the built-in formats, and before them those of a user's folder."""
    built_in = files("passerelle.formats")
    if folder is None:
        return Formats((built_in,))
    if not folder.is_dir():
        raise UnknownFormatError(f"there is no folder of formats at {folder}")
    return Formats((folder, built_in))


def _descriptor_files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir() and not entry.name.startswith(("_", ".")):
            yield from _descriptor_files(entry, f"{prefix}{entry.name}/")
        elif entry.is_file() and entry.name.endswith(".yaml"):
            yield prefix + entry.name.removesuffix(".yaml"), entry


def _text(file: Traversable) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DescriptorError([f"{file}: a descriptor must be written in UTF-8: {error}"]) from error
