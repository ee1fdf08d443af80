"""How long a table of 5,000 rows takes, from the file to the commit, into a county of Jinzhai's size."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from app.accounts.models import Person
from app.accounts.rules import Duty, Principal, Role
from app.accounts.service import principal_of
from app.database import SessionFactory
from app.schools import bulk
from app.schools.models import OrgUnit
from app.schools.rules import OrgUnitKind
from app.transfer import service
from app.transfer.kinds import KINDS, Kind
from app.transfer.service import Wish
from app.transfer.writing import Sheet, xlsx_of
from app.web.language import Language
