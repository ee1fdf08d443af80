"""The only modules that touch private names of aiortc and pylibsrtp, or call libc.

Each has a contract test in ``tests/media_relay/test_seams.py`` that fails loudly when a private name changes.
"""
