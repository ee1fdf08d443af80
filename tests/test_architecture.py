"""The rules of the house, read from the source: who may import whom, and who may touch what.

Nothing is imported to find out: the modules are parsed.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Domains from the ground up: each may use those before it.
DOMAINS = (
    "audit",
    "idempotency",
    "accounts",
    "oidc",
    "schools",
    "pupils",
    "pairings",
    "timetables",
    "lessons",
    "feeds",
    "notices",
    "reports",
    "live",
)
# What stands on top of all domains. They do not know each other, except that the demo plays what is seeded.
TOPS = ("web", "transfer", "seeds", "demo", "readers")
MAY_ALSO_USE = {"demo": {"seeds"}, "transfer": {"web"}}  # of the web only which language somebody reads
LAYERS = ("routes", "service", "queries", "models")
# What a domain shows to others: its verbs (some in a module named by the use case instead of `service`), and
# its pure parts. Of models only the classes, as types.
VERBS = {"service", "planning", "scheduling", "visits", "grants", "special_days", "calendar_changes"}
VERBS |= {"appointing", "bulk"}
VERBS |= {
    "ground",
    "reading",
    "places",
    "changes",
    "on_the_day",
    "publishing",
    "deciding",
    "agreements",
    "suggesting",
    "groups",
}
VERBS |= {"diary", "news", "spreading", "subjects", "headcounts"}
VERBS |= {"delivering", "webhooks", "mailing", "tallies"}
VERBS |= {"curriculum", "coverage"}
VERBS |= {"claimed", "sign_in", "page_sign_in", "factors", "own_sign_ins"}
VERBS |= {"many", "series", "replanning", "week_view", "finding", "bells", "bells_at_once", "series_at_once"}
VERBS |= {"terms"}
PUBLIC = VERBS | {
    "schemas",
    "rules",
    "scopes",
    "permissions",
    "reach",
    "gates",
    "clashes",
    "weeks",
    "calendar",
    "scoring",
    "calendar_schemas",
    "curriculum_rules",
    "curriculum_schemas",
    "group_schemas",
    "headcount_schemas",
    "tokens",
    "models",
    "export",
    "passwords",
    "browsers",
    "cookies",
    "door_limits",
    "digests",
    "factor_schemas",
    "guests",
    "attempts",
}
# Modules that belong to all domains; they know none of them.
GROUND = {
    "bounds", "chores", "database", "errors", "keyring", "keys", "logs", "mail", "metrics", "migrate", "openapi",
    "oidc_options", "schemas", "serving", "settings", "uploads", "threads", "versions", "entity_tags", "listing",
}  # fmt: skip
# A package of the ground: what stands before the application.
GUARD = "guard"
# What operators do to a whole server; it knows every domain's tables, and nobody knows it.
OPERATION = "backups"
# The control plane's settings; and the command line of a relay node by itself, which cannot import those.
ENVIRONMENT_READERS = {"app.settings", "media_relay.__main__"}
RELAY_DOORS = {"media_relay.api", "media_relay.messages"}


@dataclass(frozen=True)
class Import:
    """One module naming another one."""

    importer: str
    line: int
    imported: str

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


@cache
def modules() -> dict[str, Path]:
    """Dotted names of our modules, outside of the tests."""
    found = {}
    for package in ("app", "media_relay"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree_of(name: str) -> ast.Module:
    return ast.parse(modules()[name].read_text(encoding="utf-8"))


def imports_of(name: str) -> Iterator[Import]:
    """Every import of a module, wherever it stands; `from x import y` names x.y where that is a module."""
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(name, node)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield Import(name, node.lineno, inner if inner in modules() else base)


def _absolute(name: str, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    is_package = modules()[name].name == "__init__.py"
    parent = name.split(".")[: len(name.split(".")) - node.level + is_package]
    return ".".join([*parent, *([node.module] if node.module else [])])


def all_imports() -> Iterator[Import]:
    for name in modules():
        yield from imports_of(name)


def domain_of(module: str) -> str | None:
    parts = module.split(".")
    inside = len(parts) > 1 and parts[0] == "app" and parts[1] in (*DOMAINS, *TOPS)
    return parts[1] if inside else None


def part_of(module: str) -> str:
    """The module's name inside its domain; "" for the package itself."""
    return ".".join(module.split(".")[2:])


def allowed_domains(domain: str) -> set[str]:
    if domain in TOPS:
        return {domain, *DOMAINS, *MAY_ALSO_USE.get(domain, set())}
    return set(DOMAINS[: DOMAINS.index(domain) + 1])


def refuse(found: Iterable[object]) -> None:
    """Fail with one line for each breach."""
    lines = sorted({str(each) for each in found})
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


def test_there_is_something_to_look_at() -> None:
    names = modules()
    assert {"app.accounts.service", "app.main", "media_relay.api"} <= set(names)
    assert any(each.imported == "app.accounts.gates" for each in imports_of("app.schools.routes"))


def test_every_package_of_the_app_has_its_place() -> None:
    packages = {path.parent.name for path in (ROOT / "app").glob("*/__init__.py")}
    assert packages <= {*DOMAINS, *TOPS, GUARD, OPERATION}


