"""The command line: ``python -m app …``.

Every setting is an option of the commands that use it and an environment variable; the option goes first.
What a person can put right is told in one line on stderr, with exit code 2.
"""

import argparse
import gc
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pydantic.fields import FieldInfo
from sqlalchemy.exc import DBAPIError

from app.errors import AppError, StartupError, database_refusal
from app.settings import PREFIX, Settings, load_settings

_LOGGING = ("log_level", "log_format")
_STORAGE = ("data_dir", "database_url", "database_url_file", *_LOGGING)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser(chosen=next((word for word in given if not word.startswith("-")), "")).parse_args(given)
    run: Callable[[argparse.Namespace, Settings], int] = options.run
    try:
        return run(options, _settings(options))
    except (StartupError, AppError) as error:
        message = error.detail if isinstance(error, AppError) else str(error)
        sys.stderr.write(f"tongtang: {message}\n")
        return 2
    except DBAPIError as error:
        if (refusal := database_refusal(error)) is None:
            raise
        sys.stderr.write(f"tongtang: {refusal}\n")
        return 2
    except KeyboardInterrupt:
        return 130


def _parser(chosen: str) -> argparse.ArgumentParser:
    """The parser; only the chosen command's options are filled in, so that only its modules are loaded."""
    parser = argparse.ArgumentParser(prog="python -m app", description="One lesson, many classrooms.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (summary, fill) in _COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == chosen:
            fill(command)
    return parser


# --- options ---


def _add_settings(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """One option for each setting, described by the setting itself."""
    group = parser.add_argument_group("settings")
    for name in names:
        field = Settings.model_fields[name]
        words = f"{field.description} ({_default_of(field)}environment: {PREFIX}{name.upper()})"
        flag = "--" + name.replace("_", "-")
        if field.annotation is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, help=words, default=None)
        else:
            group.add_argument(flag, metavar="VALUE", help=words)
    parser.set_defaults(setting_names=tuple(names))


def _default_of(field: FieldInfo) -> str:
    """What holds when nobody says otherwise; nothing where the description tells it or there is none."""
    default = field.get_default()
    if default is None or default == () or field.annotation is bool or field.default_factory is not None:
        return ""
    return f"default: {default}; "


def _settings(options: argparse.Namespace) -> Settings:
    values = {name: getattr(options, name) for name in options.setting_names}
    return load_settings(**{name: value for name, value in values.items() if value is not None})


# --- commands ---


def _fill_run(parser: argparse.ArgumentParser) -> None:
    # A command line is read by everybody on the machine, so a secret has no place there.
    _add_settings(
        parser, [name for name in Settings.model_fields if not name.endswith(("_secret", "_password"))]
    )

    def run(options: argparse.Namespace, settings: Settings) -> int:
        gc.disable()  # what loading makes stays: to look through it again and again is a fifth of the time
        from app.run import serve

        gc.enable()
        return serve(settings)

    parser.set_defaults(run=run)


def _fill_migrate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--revision", default="head", help="where to go; head unless given")
    parser.add_argument(
        "--serve-as",
        default="",
        metavar="ACCOUNT",
        help="PostgreSQL: let this account serve, which owns nothing and cannot change the trail",
    )
    _add_settings(parser, _STORAGE)

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.manage import migrate

        migrate(settings, options.revision, options.serve_as)
        return 0

    parser.set_defaults(run=run)


def _fill_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        choices=("small", "jinzhai"),
        help="a demo county of one lesson at a time, or one of full size (156 schools)",
    )
    _add_settings(parser, _STORAGE)

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.manage import seed

        seed(settings, options.name)
        return 0

    parser.set_defaults(run=run)


