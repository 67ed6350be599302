"""Passerelle: a file-first exchange between French ERPs and web shops."""

__version__ = "0.1.0"
