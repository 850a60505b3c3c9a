"""Readers of published files, one format a file; each has `read(folder) -> Source`."""