def test_domains_build_on_lower_domains_only() -> None:
    def upward() -> Iterator[Import]:
        for each in all_imports():
            user, used = domain_of(each.importer), domain_of(each.imported)
            if user and used and used not in allowed_domains(user):
                yield each

    refuse(upward())


def test_domains_meet_at_their_public_parts_only() -> None:
    def backdoors() -> Iterator[Import]:
        for each in all_imports():
            user, used = domain_of(each.importer), domain_of(each.imported)
            if user and used in DOMAINS and user != used and part_of(each.imported) not in PUBLIC:
                yield each

    refuse(backdoors())


def test_other_domains_models_are_only_named_as_types() -> None:
    """Rows of another domain come from its service; only their classes may be named, for annotations."""

    def queried() -> Iterator[str]:
        for name in modules():
            foreign = {
                each.imported
                for each in imports_of(name)
                if domain_of(name) in DOMAINS
                and domain_of(each.imported) not in (None, domain_of(name))
                and part_of(each.imported) == "models"
            }
            if foreign and part_of(name) in ("queries", "models"):
                yield f"{name} uses {', '.join(sorted(foreign))}"

    refuse(queried())


def test_layers_run_one_way() -> None:
    def upward() -> Iterator[Import]:
        for each in all_imports():
            same = domain_of(each.importer) is not None and domain_of(each.importer) == domain_of(
                each.imported
            )
            user, used = part_of(each.importer), part_of(each.imported)
            if same and user in LAYERS and used in LAYERS and LAYERS.index(used) < LAYERS.index(user):
                yield each

    refuse(upward())


def test_routes_reach_the_database_through_services_only() -> None:
    def shortcuts() -> Iterator[Import]:
        for each in all_imports():
            if part_of(each.importer) == "routes" and (
                part_of(each.imported) == "queries" or each.imported.partition(".")[0] == "sqlalchemy"
            ):
                yield each

    refuse(shortcuts())


def test_rules_do_no_io() -> None:
    io = {
        "asyncio",
        "fastapi",
        "httpx",
        "pathlib",
        "socket",
        "sqlalchemy",
        "starlette",
        "subprocess",
        "threading",
    }

    def impure() -> Iterator[Import]:
        for each in all_imports():
            if domain_of(each.importer) and part_of(each.importer) == "rules":
                inside = part_of(each.imported) in ("models", "queries", "service", "routes")
                if each.imported.partition(".")[0] in io or (domain_of(each.imported) and inside):
                    yield each

    refuse(impure())


def test_the_ground_knows_no_domain() -> None:
    ground = {f"app.{name}" for name in GROUND}
    refuse(
        each
        for each in all_imports()
        if (each.importer in ground or each.importer.startswith(f"app.{GUARD}")) and domain_of(each.imported)
    )


def test_the_relay_never_imports_the_app() -> None:
    refuse(
        each
        for each in all_imports()
        if each.importer.startswith("media_relay") and each.imported.split(".")[0] == "app"
    )


def test_the_app_knows_the_relay_by_its_doors_only() -> None:
    refuse(
        each
        for each in all_imports()
        if each.importer.startswith("app")
        and each.imported.split(".")[0] == "media_relay"
        and each.imported not in RELAY_DOORS
    )


def test_the_core_of_the_relay_uses_the_standard_library_only() -> None:
    no_io = {"asyncio", "os", "random", "selectors", "socket", "ssl", "subprocess", "threading", "time"}

    def foreign() -> Iterator[Import]:
        for each in all_imports():
            if not each.importer.startswith("media_relay.core"):
                continue
            top = each.imported.split(".")[0]
            ours = each.imported.startswith("media_relay.core")
            if not ours and (top not in sys.stdlib_module_names or top in no_io):
                yield each

    refuse(foreign())


def test_private_names_of_libraries_stay_in_the_seams() -> None:
    def outside() -> Iterator[Import]:
        for each in all_imports():
            private = {"_pylibsrtp", "_openssl", "_cffi_backend"} & set(each.imported.split("."))
            if private and not each.importer.startswith("media_relay.seams"):
                yield each

    refuse(outside())


@pytest.mark.parametrize("attribute", ["environ", "environb", "getenv", "getenvb"])
def test_only_the_settings_read_the_environment(attribute: str) -> None:
    readers = [
        f"{name}:{node.lineno}"
        for name in modules()
        for node in ast.walk(tree_of(name))
        if (isinstance(node, ast.Attribute) and node.attr == attribute)
        or (isinstance(node, ast.ImportFrom) and any(alias.name == attribute for alias in node.names))
    ]
    refuse(reader for reader in readers if reader.partition(":")[0] not in ENVIRONMENT_READERS)


def test_services_leave_the_commit_to_the_session() -> None:
    refuse(
        f"{name}:{node.lineno} ends a transaction"
        for name in modules()
        if part_of(name) in VERBS | {"queries"}
        for node in ast.walk(tree_of(name))
        if isinstance(node, ast.Attribute) and node.attr in ("commit", "rollback")
    )


def test_sql_stands_in_queries() -> None:
    statements = {"select", "insert", "update", "delete", "text"}
    refuse(
        f"{name}:{node.lineno} writes SQL"
        for name in modules()
        if part_of(name) in VERBS | {"routes", "rules", "schemas"}
        for node in ast.walk(tree_of(name))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
        if statements & {alias.name for alias in node.names}
    )
