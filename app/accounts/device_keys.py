"""Keys of devices: ECDSA on P-256 with SHA-256, as WebCrypto makes and uses them."""

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from app.errors import Invalid

_BYTES = 32


def check(public_key: str) -> None:
    """Raise `Invalid` unless it is a point of P-256: x and y in base64url with a dot between."""
    try:
        _load(public_key)
    except ValueError:
        raise Invalid(
            "terminal.bad_key",
            "Not a key",
            "`public_key` is x and y of a P-256 key, base64url, a dot between.",
        ) from None


def verify(public_key: str, message: bytes, signature: str) -> bool:
    """Whether the device signed the message; the signature is r and s, 64 bytes in base64url."""
    try:
        raw = _decode(signature)
        if len(raw) != 2 * _BYTES:
            return False
        r, s = int.from_bytes(raw[:_BYTES]), int.from_bytes(raw[_BYTES:])
        _load(public_key).verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except (ValueError, InvalidSignature):
        return False
    return True


def _load(public_key: str) -> ec.EllipticCurvePublicKey:
    x, _, y = public_key.partition(".")
    point = b"\x04" + _decode(x) + _decode(y)  # uncompressed, SEC 1 §2.3.3
    if len(point) != 1 + 2 * _BYTES:
        raise ValueError("not 32 bytes each")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("not base64url") from error
