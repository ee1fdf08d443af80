"""`python -m app problems`: every problem the API answers with, as docs/problems.md shows them.

The list is read off the source: wherever an error is made, its code, its title and its detail stand side by side, so
that none can be forgotten. What a detail says of one occurrence is shown as `…`. What cannot be read off, because it is
put together elsewhere, is told here; `collect` raises `LookupError` for what is neither.
"""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import app
from app import errors
from app.errors import AppError
from app.transfer.words import TEXTS

SOURCE: Final = Path(app.__file__).parent
_KINDS: Final[Mapping[str, type[AppError]]] = {
    name: kind for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, AppError)
}
_BLANK: Final = "…"

# Files that make errors whose code is known at run time only; these codes are told below.
_PUT_TOGETHER: Final = frozenset(
    {
        "errors.py",
        "guard/connections.py",
        "lessons/on_the_day.py",
        "live/refusals.py",
        "pairings/service.py",
        "reports/service.py",
        "timetables/special_days.py",
        "transfer/service.py",
    }
)
_ROOM_KIND: Final = "… is a … room; name one of the kind that is needed here."
_NO_DAY: Final = "Not a possible day"
_TOLD: Final[Mapping[str, tuple[int, str, str]]] = {
    "calendar.follows_a_free_day": (
        422,
        _NO_DAY,
        "On that weekday there are no lessons; follow another one.",
    ),
    "calendar.follows_itself": (422, _NO_DAY, "It is that weekday already; make it a `school_day`."),
    "calendar.follows_nothing": (422, _NO_DAY, "A make-up day needs the weekday whose timetable it follows."),
    "calendar.follows_without_need": (
        422,
        _NO_DAY,
        "Only a make-up day follows another weekday; leave it out.",
    ),
    "calendar.outside_terms": (422, _NO_DAY, "It lies in no term, so there is no timetable to follow."),
    "consent.not_in_force": (
        422,
        "Consent not in force",
        "Record a consent that covers today, and its proof.",
    ),
    "database.busy": (503, "Unavailable", "No connection to the database became free in time; try again."),
    "database.unavailable": (
        503,
        "Unavailable",
        "The database is busy or away, nothing was changed; try again.",
    ),
    "host.unknown": (421, "Unknown host", "Ask this server by a name of its own (`TONGTANG_ALLOWED_HOSTS`)."),
    "import.refused": (
        422,
        "Nothing imported",
        "`report` lists every bad row with column and reason; correct these.",
    ),
    "internal": (
        500,
        "Internal server error",
        "Something went wrong on the server. It was logged; try again.",
    ),
    "lesson.no_such_room": (
        404,
        "No such room",
        "The lesson has no receiving room …; take one that it names.",
    ),
    "lesson.no_such_site": (404, "No such site", "The lesson has no site …; take one that it names."),
    "lesson.not_on_air": (
        409,
        "Not on air",
        "The doors open 15 minutes before the lesson and close after it.",
    ),
    "lesson.over": (410, "Lesson over", "The lesson is over, and with it its sound and picture."),
    "node.draining": (503, "Media relay about to restart", "Send the offer again; another node takes it."),
    "node.full": (503, "Media relay full", "Try again when somebody has left."),
    "offer.malformed": (400, "Offer not understood", "Send an SDP offer as UTF-8 text."),
    "offer.no_common_codec": (406, "No common codec", "Offer one of the codecs named in docs/api.md."),
    "offer.no_media": (400, "No audio or video offered", "Offer audio, video or both."),
    "offer.unsupported": (400, "Offer not supported", "Offer BUNDLE, rtcp-mux and ICE, as browsers do."),
    "pairing.not_a_main_room": (422, "Wrong kind of room", _ROOM_KIND),
    "pairing.not_a_receiving_room": (422, "Wrong kind of room", _ROOM_KIND),
    "request.head_too_large": (431, "Header fields too large", "Send fewer or shorter header fields."),
    "request.invalid": (422, "Invalid content", "`errors` names each field that was refused, and why."),
    "request.too_large": (413, "Too large", "Send less at once; docs/operations.md has the bounds."),
    "request.too_slow": (408, "Request too slow", "Send the head, and then the body, in one go."),
    "request.url_too_long": (414, "Address too long", "Put less into the query."),
    "right.ended": (
        410,
        "Not in the lesson any more",
        "Your part in this lesson has ended; its planner knows why.",
    ),
    "route.method_not_allowed": (
        405,
        "Method Not Allowed",
        "The field `Allow` names the methods of this address.",
    ),
    "session.replaced": (410, "Taken over", "This stream is published from elsewhere since."),
    "timetable.bells_apart": (
        409,
        "Bells apart",
        "`bells_apart` names sites whose own bells have no period then; `alternatives` what is free instead.",
    ),
    "timetable.clash": (
        409,
        "Already taken",
        "`clashes` names who or what is taken, by which lesson and when; `alternatives` what is free instead.",
    ),
    "timetable.no_lessons": (
        422,
        "No lessons",
        "In these weeks the calendar has no such day, or all that there was is over; choose others.",
    ),
    "upload.too_large": (413, "File too large", "Divide the file; tables have up to 16 MiB and 20,000 rows."),
}
_INTRODUCTION: Final = """# Problems

Written by `python -m app problems` and checked by a test. Every error is answered with problem details (RFC 9457):
`status`, a stable `code`, a `title` of its kind and a `detail` of this occurrence that says what to do. Programs go by
the code; further members depend on it. `…` stands for what a detail names. Which routes give which: `/openapi.json`.

What to do about any of a kind:

| status | |
|---|---|
| 400, 413, 414, 415, 422 | The request has to change before it is sent again. `errors`, where given, name the fields. |
| 401 | Sign in again, or have another token made. |
| 403 | Ask somebody who has the role that is named; docs/permissions.md says who may do what. |
| 404 | There is no such thing, or it is none of yours: look at the list again. |
| 409, 410 | It contradicts what is there now: look again, then decide. Nothing was changed. |
| 412, 428 | Read the thing anew and send its version (`If-Match`). |
| 408, 429, 503 | Try again later, after `Retry-After` where it is given. Nothing was changed. |
| 500 | A fault of ours: it is in the server's log. |
"""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One code, as it is documented."""

    code: str
    status: int
    title: str
    detail: str


def collect(source: Path = SOURCE) -> list[Problem]:
    """Every problem by code, the first place that makes it speaking for it."""
    found: dict[str, Problem] = {code: Problem(code, *told) for code, told in _TOLD.items()}
    for path in sorted(source.rglob("*.py")):
        for problem in _made_in(path, path.relative_to(source).as_posix()):
            if problem.code not in found or not found[problem.code].detail:
                found[problem.code] = problem
    untold = [each.code for each in found.values() if not each.detail]
    if untold:
        raise LookupError(f"the words of {untold} are made elsewhere; tell them in app/problems.py")
    return sorted(found.values())


def describe() -> str:
    """docs/problems.md."""
    lines = [_INTRODUCTION]
    domain = ""
    for each in collect():
        if each.code.partition(".")[0] != domain:
            domain = each.code.partition(".")[0]
            lines.append(f"\n## {domain}\n\n| code | status | title | what it says |\n|---|---|---|---|\n")
        lines.append(f"| `{each.code}` | {each.status} | {each.title} | {each.detail.replace('|', '/')} |\n")
    return "".join(lines)


def _made_in(path: Path, name: str) -> Iterator[Problem]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called == "BadFile":
            yield from _of_file(node)
        elif called in _KINDS and called != "AppError" and len(node.args) >= 3:
            yield from _of_error(called, node, name)


def _of_error(kind: str, call: ast.Call, name: str) -> Iterator[Problem]:
    code, title, detail = (_spoken(each) for each in call.args[:3])
    title = title or _summary(call.args[1])
    if code is None or _BLANK in code:
        if name not in _PUT_TOGETHER:
            raise LookupError(f"{name}:{call.lineno} puts a code together; tell it in app/problems.py")
        return
    yield Problem(code, _KINDS[kind].status, title or "", detail or "")


def _summary(node: ast.expr) -> str | None:
    """What `Conflict.summary` says."""
    if isinstance(node, ast.Attribute) and node.attr == "summary" and isinstance(node.value, ast.Name):
        return _KINDS[node.value.id].summary
    return None


def _of_file(call: ast.Call) -> Iterator[Problem]:
    code = _spoken(call.args[0])
    if code is None:
        raise LookupError(f"line {call.lineno} puts the code of a bad file together")
    yield Problem(code, errors.Invalid.status, "File not readable", TEXTS[code][1].format_map(_Blanks()))


class _Blanks(dict[str, object]):
    """A blank for every fact."""

    def __missing__(self, name: str) -> str:
        return _BLANK


def _spoken(node: ast.expr) -> str | None:
    """The words of a literal, with blanks for what is filled in; None for what is no literal."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [each.value if isinstance(each, ast.Constant) else _BLANK for each in node.values]
        return re.sub(f"{_BLANK}(?: {_BLANK})+", _BLANK, "".join(map(str, parts)))
    return None
