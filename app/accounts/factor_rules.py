"""One-time codes by time (TOTP, RFC 6238): which code counts now. Pure rules."""

import hmac
import secrets
from datetime import datetime
from typing import Final

import pyotp

STEP: Final = 30
"""Seconds for which an app shows one code."""
DIGITS: Final = 6
EITHER_WAY: Final = 1
"""Steps by which a telephone's clock may be wrong."""
RECOVERY_CODES: Final = 10
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP = 6, 4
"""118 bits: from 112 on a hash without salt that is fast tells nothing (ASVS 6.5.2)."""


def new_secret() -> str:
    """160 bits (RFC 4226 §4, R6) in base 32."""
    return pyotp.random_base32()


def address_of_secret(secret: str, login: str) -> str:
    """The address that an app reads from the picture (otpauth://)."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=STEP).provisioning_uri(
        name=login, issuer_name="Tongtang"
    )


def step_of(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """The step that a code belongs to; None when it is wrong, or not younger than the last one that counted.

    RFC 6238 §5.2: a code counts once, so one that was watched being typed is of no use.
    """
    if len(code) != DIGITS or not code.isascii() or not code.isdigit():
        return None
    current = int(now.timestamp()) // STEP
    totp = pyotp.TOTP(secret, digits=DIGITS, interval=STEP)
    for step in range(max(current - EITHER_WAY, last_step + 1), current + EITHER_WAY + 1):
        if hmac.compare_digest(totp.generate_otp(step), code):
            return step
    return None


def new_recovery_codes() -> tuple[str, ...]:
    """Such as "k7wq-x2mf-3hpa-9dte": 79 bits each, without letters that look alike."""
    return tuple(
        "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
        for _ in range(RECOVERY_CODES)
    )


def tidy(code: str) -> str:
    """A code as it was given, however it was typed."""
    return "".join(code.split()).lower()
