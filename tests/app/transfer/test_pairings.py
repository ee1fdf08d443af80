"""Agreements by tables: what a row may say of one, and what only people decide."""

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.audit.models import AuditEvent
from app.database import SessionFactory
from app.keys import Keys
from app.pairings import service as pairings
from app.pairings.models import Pairing
from app.pairings.service import PairingDraft
from tests import counties, factories
from tests.app.transfer.test_importing import Sender, look

HEAD = "main_org_unit,main_room,receiving_org_unit,subjects,valid_from,valid_to,capacity,minimum_link_mbps,state\n"


def test_rows_make_and_approve_agreements_and_change_none(
    client: TestClient, session: Session, session_factory: SessionFactory, keys: Keys
) -> None:
    county = counties.county(session, sites=2, first_day=counties.tomorrow())
    paired, other = county.sites
    free = counties.site(session, county.county, county.main_room, county.term, subjects=("Music",))
    free.room.link_mbps_declared = 10.0
    free.room.closed_from = county.term.last_day
    first = counties.tomorrow()
    draft = PairingDraft(county.main_room.id, free.room.id, first, first, ("Art",), is_proposal=True)
    pairings.create_pairing(session, draft)
    head = factories.person(session, county.school, Role.SCHOOL_ADMIN)
    session.commit()
    bureau = Sender(client, factories.bearer(keys, county.bureau))
    school, term = county.school.code, county.term
    main, days = f"{school},{county.main_room.code}", f"{term.first_day},{term.last_day}"
    there, later, site = paired.unit.code, "2099-01-01,2099-12-31", free.unit.code

    table = HEAD + (
        f"{main},{there},,{days},9,,\n{main},{there},English,{days},,,\n{main},{there},,{days},,,suspended\n"
        f"{main},{site},English,2026-09-08,2026-09-09,,20,\n{main},{site},English,2026-10-08,2026-10-07,,,\n"
        f"{main},{site},Englisch,{days},,,\n{main},{site},English,{later},,,\n{main},{other.unit.code},Art,{later},,,\n"
        f"{main},{other.unit.code},Art、Music,2099-12-31,2100-01-01,,,\n{main},{other.unit.code},Art,{later},,,\n"
        f"{school},nowhere,{there},Art,{later},,,\n{there},,{there},Art,{later},,,\n"
        f"{main},{other.unit.code},Art,2101-01-01,2101-01-02,0,,\n{main},{other.unit.code},,2102-01-01,2102-01-02,,,ended\n"
    )  # fmt: skip
    assert bureau.faults("pairings", table) == [
        (2, "G2", "pairing.fixed"),
        (3, "D3", "pairing.exists"),
        (4, "D4", "row.twice"),
        (5, "H5", "pairing.link_too_slow"),
        (6, "F6", "pairing.days_reversed"),
        (7, "D7", "subject.unknown"),
        (8, "F8", "room.closed"),
        (10, "D10", "pairing.exists_in_row"),
        (11, "D11", "row.twice"),
        (12, "B12", "room.not_found"),
        (13, "B13", "room.no_main_room"),
        (14, "G14", "cell.out_of_range"),
        (15, "I15", "pairing.state_not_new"),
    ]
    _, report = bureau.send("pairings", table, {"Accept-Language": "zh"})
    assert f"{term.first_day} 至 {term.last_day}" in report["errors"][1]["detail"]

    # What was proposed is approved, for both sides; what is new comes in as it says; the rest stays.
    good = HEAD + (
        f"{main},{site},Art,{first},{first},,,approved\n{main},{there},,{days},3,,\n"
        f"{main},{site},English,{first},{first},2,5,\n{main},{other.unit.code},Art,{later},,,proposed\n"
    )
    status, report = bureau.send("pairings", good, dry_run=False)
    assert (status, report["created"], report["changed"], report["unchanged"]) == (200, 2, 1, 1)
    decided = select(Pairing.state, Pairing.capacity).where(
        Pairing.id.not_in([each.pairing.id for each in (paired, other, free)])
    )
    assert sorted(look(session_factory, decided)) == [("approved", 2), ("approved", 3), ("proposed", 3)]
    acts = select(AuditEvent.act).where(AuditEvent.subject_kind == "pairing").order_by(AuditEvent.number)
    assert [act for (act,) in look(session_factory, acts)] == [
        "pairing.made", "pairing.proposed", "pairing.accepted", "pairing.approved",
    ]  # fmt: skip
    assert bureau.send("pairings", good, dry_run=False)[1]["unchanged"] == 4
    assert bureau.faults("pairings", good.replace("approved", "suspended")) == [
        (2, "I2", "pairing.state_fixed")
    ]

    # A school's admin answers for a side, and agrees on nothing; but what there is, everybody may take home.
    head_of_school = Sender(client, factories.bearer(keys, head))
    assert head_of_school.send("pairings", good)[0] == 403
    exported = head_of_school.get("/api/v1/exports/pairings.csv", **{"Accept-Language": "en"})
    assert bureau.send("pairings", exported)[1]["unchanged"] == exported.count(b"\n") - 1