def _fill_create_county(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", help="official code, such as 341524")
    parser.add_argument("name", help="name of the county")
    parser.add_argument("--time-zone", default="Asia/Shanghai", help="IANA time zone (default: %(default)s)")
    parser.add_argument(
        "--admin", default="admin", help="login of its first bureau admin (default: %(default)s)"
    )
    parser.add_argument(
        "--password-stays",
        action="store_true",
        help="ask for no other password at the first sign-in; for programs",
    )
    _add_settings(parser, _STORAGE)

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.manage import create_county

        create_county(
            settings,
            options.code,
            options.name,
            options.time_zone,
            options.admin,
            password_stays=options.password_stays,
        )
        return 0

    parser.set_defaults(run=run)


def _fill_admin(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    words = "check that nobody changed the trail of who did what; exit code 1 when somebody did"
    verify = acts.add_parser("verify-audit", help=words, description=words[0].upper() + words[1:] + ".")
    verify.add_argument(
        "--anchor",
        action="append",
        default=[],
        metavar="LINE",
        help="a line that an earlier run printed and you kept elsewhere: its event must still be there",
    )
    _add_settings(verify, ("database_url", *_LOGGING))

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.manage import verify_audit

        return 0 if verify_audit(settings, options.anchor) else 1

    verify.set_defaults(run=run)
    _add_rotate_keys(acts)
    _add_people(acts)
    _fill_chores(acts.add_parser("chores", help="show or do what the server does on schedule"))
    _add_unlock(acts)
    _add_create_admin(acts)
    _add_backup(acts)
    _add_restore(acts)


def _add_rotate_keys(acts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    words = "let a new key sign tokens, without downtime; a running server takes it up by itself"
    rotate = acts.add_parser("rotate-keys", help=words, description=words[0].upper() + words[1:] + ".")
    rotate.add_argument(
        "--at-once",
        action="store_true",
        help="void every token that older keys signed, such as after a leak; pages stay signed in",
    )
    _add_settings(rotate, _STORAGE)

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.manage import rotate_keys

        rotate_keys(settings, at_once=options.at_once)
        return 0

    rotate.set_defaults(run=run)


def _add_people(acts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    words = "write everything that is kept about a person to a ZIP file"
    taken = acts.add_parser("export-person", help=words, description=words[0].upper() + words[1:] + ".")
    taken.add_argument("login", help="the person's login")
    taken.add_argument("file", type=Path, help="where to write it; must not be there yet")
    _add_settings(taken, _STORAGE)

    def export(options: argparse.Namespace, settings: Settings) -> int:
        from app.manage import export_person

        export_person(settings, options.login, options.file)
        return 0

    taken.set_defaults(run=export)
    words = "forget who a person is, for good"
    erased = acts.add_parser("erase-person", help=words, description=words[0].upper() + words[1:] + ".")
    erased.add_argument("login", help="the person's login")
    erased.add_argument("--yes", action="store_true", required=True, help="it cannot be undone")
    _add_settings(erased, _STORAGE)

    def erase(options: argparse.Namespace, settings: Settings) -> int:
        from app.manage import erase_person

        erase_person(settings, options.login)
        return 0

    erased.set_defaults(run=erase)


def _fill_chores(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--list", action="store_true", help="show every chore with its interval")
    which.add_argument("--run", metavar="NAME", dest="chore", help="do this one now")
    _add_settings(parser, _STORAGE)

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.housekeeping import describe_chores, run_chore

        if options.list:
            sys.stdout.write(describe_chores(settings))
        else:
            run_chore(settings, options.chore)
        return 0

    parser.set_defaults(run=run)


def _add_unlock(acts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    words = "let somebody sign in again who was locked out by wrong passwords, their own or others'"
    unlock = acts.add_parser("unlock", help=words, description=words[0].upper() + words[1:] + ".")
    unlock.add_argument("login", help="whose account")
    _add_settings(unlock, ("database_url", *_LOGGING))

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.administration import unlock_account

        unlock_account(settings, options.login)
        return 0

    unlock.set_defaults(run=run)


def _add_create_admin(acts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    words = "give a county one more bureau admin, such as when nobody is left who can sign in"
    create = acts.add_parser("create-admin", help=words, description=words[0].upper() + words[1:] + ".")
    create.add_argument("county", help="official code of the county, such as 341524")
    create.add_argument("login", help="login of the admin")
    create.add_argument("--name", default="Admin", help="name of the admin (default: %(default)s)")
    _add_settings(create, ("database_url", *_LOGGING))

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.administration import create_admin

        create_admin(settings, options.county, options.login, options.name)
        return 0

    create.set_defaults(run=run)


def _add_backup(acts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    words = (
        "write the database and the data folder to one file, as they are at one moment; the server may run"
    )
    backup = acts.add_parser("backup", help=words, description=words[0].upper() + words[1:] + ".")
    backup.add_argument("file", type=Path, help="the file, which must not be there yet; it holds secrets")
    _add_settings(backup, _STORAGE)

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.administration import back_up

        back_up(settings, options.file)
        return 0

    backup.set_defaults(run=run)


def _add_restore(acts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    words = "make this server what a backup says; stop the server first"
    restore = acts.add_parser("restore", help=words, description=words[0].upper() + words[1:] + ".")
    restore.add_argument("file", type=Path, help="what `admin backup` wrote, on SQLite or PostgreSQL")
    restore.add_argument(
        "--replace", action="store_true", help="even though there are data here: they are lost"
    )
    _add_settings(restore, _STORAGE)

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.administration import restore

        restore(settings, options.file, replace=options.replace)
        return 0

    restore.set_defaults(run=run)


def _fill_permissions(parser: argparse.ArgumentParser) -> None:
    _add_settings(parser, ())

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.gatekeeping import describe
        from app.main import ROUTERS

        sys.stdout.write(describe([route for router in ROUTERS for route in router.routes]))
        return 0

    parser.set_defaults(run=run)


def _fill_problems(parser: argparse.ArgumentParser) -> None:
    _add_settings(parser, ())

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.problems import describe

        sys.stdout.write(describe())
        return 0

    parser.set_defaults(run=run)


def _fill_demo(parser: argparse.ArgumentParser) -> None:
    from app.demo import command

    command.add_arguments(parser)
    _add_settings(parser, _LOGGING)
    parser.set_defaults(run=command.run)


def _fill_synthetic_teacher(parser: argparse.ArgumentParser) -> None:
    from app.demo import synthetic_teacher

    synthetic_teacher.add_arguments(parser)
    _add_settings(parser, ("data_dir", "http_port", *_LOGGING))
    parser.set_defaults(run=synthetic_teacher.run)


_COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "run": ("run the server with its relay nodes", _fill_run),
    "migrate": ("bring the database to the newest revision", _fill_migrate),
    "seed": ("put example data in", _fill_seed),
    "create-county": ("found a county with its first bureau admin", _fill_create_county),
    "admin": ("look after the server's data", _fill_admin),
    "permissions": ("print who may do what, as docs/permissions.md shows it", _fill_permissions),
    "problems": ("print every problem the API answers with, as docs/problems.md shows it", _fill_problems),
    "demo": ("prove the main job with real media and print a JSON line", _fill_demo),
    "synthetic-teacher": ("publish a test card as the teacher of a lesson", _fill_synthetic_teacher),
}

if __name__ == "__main__":
    sys.exit(main())
