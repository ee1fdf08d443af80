"""Logging as a process has it for itself."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


@contextmanager
def logging_as_found() -> Iterator[None]:
    """Put back what the block sets up for a process of its own."""
    root, configuration = logging.getLogger(), structlog.get_config()
    handlers, level, configured = root.handlers[:], root.level, structlog.is_configured()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)  # which forgets what loggers remember of it
    if configured:
        structlog.configure(**configuration)
    else:
        structlog.reset_defaults()
