"""Pupils by grade, set beside the groups they are taught in: pure rules."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class GroupCount:
    """A pupil group as far as counting goes: the grades it takes pupils from, and how many."""

    id: UUID
    grades: frozenset[int]
    headcount: int


@dataclass(frozen=True, slots=True)
class Band:
    """Grades whose pupils can be counted together only, since some group takes from several of them."""

    grades: tuple[int, ...]
    pupils: int
    """By the headcounts."""
    groups: tuple[GroupCount, ...]

    @property
    def in_groups(self) -> int:
        """By the groups; differs from `pupils` when one of both is out of date, or a class is not named yet."""
        return sum(group.headcount for group in self.groups)


def bands_of(pupils: Mapping[int, int], groups: Collection[GroupCount]) -> list[Band]:
    """All grades with a headcount or a group, in bands: two grades that a group combines are in the same one."""
    bands: list[set[int]] = [{grade} for grade in pupils]
    for group in groups:
        touching = [band for band in bands if band & group.grades]
        bands = [band for band in bands if not band & group.grades]
        bands.append(set(group.grades).union(*touching))
    return [
        Band(
            tuple(sorted(band)),
            sum(pupils.get(grade, 0) for grade in band),
            tuple(group for group in groups if group.grades <= band),
        )
        for band in sorted(bands, key=min)
    ]
