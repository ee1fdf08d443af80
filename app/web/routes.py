"""Page routes: each renders one template; the page's modules do the rest through the API."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.errors import NotFound, no_such_address
from app.settings import Settings
from app.web.assets import Assets
from app.web.language import COOKIE, choose, texts

router = APIRouter(include_in_schema=False)

# Nothing inline, nothing from elsewhere; `data:` is for the icon only. Scripts may not write markup either
# (trusted types): the pages build what they show from elements and text.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Language, Cookie",
}


@router.get("/")
def sign_in(request: Request) -> HTMLResponse:
    """Name and password, or the way to the identity provider; afterwards the page of the person's role."""
    settings: Settings = request.app.state.settings
    return _page(request, "signin", provider=bool(settings.oidc_issuer), mail=bool(settings.mail_host))


@router.get("/today")
def today(request: Request) -> HTMLResponse:
    """The lessons of today, the one to open now first."""
    return _page(request, "today")


@router.get("/notices")
def notices(request: Request) -> HTMLResponse:
    """What one is told of changed lessons, and how."""
    return _page(request, "notices")


@router.get("/teach")
def teach(request: Request) -> HTMLResponse:
    """The teacher's page of one lesson: the given one, else the current one."""
    return _page(request, "teach")


@router.get("/site")
def site(request: Request) -> HTMLResponse:
    """The big screen of a teaching site."""
    return _page(request, "site")


@router.get("/password")
def password(request: Request) -> HTMLResponse:
    """Another password for oneself; after the first sign-in there is no way around it."""
    return _page(request, "password")


@router.get("/forgot")
def forgot(request: Request) -> HTMLResponse:
    """For whoever forgot the password."""
    return _page(request, "forgot")


@router.get("/new-password")
def new_password(request: Request) -> HTMLResponse:
    """What the link of a letter opens: another password."""
    return _page(request, "newpassword")


@router.get("/confirm-mail")
def confirm_mail(request: Request) -> HTMLResponse:
    """What the link of another letter opens: the proof of a mail address."""
    return _page(request, "confirmmail")


@router.get("/timetable")
def timetable(request: Request) -> HTMLResponse:
    """A week of a main room, a site, a teacher or a pupil group; what planners change it with."""
    return _page(request, "timetable")


@router.get("/calendar")
def calendar(request: Request) -> HTMLResponse:
    """The school calendar of a term, and the public holidays that the bureau has to confirm."""
    return _page(request, "calendar")


@router.get("/bells")
def bells(request: Request) -> HTMLResponse:
    """The periods of a unit with their times, and the schedules of its year."""
    return _page(request, "bells")


@router.get("/county")
def county(request: Request) -> HTMLResponse:
    """The county as a tree: townships, schools, teaching sites."""
    return _page(request, "county")


@router.get("/unit")
def unit(request: Request) -> HTMLResponse:
    """One unit of the tree: its rooms, its pupils, and who works there."""
    return _page(request, "unit")


@router.get("/people")
def people(request: Request) -> HTMLResponse:
    """The people an administrator looks after."""
    return _page(request, "people")


@router.get("/terminal")
def terminal(request: Request) -> HTMLResponse:
    """What a room's big screen starts with: it shows a code until it is let in, then goes on to the lessons."""
    return _page(request, "terminal")


@router.get("/room")
def room(request: Request) -> HTMLResponse:
    """The screen of a main classroom that was let in: its lessons today, and the sites while one is on."""
    return _page(request, "room")


@router.get("/terminals")
def terminals(request: Request) -> HTMLResponse:
    """The big screens an administrator looks after."""
    return _page(request, "terminals")


@router.get("/guest")
def guest(request: Request) -> HTMLResponse:
    """What a guest link opens."""
    return _page(request, "guest")


@router.get("/guests")
def guests(request: Request) -> HTMLResponse:
    """The guests of one lesson: links that let them in, made and taken back."""
    return _page(request, "guests")


@router.get("/tables")
def tables(request: Request) -> HTMLResponse:
    """Whole tables in and out, for administrators."""
    return _page(request, "tables")


@router.get("/pairings")
def pairings(request: Request) -> HTMLResponse:
    """Agreements between main classrooms and sites, and the steps one may take."""
    return _page(request, "pairings")


@router.get("/reports")
def reports(request: Request) -> HTMLResponse:
    """What is required, planned and delivered, for administrators."""
    return _page(request, "reports")


@router.get("/feeds")
def feeds(request: Request) -> HTMLResponse:
    """Secret addresses under which calendar programs read lessons: made, listed, revoked."""
    return _page(request, "feeds")


@router.get("/access")
def access(request: Request) -> HTMLResponse:
    """One's own ways in: the second factor, and access tokens for scripts."""
    return _page(request, "access")


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    """The API's reference, of our own making: FastAPI's loads its scripts from the internet."""
    return _page(request, "docs")


@router.get("/static/{version}/{name}")
def static(version: str, name: str, accept_encoding: Annotated[str, Header()] = "") -> Response:
    """A style sheet or a module. An older version's address still answers, but is not kept."""
    assets = _assets()
    asset = assets.files.get(name)
    if asset is None:
        raise NotFound("page.no_such_file", "No such file", f"There is no page file named {name}.")
    kept = "public, max-age=31536000, immutable" if version == assets.version else "no-cache"
    headers = {"Cache-Control": kept, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    if "gzip" in accept_encoding:
        headers["Content-Encoding"] = "gzip"
        return Response(asset.compressed, media_type=asset.media_type, headers=headers)
    return Response(asset.body, media_type=asset.media_type, headers=headers)


@router.get("/favicon.ico")
def favicon() -> RedirectResponse:
    """Browsers ask for this address unprompted."""
    return RedirectResponse(_assets().url("mark.svg"))


async def no_such_page(request: Request, _error: Exception) -> Response:
    """A mistyped address: a page for a person at a browser, problem details for programs."""
    if "text/html" in request.headers.get("accept", ""):
        return _page(request, "missing", status=404)
    return no_such_address()


def _page(request: Request, page: str, status: int = 200, **given: object) -> HTMLResponse:
    """The page's name is the name of its template, its module and its texts; `given` is for the template."""
    language = choose(request.cookies.get(COOKIE), request.headers.get("accept-language"))
    template = _environment().get_template(f"{page}.html")
    body = template.render(page=page, language=language, text=texts(language), assets=_assets(), **given)
    return HTMLResponse(body, status, headers=PAGE_HEADERS | {"Content-Language": language.tag})


@cache
def _assets() -> Assets:
    return Assets.load()


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
