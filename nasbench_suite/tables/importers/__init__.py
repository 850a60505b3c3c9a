"""Readers of published files, one format a file or folder; each has `read(source) -> Source`."""
