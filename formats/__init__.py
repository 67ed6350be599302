"""Declared file formats: one descriptor gives reader, writer, checker, sample and documentation."""
