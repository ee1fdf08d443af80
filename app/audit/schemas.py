"""Bodies of the answers about the trail."""

import json
import uuid
from datetime import datetime
from typing import Any

from pydantic import Field

from app.audit.models import AuditEvent
from app.audit.rules import Act
from app.schemas import Output, example

_EVENT = {
    "number": 4711,
    "at": "2026-11-22T08:15:00.123456Z",
    "act": "room.added",
    "person_id": "f4b7a1de-0f53-4a86-b7b0-5a3c0e9d1f22",
    "address": "10.20.0.7",
    "org_unit_id": "7c1f4c0e-6a2b-4d0e-9b53-0d7a3f0c5a11",
    "subject_kind": "room",
    "subject_id": "5e0c8a52-7f7e-4b0f-8f9b-4a2f6f3f9d33",
    "before": None,
    "after": {"kind": "main", "code": "M1"},
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}


class AuditEventOut(Output):
    """One act: who, what, when, where, and how things were before and after."""

    number: int = Field(description="Place in the county's chain, from 1 on without gaps")
    at: datetime
    act: Act
    person_id: uuid.UUID | None = Field(description="Who did it; null: nobody who is signed in")
    address: str | None = Field(description="The network address it came from; null: the server itself")
    org_unit_id: uuid.UUID | None = Field(description="Where it took effect")
    subject_kind: str | None
    subject_id: uuid.UUID | None = Field(description="What it was done to")
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    hash: str = Field(description="Seals the event and all before it")

    model_config = example(_EVENT)

    @classmethod
    def of(cls, row: AuditEvent) -> "AuditEventOut":
        """An event as it is shown."""
        plain = {name: getattr(row, name) for name in cls.model_fields if name not in ("before", "after")}
        return cls(**plain, before=_facts(row.before), after=_facts(row.after))


def _facts(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    facts: dict[str, Any] = json.loads(text)
    return facts
