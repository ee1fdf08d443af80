"""AV1's dependency descriptors read bit by bit, as a decoder needs them: slow, and no part of the relay."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Template:
    """What frames of one kind have in common."""

    spatial: int
    temporal: int
    indications: list[int] = field(default_factory=list)
    """By decode target: 0 not in it, 1 discardable, 2 switch, 3 required."""
    references: list[int] = field(default_factory=list)
    """How many frames before this one those are that it is predicted from."""


@dataclass
class Structure:
    """What a keyframe says of those that follow."""

    first: int
    templates: list[Template]
    targets: int

    def template(self, descriptor: bytes) -> Template:
        """That of a descriptor without definitions of its own."""
        return self.templates[(descriptor[0] - self.first) % 64]


class _Bits:
    def __init__(self, data: bytes) -> None:
        self.text = "".join(f"{byte:08b}" for byte in data)

    def take(self, count: int) -> int:
        taken, self.text = self.text[:count], self.text[count:]
        return int(taken, 2)


def structure_of(descriptor: bytes) -> Structure | None:
    """The template structure in a descriptor (AV1 RTP specification, appendix A.8.2); ``None`` where it has none."""
    if len(descriptor) == 3:
        return None
    bits = _Bits(descriptor[3:])
    flags = bits.take(5)
    if not flags & 0b10000:
        return None
    first, targets = bits.take(6), bits.take(5) + 1
    templates = [Template(0, 0)]
    while (step := bits.take(2)) != 3:
        last = templates[-1]
        templates.append(
            Template(last.spatial, last.temporal + step) if step < 2 else Template(last.spatial + 1, 0)
        )
    for template in templates:
        template.indications = [bits.take(2) for _ in range(targets)]
    for template in templates:
        while bits.take(1):
            template.references.append(bits.take(4) + 1)
    return Structure(first, templates, targets)


@dataclass
class Frame:
    """What a decoder has of one frame."""

    number: int
    """Of 16 bits, extended."""
    references: list[int]
    """The numbers of the frames that it is predicted from."""
    packets: int


def frames_of(descriptors: list[bytes]) -> list[Frame]:
    """The frames that packets with these descriptors are of, in their order; the first one begins a sequence."""
    known = structure_of(descriptors[0])
    frames: list[Frame] = []
    for descriptor in descriptors:
        number = descriptor[1] << 8 | descriptor[2]
        if frames:
            near = frames[-1].number
            number = near + (number - near + 0x8000) % 0x10000 - 0x8000
        known = structure_of(descriptor) or known
        assert known is not None
        if not frames or frames[-1].number != number:
            assert not frames or number > frames[-1].number, "frame numbers go back"
            starts_anew = len(descriptor) > 3
            references = [] if starts_anew else known.template(descriptor).references
            frames.append(Frame(number, [number - back for back in references], 0))
        frames[-1].packets += 1
    return frames
