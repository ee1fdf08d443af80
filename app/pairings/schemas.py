"""Bodies of the requests and answers about pairings."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.pairings.rules import PairingState
from app.schemas import Input, Output, example, line

Subject = Annotated[str, line(50)]

_PAIRING = {
    "main_room_id": "5e0c8a52-7f7e-4b0f-8f9b-4a2f6f3f9d33",
    "receiving_room_id": "a1c6e2de-92c1-4a44-8d1c-6e0f1b2a7c55",
    "subjects": ["English", "Music"],
    "valid_from": "2026-09-01",
    "valid_to": "2027-01-31",
    "capacity": 3,
}


class NewPairing(Input):
    """An agreement to be made between a main classroom and a teaching site."""

    main_room_id: UUID
    receiving_room_id: UUID
    subjects: list[Subject] = Field([], max_length=50, description="Leave empty for all subjects")
    valid_from: date = Field(description="First day")
    valid_to: date = Field(description="Last day")
    capacity: int = Field(
        3, ge=1, le=500, description="Most sites the main room serves in one lesson under this agreement"
    )

    model_config = example(_PAIRING)


class PairingOut(Output):
    """A dated agreement between a main classroom and a teaching site."""

    id: UUID
    main_room_id: UUID
    receiving_room_id: UUID
    subjects: list[str] = Field(description="Empty: all subjects")
    valid_from: date
    valid_to: date
    capacity: int
    state: PairingState

    model_config = example({"id": "c3b7f3a0-1f0e-4b0a-9a57-2f4c6d8e9f66", **_PAIRING, "state": "active"})
