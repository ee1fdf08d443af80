"""Agreements between a main classroom and a teaching site."""
