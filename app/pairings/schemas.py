"""Bodies of the requests and answers about pairings."""

from collections.abc import Container
from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.pairings.many import ManyStep
from app.pairings.models import Pairing
from app.pairings.rules import Level, PairingState, Side, Step
from app.schemas import Day, Input, Output, VersionedOutput, example, line

Subject = Annotated[str, line(50)]
Reason = Annotated[str, line(200)]

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
    valid_from: Day = Field(description="First day")
    valid_to: Day = Field(description="Last day")
    level: Level = Level.COUNTY
    minimum_link_mbps: float | None = Field(
        None, gt=0, le=100_000, allow_inf_nan=False, description="What the site's line has to carry, Mbit/s"
    )
    state: Literal[PairingState.PROPOSED, PairingState.APPROVED] = Field(
        PairingState.APPROVED,
        description="approved: both sides have agreed already; proposed: they still have to accept",
    )
    capacity: int = Field(
        3, ge=1, le=500, description="Most sites the main room serves in one lesson under this agreement"
    )

    model_config = example(_PAIRING)


class PairingOut(VersionedOutput):
    """A dated agreement between a main classroom and a teaching site."""

    id: UUID
    main_room_id: UUID
    receiving_room_id: UUID
    subjects: list[str] = Field(description="Empty: all subjects")
    valid_from: date
    valid_to: date
    capacity: int
    level: Level
    minimum_link_mbps: float | None
    state: PairingState = Field(
        description="Where it stands today: active on its days once approved; ended, or renewed, after them"
    )
    accepted_by: list[Side]
    stopped_from: date | None = Field(
        description="Suspended or ended early: the first day on which it carries no lessons"
    )
    state_reason: str | None
    renews_id: UUID | None = Field(description="The agreement before it")
    steps: list[Step] = Field(description="What may be done with it now, by those who may")

    model_config = example(
        {
            "id": "c3b7f3a0-1f0e-4b0a-9a57-2f4c6d8e9f66",
            "version": 3,
            **_PAIRING,
            "level": "county",
            "minimum_link_mbps": 4,
            "state": "active",
            "accepted_by": ["main", "site"],
            "stopped_from": None,
            "state_reason": None,
            "renews_id": None,
            "steps": ["end", "renew", "suspend"],
        }
    )

    @classmethod
    def of(cls, pairing: Pairing, today: date, renewed: Container[UUID] = ()) -> Self:
        agreement = pairing.agreement
        return cls(
            id=pairing.id,
            version=pairing.version,
            main_room_id=pairing.main_room_id,
            receiving_room_id=pairing.receiving_room_id,
            subjects=pairing.subjects,
            valid_from=pairing.valid_from,
            valid_to=pairing.valid_to,
            capacity=pairing.capacity,
            level=pairing.level,
            minimum_link_mbps=pairing.minimum_link_mbps,
            state=agreement.state_on(today, renewed=pairing.id in renewed),
            accepted_by=sorted(agreement.accepted_by),
            stopped_from=pairing.stopped_from,
            state_reason=pairing.state_reason,
            renews_id=pairing.renews_id,
            steps=sorted(agreement.allowed(today)),
        )


class Answer(Input):
    """What a side says to a proposal."""

    side: Side | None = Field(None, description="Every side that is yours unless given")
    reason: Reason | None = None

    model_config = example({"side": "site", "reason": None})


class Refusal(Input):
    """Why somebody does not want an agreement."""

    side: Side | None = Field(None, description="Every side that is yours unless given")
    reason: Reason

    model_config = example({"side": "site", "reason": "No adult can be in the room on these days"})


class Decision(Input):
    """Why the bureau takes a step; for the trail."""

    reason: Reason | None = None

    model_config = example({"reason": "As agreed on 20 August"})


class Chosen(Input):
    """An agreement to be decided on."""

    id: UUID
    version: int | None = Field(None, description="As you saw it; refused when it was changed since")

    model_config = example({"id": "c3b7f3a0-1f0e-4b0a-9a57-2f4c6d8e9f66", "version": 3})


def _each_once(chosen: list[Chosen]) -> list[Chosen]:
    if len({each.id for each in chosen}) < len(chosen):
        raise PydanticCustomError("pairing_twice", "Name each agreement once")
    return chosen


class Decisions(Input):
    """One step for many agreements."""

    step: ManyStep
    pairings: Annotated[list[Chosen], AfterValidator(_each_once)] = Field(min_length=1, max_length=200)
    reason: Reason | None = Field(None, description="Needed to decline")

    model_config = example(
        {"step": "approve", "pairings": [{"id": "c3b7f3a0-1f0e-4b0a-9a57-2f4c6d8e9f66", "version": 3}]}
    )

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.step is ManyStep.DECLINE and self.reason is None:
            raise PydanticCustomError("reason_needed", "Say why they are declined")
        return self


class DecidedOut(Output):
    """The agreements as they are now."""

    items: list[PairingOut]

    model_config = example({"items": []})


class Stop(Input):
    """From when on an agreement carries no lessons, and what becomes of those planned."""

    reason: Reason
    stopped_from: Day | None = Field(
        None,
        description="First day without lessons; today unless given, tomorrow when one of today has begun",
    )
    lessons: Literal["refuse", "drop"] = Field(
        "refuse",
        description="refuse: not while lessons are planned from that day on, they are listed; drop: the site is "
        "taken out of them, and those that reach no other site are cancelled",
    )

    model_config = example({"reason": "The line is down", "stopped_from": "2026-11-02", "lessons": "drop"})


class Renewal(Input):
    """The days of the next agreement; everything else is as before unless given."""

    valid_from: Day | None = Field(
        None, description="The day after the last one of this agreement, unless given"
    )
    valid_to: Day = Field(description="Last day")
    subjects: list[Subject] | None = Field(None, max_length=50)
    capacity: int | None = Field(None, ge=1, le=500)
    reason: Reason | None = None

    model_config = example({"valid_to": "2027-06-30"})
