"""Bodies of the requests and answers about the second factor."""

from typing import Annotated

from pydantic import Field

from app.accounts.schemas import Password
from app.schemas import Input, Output, example


class OwnPassword(Input):
    """One's own password once more."""

    password: Password

    model_config = example({"password": "kota-ribu-semo-lagi"})


class Code(Input):
    """A code of the app, or a recovery code."""

    code: Annotated[str, Field(min_length=1, max_length=64)]

    model_config = example({"code": "492039"})


class SecondFactorOut(Output):
    """How one's second factor is."""

    confirmed: bool = Field(description="Whether signing in takes a code")
    recovery_codes_left: int

    model_config = example({"confirmed": True, "recovery_codes_left": 10})


class Enrolled(Output):
    """What the app has to be told, shown this once."""

    secret: str = Field(description="To be typed where no picture can be taken")
    address: str
    picture: str = Field(description="The address as a QR code: an SVG as `data:` address")

    model_config = example(
        {
            "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
            "address": "otpauth://totp/Tongtang:wang?secret=JBSW…&issuer=Tongtang",
            "picture": "data:image/svg+xml…",
        }
    )


class RecoveryCodes(Output):
    """Codes for when the app is gone, each good once; shown this once."""

    recovery_codes: list[str]

    model_config = example({"recovery_codes": ["k7wq-x2mf-3hpa-9dte"]})
