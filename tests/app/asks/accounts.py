"""Asks of the routes of accounts."""

from tests import counties, factories
from tests.app.asks.scene import Ask, Asks, Scene


def asks(scene: Scene) -> Asks:
    person = {
        "login": "newcomer",
        "name": "Newcomer",
        "password": "correct horse",
        "assignments": [{"role": "teacher", "org_unit_id": str(scene.county.school.id)}],
    }
    change = {"old_password": factories.PASSWORD, "new_password": factories.PASSWORD}
    script = {
        "name": "Sync",
        "scopes": ["read"],
        "expires_at": counties.tomorrow().isoformat() + "T12:00:00Z",
    }
    return {
        ("GET", "/api/v1/me/second-factor"): Ask(at_home=True),
        ("POST", "/api/v1/me/second-factor"): Ask({"password": factories.PASSWORD}, at_home=True),
        ("POST", "/api/v1/me/second-factor/confirm"): Ask({"code": "no code"}, at_home=True),
        ("POST", "/api/v1/me/second-factor/remove"): Ask({"code": "no code"}, at_home=True),
        ("POST", "/api/v1/people/{person_id}/reset-second-factor"): Ask(gone=True),
        ("GET", "/api/v1/me/mail-address"): Ask(at_home=True),
        ("PUT", "/api/v1/me/mail-address"): Ask(
            {"address": None, "password": factories.PASSWORD}, at_home=True
        ),
        ("GET", "/api/v1/me/identity"): Ask(at_home=True),
        ("POST", "/api/v1/me/identity"): Ask({"password": factories.PASSWORD}, at_home=True, gone=True),
        ("POST", "/api/v1/me/identity/remove"): Ask(
            {"password": factories.PASSWORD}, at_home=True, gone=True
        ),
        ("GET", "/api/v1/me/sign-ins"): Ask(at_home=True),
        ("DELETE", "/api/v1/me/sign-ins/{sign_in_id}"): Ask(gone=True),
        ("POST", "/api/v1/me/sign-ins/end-others"): Ask(at_home=True),
        ("POST", "/api/v1/me/access-tokens"): Ask(script, at_home=True),
        ("GET", "/api/v1/me/access-tokens"): Ask(at_home=True),
        ("DELETE", "/api/v1/me/access-tokens/{access_token_id}"): Ask(),
        ("GET", "/api/v1/me"): Ask(at_home=True),
        ("POST", "/api/v1/me/password"): Ask(change, at_home=True),
        ("POST", "/api/v1/people"): Ask(person),
        ("GET", "/api/v1/people"): Ask(finds="person_id"),
        ("GET", "/api/v1/people/{person_id}"): Ask(),
        ("PATCH", "/api/v1/people/{person_id}"): Ask({"email": "wang@example.org"}),
        ("POST", "/api/v1/people/{person_id}/reset-password"): Ask(),
        ("POST", "/api/v1/people/{person_id}/close"): Ask(),
        ("POST", "/api/v1/people/{person_id}/open"): Ask(),
        ("POST", "/api/v1/people/{person_id}/assignments"): Ask(
            {"role": "site_assistant", "org_unit_id": str(scene.county.school.id)}
        ),
        ("GET", "/api/v1/people/{person_id}/export"): Ask(),
        ("POST", "/api/v1/people/{person_id}/erase"): Ask({"login": "somebody-else"}),
        ("POST", "/api/v1/assignments/{assignment_id}/end"): Ask({"last_day": "2199-01-01"}),
        ("POST", "/api/v1/terminals"): Ask(
            {"code": "NOBODY", "room_id": str(scene.ids["recording_room_id"])}
        ),
        ("GET", "/api/v1/terminals"): Ask(finds="terminal_id"),
        ("POST", "/api/v1/terminals/{terminal_id}/remove"): Ask(),
        ("GET", "/api/v1/audit-events"): Ask(at_home=True),
        ("GET", "/api/v1/audit-events/export"): Ask(at_home=True),
    }
