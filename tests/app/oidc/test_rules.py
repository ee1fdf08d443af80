"""What claims are worth."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.accounts.rules import LOGIN, Role
from app.errors import StartupError
from app.oidc.mapping import read_mapping
from app.oidc.rules import MOST_ROLES, RoleMapping, Rule, Wanted, login_of, name_of, proves_second_factor

MAPPING = RoleMapping(
    "C1",
    (
        Rule("groups", "bureau", Role.BUREAU_ADMIN, "C1"),
        Rule("realm_access.roles", "teacher@*", Role.TEACHER, "*"),
        Rule("https://example.org/kind", "head of * school", Role.SCHOOL_ADMIN, "*"),
    ),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("claims", "wanted"),
    [
        ({"groups": "bureau"}, [(Role.BUREAU_ADMIN, "C1")]),
        ({"groups": ["x", "bureau", "bureau"]}, [(Role.BUREAU_ADMIN, "C1")]),
        ({"groups": ["bureau "]}, []),
        ({"groups": {"bureau": True}}, []),
        (
            {"realm_access": {"roles": ["teacher@S1", "teacher@S2"]}},
            [(Role.TEACHER, "S1"), (Role.TEACHER, "S2")],
        ),
        ({"realm_access": {"roles": ["teacher@", "ateacher@S1", "teacher@" + "S" * 33]}}, []),
        ({"realm_access.roles": ["teacher@S1"], "realm_access": {"roles": []}}, [(Role.TEACHER, "S1")]),
        ({"https://example.org/kind": "head of S 1 school"}, [(Role.SCHOOL_ADMIN, "S 1")]),
        ({"https://example.org/kind": "head of school"}, []),
    ],
)
def test_a_claim_gives_a_role_where_a_rule_says_so(claims: dict[str, Any], wanted: list[Any]) -> None:
    assert list(MAPPING.wanted(claims)) == [Wanted(*each) for each in wanted]


@settings(max_examples=30)
@given(st.dictionaries(st.sampled_from(["groups", "realm_access", "realm_access.roles", "amr"]), ANYTHING))
def test_whatever_a_provider_says_gives_roles_of_the_rules_and_not_many(claims: dict[str, Any]) -> None:
    wanted = MAPPING.wanted(claims)
    assert len(wanted) <= MOST_ROLES and {each.role for each in wanted} <= set(Role)
    assert proves_second_factor(claims, ()) is False


@given(st.text(max_size=70))
def test_a_login_is_ascii_whatever_looks_alike(name: str) -> None:
    login = login_of({"preferred_username": name})
    assert login is None or (LOGIN.fullmatch(login) and login == name.strip().lower())


@pytest.mark.parametrize(
    "name", ["аdmin", "ａｄｍｉｎ", "admin\u200b", "\u212aevin", "w\u0430ng", "ad min", "", 5]
)
def test_a_look_alike_is_no_login(name: object) -> None:
    assert login_of({"preferred_username": name}) is None


def test_a_name_is_tidied_or_left_out() -> None:
    assert name_of({"name": "  王芳\n Wang "}, "wang") == "王芳 Wang"
    assert name_of({"name": "\u202egnaw"}, "wang") == "wang"
    assert name_of({}, "wang") == "wang"


def test_a_second_factor_is_believed_in_the_words_that_were_agreed_on() -> None:
    assert proves_second_factor({"amr": ["pwd", "mfa"]}, ("mfa",))
    assert proves_second_factor({"acr": "gold"}, ("gold",))
    assert not proves_second_factor({"amr": ["pwd"], "acr": "mfaish"}, ("mfa",))


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"value": "a*b*", "org_unit": "*"}, "rules.0: one . stands"),
        ({"value": "teacher*", "org_unit": "S1"}, "rules.0: a \\* in value"),
        ({"value": "teacher", "org_unit": "*"}, "rules.0: a \\* in value"),
        ({"value": "", "org_unit": "S1"}, "rules.0.value"),
        ({"value": "x", "org_unit": "S1", "role": "king"}, "rules.0.role"),
        ({"value": "x", "org_unit": "S1", "unit": "S1"}, "rules.0.unit"),
    ],
)
def test_a_file_that_says_nothing_sensible_is_refused_in_one_line(
    tmp_path: Path, rule: dict[str, str], says: str
) -> None:
    file = tmp_path / "mapping.json"
    file.write_text(json.dumps({"county": "C1", "rules": [{"claim": "groups", "role": "teacher", **rule}]}))
    with pytest.raises(StartupError, match=says) as refused:
        read_mapping(file)
    assert "\n" not in str(refused.value)
    with pytest.raises(StartupError, match="cannot be read"):
        read_mapping(tmp_path / "none")
