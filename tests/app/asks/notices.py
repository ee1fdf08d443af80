"""Asks of the routes of notices."""

from tests import counties
from tests.app.asks.scene import Ask, Asks, Scene


def asks(scene: Scene) -> Asks:
    until = {"told_until": counties.tomorrow().isoformat() + "T12:00:00Z"}
    webhook = {"name": "OA", "url": "https://oa.example.org/tongtang"}
    return {
        ("GET", "/api/v1/me/notices"): Ask(at_home=True),
        ("GET", "/api/v1/me/notices/unread"): Ask(at_home=True),
        ("POST", "/api/v1/me/notices/read"): Ask(until, at_home=True),
        ("POST", "/api/v1/me/notices/{notice_id}/read"): Ask(),
        ("GET", "/api/v1/me/notices/settings"): Ask(at_home=True),
        ("PUT", "/api/v1/me/notices/settings"): Ask({"mail": False}, at_home=True),
        ("GET", "/api/v1/undelivered-letters"): Ask(at_home=True),
        ("POST", "/api/v1/undelivered-letters/send-again"): Ask(at_home=True),
        ("POST", "/api/v1/webhooks"): Ask(webhook, at_home=True),
        ("GET", "/api/v1/webhooks"): Ask(finds="webhook_id"),
        ("POST", "/api/v1/webhooks/{webhook_id}/test"): Ask(),
        ("GET", "/api/v1/webhooks/{webhook_id}/deliveries"): Ask(),
        ("POST", "/api/v1/webhook-deliveries/{delivery_id}/send-again"): Ask(),
        ("DELETE", "/api/v1/webhooks/{webhook_id}"): Ask(gone=True),
    }
