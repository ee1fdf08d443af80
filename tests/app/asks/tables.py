"""Asks of the routes of whole tables."""

from tests.app.asks.scene import Ask, Asks, Scene


def asks(_scene: Scene) -> Asks:
    return {
        ("POST", "/api/v1/imports"): Ask(query="kind=rooms", file="单位编码\n".encode(), at_home=True),
        ("GET", "/api/v1/exports/{kind}.{form}"): Ask(at_home=True),
        ("GET", "/api/v1/exports/oneroster.zip"): Ask(at_home=True),
        ("GET", "/api/v1/import-templates/{kind}.{form}"): Ask(at_home=True),
    }
