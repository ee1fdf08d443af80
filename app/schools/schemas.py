"""Bodies of the requests and answers about org units and rooms."""

import uuid
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from app.schemas import Code, Day, Input, Name, Output, TimeZoneName, VersionedOutput, example, line
from app.schools.rules import EquipmentKind, OrgUnitKind, RoomKind

_COUNTY = "0b1de0c2-51a5-4d1c-8a55-6f0d1c2b3a44"
_SCHOOL = "7c1f4c0e-6a2b-4d0e-9b53-0d7a3f0c5a11"
_ROOM = "5e0c8a52-7f7e-4b0f-8f9b-4a2f6f3f9d33"

_PLACE = {"latitude": 31.6713, "longitude": 115.8842}
_KINDS = ["pupil_camera", "smart_blackboard", "teacher_camera"]
_NEVER_EMPTY = frozenset({"name", "equipment_kinds", "grades", "headcount"})
Address = Annotated[str, line(200)]
Link = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
Seats = Annotated[int, Field(ge=1, le=10_000)]


def _each_once(kinds: list[EquipmentKind]) -> list[EquipmentKind]:
    if len(set(kinds)) < len(kinds):
        raise PydanticCustomError("equipment_twice", "Name each kind of equipment once")
    return sorted(kinds)


Equipment = Annotated[list[EquipmentKind], AfterValidator(_each_once), Field(max_length=len(EquipmentKind))]


class Place(Input):
    """Where something is, in degrees (WGS 84)."""

    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False)
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False)

    model_config = example(_PLACE)


class PlaceOut(Output):
    """Where something is, in degrees (WGS 84)."""

    latitude: float
    longitude: float

    model_config = example(_PLACE)


class Patch(Input):
    """What changes; a field that is not given stays, null empties it where it may be empty."""

    @model_validator(mode="after")
    def _something_possible(self) -> "Patch":
        if not self.model_fields_set:
            raise PydanticCustomError("nothing_to_change", "Give at least one field")
        for name in self.model_fields_set & _NEVER_EMPTY:
            if getattr(self, name) is None:
                raise PydanticCustomError("not_empty", "{field} cannot be null", {"field": name})
        return self

    def fields(self) -> dict[str, Any]:
        """The fields that are given."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


class OrgUnitPatch(Patch):
    """What changes of a unit; its code, kind and place in the tree stay."""

    name: Name | None = None
    address: Address | None = None
    coordinates: Place | None = None

    model_config = example({"address": "梅山镇解放路 1 号", "coordinates": _PLACE})

    def fields(self) -> dict[str, Any]:
        found = super().fields()
        if "coordinates" in found:
            place = found.pop("coordinates")
            found["latitude"] = place.latitude if place else None
            found["longitude"] = place.longitude if place else None
        return found


class RoomPatch(Patch):
    """What changes of a room; its code, kind and unit stay."""

    name: Name | None = None
    link_mbps_declared: Link | None = None
    equipment: str | None = Field(None, max_length=4000, description="In words")
    equipment_kinds: Equipment | None = None
    seats: Seats | None = None

    model_config = example({"link_mbps_declared": 500, "equipment_kinds": _KINDS, "seats": 45})


class Closing(Input):
    """From when on something is no more."""

    closed_from: Day = Field(description="The first day on which no lesson can be there")

    model_config = example({"closed_from": "2027-02-01"})


class NewOrgUnit(Input):
    """A township, school or teaching site to be added to the county."""

    kind: Literal[OrgUnitKind.TOWNSHIP, OrgUnitKind.SCHOOL, OrgUnitKind.TEACHING_SITE]
    parent_id: uuid.UUID = Field(description="The unit directly above")
    code: Code = Field(description="Official code, unique in the county; names a site's stream: site-<code>")
    name: Name
    time_zone: TimeZoneName | None = Field(None, description="IANA name; the unit above decides unless given")

    model_config = example(
        {
            "kind": "school",
            "parent_id": _COUNTY,
            "code": "3415240012",
            "name": "梅山镇中心小学",
            "time_zone": None,
        }
    )


class OrgUnitOut(VersionedOutput):
    """A unit of the county tree."""

    id: uuid.UUID
    kind: OrgUnitKind
    parent_id: uuid.UUID | None
    county_id: uuid.UUID
    code: str
    name: str
    time_zone: str | None
    address: str | None = None
    coordinates: PlaceOut | None = None
    closed_from: date | None = Field(None, description="The first day on which it is no more")

    @field_validator("coordinates", mode="before")
    @classmethod
    def _of_pair(cls, place: Any) -> Any:
        return {"latitude": place[0], "longitude": place[1]} if isinstance(place, tuple) else place

    model_config = example(
        {
            "id": _SCHOOL,
            "version": 1,
            "kind": "school",
            "parent_id": _COUNTY,
            "county_id": _COUNTY,
            "code": "3415240012",
            "name": "梅山镇中心小学",
            "time_zone": None,
            "address": "梅山镇解放路 1 号",
            "coordinates": _PLACE,
            "closed_from": None,
        }
    )


class NewRoom(Input):
    """A room to be added to an org unit."""

    org_unit_id: uuid.UUID
    kind: RoomKind
    code: Code = Field(description="Unique in the org unit")
    name: Name
    link_mbps_declared: float | None = Field(
        None, gt=0, le=100_000, allow_inf_nan=False, description="What the line is said to carry, Mbit/s"
    )
    equipment: str | None = Field(None, max_length=4000, description="In words")
    equipment_kinds: Equipment = []
    seats: Seats | None = None

    model_config = example(
        {
            "org_unit_id": _SCHOOL,
            "kind": "main",
            "code": "M1",
            "name": "录播教室 Main classroom",
            "link_mbps_declared": 200,
            "equipment": "two cameras, smart blackboard",
            "equipment_kinds": _KINDS,
            "seats": 45,
        }
    )


class RoomOut(VersionedOutput):
    """A room of an org unit."""

    id: uuid.UUID
    org_unit_id: uuid.UUID
    kind: RoomKind
    code: str
    name: str
    link_mbps_declared: float | None
    equipment: str | None
    equipment_kinds: list[EquipmentKind]
    seats: int | None
    closed_from: date | None = Field(description="The first day on which no lesson can be there")

    model_config = example(
        {
            "id": _ROOM,
            "version": 1,
            "org_unit_id": _SCHOOL,
            "kind": "main",
            "code": "M1",
            "name": "录播教室 Main classroom",
            "link_mbps_declared": 200,
            "equipment": "two cameras, smart blackboard",
            "equipment_kinds": _KINDS,
            "seats": 45,
            "closed_from": None,
        }
    )
