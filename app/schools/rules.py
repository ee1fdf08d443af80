"""The shape of the county tree: pure rules."""

import math
import uuid
from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum


class OrgUnitKind(StrEnum):
    """Levels of the county tree, from the top."""

    COUNTY = "county"
    TOWNSHIP = "township"
    SCHOOL = "school"
    TEACHING_SITE = "teaching_site"


class RoomKind(StrEnum):
    """What a room is used for in a lesson."""

    MAIN = "main"
    RECEIVING = "receiving"
    RECORDING = "recording"


class EquipmentKind(StrEnum):
    """What a room may have, in words that can be searched and counted; anything else is a note."""

    TEACHER_CAMERA = "teacher_camera"
    PUPIL_CAMERA = "pupil_camera"
    DOCUMENT_CAMERA = "document_camera"
    EXPERIMENT_CAMERA = "experiment_camera"
    MICROPHONE_ARRAY = "microphone_array"
    WIRELESS_MICROPHONE = "wireless_microphone"
    ECHO_CANCELLER = "echo_canceller"
    LOUDSPEAKER = "loudspeaker"
    SMART_BLACKBOARD = "smart_blackboard"
    PROJECTOR = "projector"
    DISPLAY = "display"
    COMPUTER = "computer"
    PUPIL_TABLETS = "pupil_tablets"
    UPS = "ups"


# What may stand directly above a unit. Small counties have no townships, and some sites answer to the bureau.
PARENTS: dict[OrgUnitKind, frozenset[OrgUnitKind]] = {
    OrgUnitKind.COUNTY: frozenset(),
    OrgUnitKind.TOWNSHIP: frozenset({OrgUnitKind.COUNTY}),
    OrgUnitKind.SCHOOL: frozenset({OrgUnitKind.COUNTY, OrgUnitKind.TOWNSHIP}),
    OrgUnitKind.TEACHING_SITE: frozenset({OrgUnitKind.COUNTY, OrgUnitKind.TOWNSHIP, OrgUnitKind.SCHOOL}),
}

# Pupils sit in receiving rooms; the bureau itself has none. It may well have a studio to send from.
ROOM_PLACES: dict[RoomKind, frozenset[OrgUnitKind]] = {
    RoomKind.MAIN: frozenset(OrgUnitKind),
    RoomKind.RECEIVING: frozenset({OrgUnitKind.SCHOOL, OrgUnitKind.TEACHING_SITE}),
    RoomKind.RECORDING: frozenset(OrgUnitKind),
}


def path_of(ids: Iterable[uuid.UUID]) -> str:
    """The stored path of a unit: the ids from the county down to the unit itself."""
    return "".join(f"/{unit_id}" for unit_id in ids)


def is_there(closed_from: date | None, day: date) -> bool:
    """Whether a unit or a room that closes some day, or never, is still there on a day."""
    return closed_from is None or day < closed_from


def path_ids(path: str) -> tuple[uuid.UUID, ...]:
    """The ids of a stored path, from the county down."""
    return tuple(uuid.UUID(part) for part in path.split("/") if part)


def nearest_time_zone(zones_upwards: Sequence[str | None]) -> str:
    """The time zone of a unit, given its own and those above it up to the county, which always has one."""
    return next(zone for zone in zones_upwards if zone is not None)


EARTH_RADIUS_KM = 6371.0
Coordinates = tuple[float, float]
"""Latitude and longitude in degrees (WGS 84)."""


def distance_km(one: Coordinates, other: Coordinates) -> float:
    """How far two places are from each other as the crow flies (haversine)."""
    (lat1, lon1), (lat2, lon2) = ((math.radians(each[0]), math.radians(each[1])) for each in (one, other))
    chord = math.sin((lat2 - lat1) / 2) ** 2
    chord += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))
