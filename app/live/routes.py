"""All routes of lessons on air."""

from fastapi import APIRouter

from app.live import channel, join, whep, whip

router = APIRouter()
for part in (whip, whep, join, channel):
    router.include_router(part.router)
