"""Which day it is in a county."""

import uuid
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.accounts import queries


def county_today(session: Session, county_id: uuid.UUID, now: datetime) -> date:
    """The date in a county: in the east the school day starts while UTC still has yesterday."""
    return now.astimezone(ZoneInfo(queries.county_time_zone(session, county_id))).date()
