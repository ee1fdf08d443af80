"""A request as an act: when, by whom, why, and under which rule for bells."""

from datetime import UTC, datetime, timedelta

from fastapi import Request

from app.accounts.rules import Principal
from app.lessons.changes import Doing
from app.settings import Settings
from app.versions import ANY, Seen


def doing_of(request: Request, principal: Principal, reason: str | None = None, seen: Seen = ANY) -> Doing:
    """What a service is told about who does something."""
    settings: Settings = request.app.state.settings
    skew = timedelta(minutes=settings.bell_skew_minutes)
    return Doing(datetime.now(UTC), principal.person_id, skew, reason, seen=seen)
