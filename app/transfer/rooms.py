"""Rooms as a table: one row each, named by the codes of their unit and their own."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.schools import bulk
from app.schools.models import OrgUnit, Room
from app.schools.rules import EquipmentKind, RoomKind
from app.schools.schemas import NewRoom
from app.schools.service import RoomDraft, room_in
from app.transfer.columns import (
    Column,
    Value,
    Words,
    as_code,
    as_number,
    as_text,
    as_whole,
    as_word,
    as_words,
    word_of,
    words_of,
)
from app.transfer.in_units import InUnits

KINDS: Words = {
    RoomKind.MAIN.value: ("主课堂", "main"),
    RoomKind.RECEIVING.value: ("接收教室", "receiving"),
    RoomKind.RECORDING.value: ("录播教室", "recording"),
}
EQUIPMENT: Words = {
    EquipmentKind.TEACHER_CAMERA.value: ("教师摄像机", "teacher camera"),
    EquipmentKind.PUPIL_CAMERA.value: ("学生摄像机", "pupil camera"),
    EquipmentKind.DOCUMENT_CAMERA.value: ("实物展台", "document camera"),
    EquipmentKind.EXPERIMENT_CAMERA.value: ("实验摄像机", "experiment camera"),
    EquipmentKind.MICROPHONE_ARRAY.value: ("阵列麦克风", "microphone array"),
    EquipmentKind.WIRELESS_MICROPHONE.value: ("无线麦克风", "wireless microphone"),
    EquipmentKind.ECHO_CANCELLER.value: ("回声消除器", "echo canceller"),
    EquipmentKind.LOUDSPEAKER.value: ("音箱", "loudspeaker"),
    EquipmentKind.SMART_BLACKBOARD.value: ("智慧黑板", "smart blackboard"),
    EquipmentKind.PROJECTOR.value: ("投影机", "projector"),
    EquipmentKind.DISPLAY.value: ("大屏", "display"),
    EquipmentKind.COMPUTER.value: ("电脑", "computer"),
    EquipmentKind.PUPIL_TABLETS.value: ("学生平板", "pupil tablets"),
    EquipmentKind.UPS.value: ("不间断电源", "uninterruptible power supply"),
}
COLUMNS = (
    Column("org_unit", ("单位编码", "Code of the org unit"), ("学校或教学点的编码", "Of the school or site"), as_code,
           required=True, width=18),
    Column("code", ("教室编码", "Code"), ("在该单位内唯一", "Unique in the unit"), as_code, required=True),
    Column("name", ("名称", "Name"), ("教室名称", "What it is called"), as_text, required=True, width=28),
    Column("kind", ("类型", "Kind"), ("主课堂、接收教室或录播教室", "main, receiving or recording"), as_word(KINDS),
           word_of(KINDS), required=True),
    Column("link_mbps_declared", ("申报带宽(Mbit/s)", "Declared link (Mbit/s)"),
           ("线路申报的带宽,可空", "What the line is said to carry; may be empty"), as_number, width=20),
    Column("seats", ("座位数", "Seats"), ("可空", "May be empty"), as_whole),
    Column("equipment_kinds", ("设备种类", "Kinds of equipment"),
           ("用顿号分隔,可空:" + "、".join(chinese for chinese, _ in EQUIPMENT.values()),
            "With commas between, may be empty: " + ", ".join(english for _, english in EQUIPMENT.values())),
           as_words(EQUIPMENT), words_of(EQUIPMENT), width=40),
    Column("equipment", ("设备", "Equipment"), ("设备说明,可空", "In words; may be empty"), as_text, width=40),
)  # fmt: skip
EXAMPLES: Sequence[Sequence[Value]] = (
    ("3415240012", "M1", "录播教室", "main", 200, 45, ["pupil_camera", "teacher_camera"], "双机位、智慧黑板"),
    (
        "3415240112",
        "R1",
        "一二年级教室",
        "receiving",
        20,
        12,
        ["display", "microphone_array"],
        "一体机、全向麦克风",
    ),
)


def _room(unit: OrgUnit, new: NewRoom) -> Room:
    return room_in(
        unit,
        RoomDraft(
            unit.id,
            new.kind,
            new.code,
            new.name,
            new.link_mbps_declared,
            new.equipment,
            tuple(new.equipment_kinds),
            new.seats,
        ),
    )


plan = InUnits(
    schema=NewRoom,
    known_by="code",
    may_change=("name", "link_mbps_declared", "seats", "equipment_kinds", "equipment"),
    adds=Action.ROOM_ADD,
    refused_at="kind",
    there=lambda session, principal: bulk.all_rooms(session, principal.county_id),
    make=_room,
    store=bulk.add_rooms,
    patterns={"code": "cell.bad_code"},
    fixed={"kind": "room.kind_fixed"},
).plan
"""What the rows would do to the county's rooms."""


def rows(session: Session, principal: Principal) -> list[Sequence[Value]]:
    """The county's rooms as rows."""
    codes = {unit.id: unit.code for unit in bulk.all_units(session, principal.county_id)}
    return [
        (
            codes[room.org_unit_id],
            room.code,
            room.name,
            room.kind.value,
            room.link_mbps_declared,
            room.seats,
            room.equipment_kinds,
            room.equipment,
        )
        for room in bulk.all_rooms(session, principal.county_id)
    ]
