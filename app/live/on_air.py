"""What is on air in each lesson, as the relay nodes report it: its streams, who speaks, whose sound is off.

Changes are told in the lesson's channel, and to whoever keeps the lessons' records.
"""

import uuid
from typing import Protocol

from app.live.hub import ChannelHub
from app.live.sessions import StreamKey
from app.live.speech import Speech, SpeechRecord


class StreamLog(Protocol):
    """Where it is written down which streams began and ceased."""

    def stream_changed(self, key: StreamKey, *, live: bool) -> None:
        """Media of a stream began or ceased to arrive."""


class OnAir:
    """One event loop changes it; any thread may ask for :meth:`streams`."""

    def __init__(self, channels: ChannelHub, log: StreamLog) -> None:
        self._channels = channels
        self._log = log
        self._live: dict[uuid.UUID, frozenset[str]] = {}
        self._speech = SpeechRecord()

    def streams(self, lesson_id: uuid.UUID) -> frozenset[str]:
        """The lesson's streams whose media arrive."""
        return self._live.get(lesson_id, frozenset())

    def speech(self, lesson_id: uuid.UUID) -> Speech:
        """Who speaks in the lesson and whose sound is off."""
        return self._speech.of(lesson_id)

    def stream_changed(self, key: StreamKey, *, live: bool) -> None:
        """Media of a stream began or ceased to arrive."""
        before = self._live.get(key.lesson_id, frozenset())
        after = before | {key.stream} if live else before - {key.stream}
        if after == before:
            return
        if after:
            self._live[key.lesson_id] = after
        else:
            del self._live[key.lesson_id]
        self._log.stream_changed(key, live=live)
        self._channels.tell_of_stream(
            key.lesson_id,
            key.stream,
            {"type": "stream_started" if live else "stream_stopped", "stream": key.stream},
        )
        if not live:
            self._speech.set_muted(key, False)  # goes without saying: every publisher begins unmuted
            if self._speech.of(key.lesson_id).speaker == key.stream:
                self.speaker_changed(key.lesson_id, None)

    def speaker_changed(self, lesson_id: uuid.UUID, stream: str | None) -> None:
        """Somebody else speaks, or nobody."""
        known = stream is None or stream in self.streams(lesson_id)
        if known and self._speech.set_speaker(lesson_id, stream):
            self._channels.tell_speaker(lesson_id, stream)

    def mute_changed(self, key: StreamKey, muted: bool) -> None:
        """The sound of a stream was turned off, or on again."""
        if key.stream in self.streams(key.lesson_id) and self._speech.set_muted(key, muted):
            message = {"type": "muted", "stream": key.stream, "muted": muted}
            self._channels.tell_of_stream(key.lesson_id, key.stream, message)

    def restart(self, lesson_id: uuid.UUID) -> None:
        """The node of a lesson has lost its media: pages are told to publish and watch again."""
        for stream in self._live.pop(lesson_id, frozenset()):
            self._log.stream_changed(StreamKey(lesson_id, stream), live=False)
        self._channels.broadcast(lesson_id, {"type": "media_restarted"})
        self.speaker_changed(lesson_id, None)
        self._speech.forget(lesson_id)
