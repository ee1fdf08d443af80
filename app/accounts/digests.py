"""What is stored of a secret: its SHA-256. 256 random bits need no salt and no slow hash."""

import hashlib


def digest(secret: str) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
