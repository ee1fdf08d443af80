"""Which day it is in a county."""

import uuid
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.accounts import queries


def county_today(session: Session, county_id: uuid.UUID, now: datetime) -> date:
    """The date in a county: in the east the school day starts while UTC still has yesterday."""
    return day_in(queries.county_time_zone(session, county_id), now)


def day_in(time_zone: str, now: datetime) -> date:
    """The date in an IANA time zone."""
    return now.astimezone(ZoneInfo(time_zone)).date()
