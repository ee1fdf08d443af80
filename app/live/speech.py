"""Who speaks in the lessons on air and whose sound is off, as the relay nodes told it last."""

import uuid
from dataclasses import dataclass, replace
from typing import Final

from app.live.sessions import StreamKey


@dataclass(frozen=True, slots=True)
class Speech:
    """What is known of a lesson's sound."""

    speaker: str | None = None
    """The stream whose turn it is."""
    muted: frozenset[str] = frozenset()
    """The streams on air from which no sound comes."""


_QUIET: Final = Speech()


class SpeechRecord:
    """The sound of all lessons; a lesson nothing is known of takes no room. One event loop owns it."""

    def __init__(self) -> None:
        self._lessons: dict[uuid.UUID, Speech] = {}

    def __len__(self) -> int:
        return len(self._lessons)

    def of(self, lesson_id: uuid.UUID) -> Speech:
        """What is known of a lesson."""
        return self._lessons.get(lesson_id, _QUIET)

    def set_speaker(self, lesson_id: uuid.UUID, stream: str | None) -> bool:
        """Note who speaks now; whether that is news."""
        return self._note(lesson_id, replace(self.of(lesson_id), speaker=stream))

    def set_muted(self, key: StreamKey, muted: bool) -> bool:
        """Note whether a stream's sound is off; whether that is news."""
        before = self.of(key.lesson_id)
        after = before.muted | {key.stream} if muted else before.muted - {key.stream}
        return self._note(key.lesson_id, replace(before, muted=after))

    def forget(self, lesson_id: uuid.UUID) -> None:
        """Nothing is known of the lesson any more."""
        self._lessons.pop(lesson_id, None)

    def _note(self, lesson_id: uuid.UUID, speech: Speech) -> bool:
        before = self._lessons.pop(lesson_id, _QUIET)
        if speech != _QUIET:
            self._lessons[lesson_id] = speech
        return speech != before
