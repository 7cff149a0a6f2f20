"""Registries that make credentials by an API of theirs: one file each, and the table of them."""
