"""Tells who speaks in the node's lessons and whose sound is off, when that changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from media_relay.core.speech import ActiveSpeaker, Voice
from media_relay.messages import Event, SpeakerChanged, StreamMuted
from media_relay.stream import Stream


class Speech:
    """Looks at the publishers' voices a few times a second; the voices themselves listen to every packet."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._speakers: dict[str, ActiveSpeaker] = {}
        self._muted: set[Voice] = set()

    def look(self, streams: Iterable[Stream], now: float) -> None:
        """Compare the lessons' streams with what was told last."""
        lessons: dict[str, dict[str, Voice]] = {lesson: {} for lesson in self._speakers}
        for stream in streams:
            publisher = stream.publisher
            if publisher is not None and publisher.voice is not None:
                lessons.setdefault(stream.lesson, {})[stream.name] = publisher.voice
        self._muted.intersection_update([voice for voices in lessons.values() for voice in voices.values()])
        for lesson, voices in lessons.items():
            self._look_at(lesson, voices, now)

    def _look_at(self, lesson: str, voices: dict[str, Voice], now: float) -> None:
        speaker = self._speakers.setdefault(lesson, ActiveSpeaker())
        if speaker.update(voices, now):
            self._emit(SpeakerChanged(lesson, speaker.stream or ""))
        if not voices:
            del self._speakers[lesson]
        for stream, voice in voices.items():
            muted = voice.muted(now)
            if muted != (voice in self._muted):
                self._muted ^= {voice}
                self._emit(StreamMuted(lesson, stream, muted))
