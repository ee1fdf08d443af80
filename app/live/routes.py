"""All routes of lessons on air."""

from fastapi import APIRouter

from app.live import channel, ending, join, node_routes, quality_routes, whep, whip

router = APIRouter()
for part in (whip, whep, join, ending, quality_routes, node_routes, channel):
    router.include_router(part.router)
