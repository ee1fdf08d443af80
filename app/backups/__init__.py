"""Backups: everything a server needs to be again what it was, in one file."""
