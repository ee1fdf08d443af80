"""/.well-known/security.txt (RFC 9116): whom to tell of a weakness."""

from datetime import UTC, datetime, time, timedelta
from typing import Final

from fastapi import APIRouter, Request, Response

from app.errors import no_such_address
from app.settings import Settings

router = APIRouter(include_in_schema=False)

GOOD_FOR: Final = timedelta(days=180)
"""RFC 9116 §2.5.5 wants less than a year."""


@router.get("/.well-known/security.txt")
def security_txt(request: Request) -> Response:
    """Whom to tell, in the form that researchers look for; 404 unless the operator named somebody."""
    settings: Settings = request.app.state.settings
    if not settings.security_contact:
        return no_such_address()
    text = security_text(settings, datetime.now(UTC))
    return Response(text, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "max-age=86400"})


def security_text(settings: Settings, now: datetime) -> str:
    """The file as of now, the same for a whole day."""
    expires = datetime.combine(now.date() + GOOD_FOR, time(), UTC)
    fields = [
        *(f"Contact: {contact}" for contact in settings.security_contact),
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: zh, en",
        f"Canonical: {settings.public_url}/.well-known/security.txt",
    ]
    if settings.security_policy:
        fields.append(f"Policy: {settings.security_policy}")
    return "\r\n".join((*fields, ""))
