"""Bodies of the requests and answers about org units and rooms."""

import uuid
from typing import Literal

from pydantic import Field

from app.schemas import Code, Input, Name, TimeZoneName, VersionedOutput, example
from app.schools.rules import OrgUnitKind, RoomKind

_COUNTY = "0b1de0c2-51a5-4d1c-8a55-6f0d1c2b3a44"
_SCHOOL = "7c1f4c0e-6a2b-4d0e-9b53-0d7a3f0c5a11"
_ROOM = "5e0c8a52-7f7e-4b0f-8f9b-4a2f6f3f9d33"


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
    equipment: str | None = Field(None, max_length=4000)

    model_config = example(
        {
            "org_unit_id": _SCHOOL,
            "kind": "main",
            "code": "M1",
            "name": "录播教室 Main classroom",
            "link_mbps_declared": 200,
            "equipment": "two cameras, smart blackboard",
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
        }
    )
