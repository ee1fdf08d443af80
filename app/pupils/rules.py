"""What a guardian's consent must say, and when it is in force: pure rules."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

LONGEST: Final = timedelta(days=3 * 366)
"""No consent counts for longer: a child of grade 1 is another one in grade 4, and the guardian is asked again."""


class Purpose(StrEnum):
    """What a pupil's name may be used for. Each is consented to by itself."""

    CLASS_LIST = "class_list"  # called by name in lessons
    RECORDING = "recording"  # seen or heard by name in a recorded lesson
    GROWTH_RECORD = "growth_record"  # entries about this pupil


class ConsentForm(StrEnum):
    """How the guardian said so."""

    PAPER = "paper"
    ONLINE = "online"
    IN_PERSON = "in_person"


class EndReason(StrEnum):
    """Why a consent is no longer in force; but for the last one, the pupil's data go with it."""

    WITHDRAWN = "withdrawn"  # the guardian took the consent back
    REQUESTED = "requested"  # somebody asked for it to be erased
    LEFT = "left"  # the pupil left the school
    EXPIRED = "expired"  # the consent ran out
    RENEWED = "renewed"  # another one took its place


@dataclass(frozen=True, slots=True)
class Term:
    """From when to when a consent counts, both days included."""

    given_on: date
    expires_on: date

    def fault(self, today: date) -> str | None:
        """What is wrong with it, in words for whoever records it; None when nothing is."""
        if self.given_on > today:
            return "A consent is recorded once it was given, not before."
        if self.expires_on < today:
            return "This consent has run out already; ask the guardian again."
        if self.expires_on - self.given_on > LONGEST:
            return "A consent counts for three years at most; let it expire earlier."
        return None
