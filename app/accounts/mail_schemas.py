"""Bodies of the requests and answers about mailed links."""

from typing import Annotated

from pydantic import Field

from app.accounts.schemas import MailAddress, Password
from app.mail import LONGEST_ADDRESS
from app.schemas import Input, Output, example

Secret = Annotated[str, Field(min_length=20, max_length=100)]


class ForgottenPassword(Input):
    """Whoever forgot the password."""

    who: str = Field(min_length=1, max_length=LONGEST_ADDRESS, description="The login, or the mail address")

    model_config = example({"who": "wang"})


class MailedPassword(Input):
    """Another password, by a link that was mailed."""

    secret: Secret = Field(description="What stands after the # of the link")
    new_password: Password

    model_config = example(
        {"secret": "q1Zk0pT4mXb2r8yQf6uWc3nLs7vHd5jE", "new_password": "four words in a row"}
    )


class MailedSecret(Input):
    """A link that was mailed."""

    secret: Secret = Field(description="What stands after the # of the link")

    model_config = example({"secret": "q1Zk0pT4mXb2r8yQf6uWc3nLs7vHd5jE"})


class PersonPatch(Input):
    """What an administrator changes about somebody."""

    email: MailAddress | None = Field(
        description="For a forgotten password; null for none. Those who look after others have to prove it first"
    )

    model_config = example({"email": "wang@example.org"})


class NewMailAddress(Input):
    """Where one gets letters about the own account."""

    address: MailAddress | None = Field(description="Null for none")
    password: Password

    model_config = example({"address": "wang@example.org", "password": "kota-ribu-semo-lagi-pane"})


class MailAddressOut(Output):
    """One's own mail address."""

    offered: bool = Field(description="Whether this server sends mail at all")
    address: str | None
    waiting: str | None = Field(description="The address whose letter was not opened yet")
    proven: bool = Field(description="False for one that an administrator entered: no notices go there")

    model_config = example({"offered": True, "address": "wang@example.org", "waiting": None, "proven": True})
