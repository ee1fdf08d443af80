"""Tables over REST: tried, refused, imported, imported again, exported."""

from typing import Any

from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.keys import Keys
from tests import factories

UNITS = """编码,名称,类型,上级编码,时区
T1-1,响洪甸教学点,教学点,S1,
S1,梅山镇中心小学,学校,T1,
Ｔ1,梅山镇,乡镇,,
"""
ROOMS = """单位编码,教室编码,名称,类型,申报带宽(Mbit/s),设备
S1,M1,主教室,主课堂,200,双机位
T1-1,R1,教室,接收教室,,'=1+1
"""
PEOPLE = """登录名,姓名,角色,单位编码,开始日期,结束日期
Wang,王老师,教师,S1,2026年9月1日,
zhao,赵老师,教学点助教,T1-1,46266,2027/7/31
zhao,赵老师,教师,T1-1,,
"""
GROUPS = """单位编码,班级或复式班,年级,人数
T1-1,一二年级复式班,1-2,９
S1,三(1)班,3,42
"""
TABLES = {"org-units": UNITS, "rooms": ROOMS, "people": PEOPLE, "pupil-groups": GROUPS}


def test_a_county_by_tables(client: TestClient, session: Session, keys: Keys) -> None:
    county = factories.county(session)
    bureau = factories.person(session, county, Role.BUREAU_ADMIN)
    session.commit()
    headers = {**factories.bearer(keys, bureau), "Content-Type": "text/csv"}

    def send(
        kind: str, content: str | bytes, dry_run: bool = True, **more: str
    ) -> tuple[int, dict[str, Any]]:
        body = content.encode("gb18030") if isinstance(content, str) else content
        address = f"/api/v1/imports?kind={kind}&dry_run={dry_run}"
        answer = client.post(address, content=body, headers=headers | more)
        return answer.status_code, answer.json()

    for kind, table in TABLES.items():
        rows = table.count("\n") - 1
        for dry_run in (True, True, False):
            status, report = send(kind, table, dry_run)
            assert (status, report["errors"]) == (200, [])
            assert (report["created"], report["unchanged"]) == (rows, 0)
        status, report = send(kind, table, dry_run=False)
        assert (report["created"], report["changed"], report["unchanged"]) == (0, 0, rows), report
        for form in ("csv", "xlsx"):
            for language in ("zh", "en"):
                asked = headers | {"Accept-Language": language}
                exported = client.get(f"/api/v1/exports/{kind}.{form}", headers=asked)
                assert exported.status_code == 200
                status, report = send(kind, exported.content, dry_run=False)
                assert (status, report["unchanged"]) == (200, report["rows"]), report
                template = client.get(f"/api/v1/import-templates/{kind}.{form}", headers=asked)
                assert send(kind, template.content)[1]["rows"] == 0
