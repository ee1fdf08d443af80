"""The command line: ``python -m app …``.

Every setting is an option of the commands that use it and an environment variable; the option goes first.
What a person can put right is told in one line on stderr, with exit code 2.
"""

import argparse
import gc
import sys
from collections.abc import Callable, Sequence

from sqlalchemy.exc import DBAPIError

from app.command_options import LOGGING, STORAGE, add_command, add_settings, fitting, settings_of
from app.errors import AppError, StartupError, database_refusal
from app.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser(chosen=next((word for word in given if not word.startswith("-")), "")).parse_args(given)
    run: Callable[[argparse.Namespace, Settings], int] = options.run
    try:
        return run(options, settings_of(options))
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
        command = add_command(commands, name, summary)
        if name == chosen:
            fill(command)
    return parser


# --- commands ---


def _fill_run(parser: argparse.ArgumentParser) -> None:
    # A command line is read by everybody on the machine, so a secret has no place there.
    add_settings(
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
    add_settings(parser, STORAGE)

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
    add_settings(parser, STORAGE)

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.manage import seed

        seed(settings, options.name)
        return 0

    parser.set_defaults(run=run)


def _fill_create_county(parser: argparse.ArgumentParser) -> None:
    from app.accounts.schemas import LOGIN_WORDS, Login
    from app.schemas import Code, Name, TimeZoneName

    code = fitting(Code, "up to 32 letters, digits and dashes")
    parser.add_argument("code", type=code, help="official code, such as 341524")
    name = fitting(Name, "one line of up to 200 characters")
    parser.add_argument("name", type=name, help="name of the county")
    zone = fitting(TimeZoneName, "a name of the IANA database, such as Asia/Shanghai")
    parser.add_argument(
        "--time-zone", type=zone, default="Asia/Shanghai", help="IANA time zone (default: %(default)s)"
    )
    login = fitting(Login, LOGIN_WORDS)
    parser.add_argument(
        "--admin", type=login, default="admin", help="login of its first bureau admin (default: %(default)s)"
    )
    parser.add_argument(
        "--password-stays",
        action="store_true",
        help="ask for no other password at the first sign-in; for programs",
    )
    add_settings(parser, STORAGE)

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
    from app import admin_command

    admin_command.add_arguments(parser)


def _fill_permissions(parser: argparse.ArgumentParser) -> None:
    add_settings(parser, ())

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.gatekeeping import describe
        from app.main import ROUTERS

        sys.stdout.write(describe([route for router in ROUTERS for route in router.routes]))
        return 0

    parser.set_defaults(run=run)


def _fill_problems(parser: argparse.ArgumentParser) -> None:
    add_settings(parser, ())

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.problems import describe

        sys.stdout.write(describe())
        return 0

    parser.set_defaults(run=run)


def _fill_demo(parser: argparse.ArgumentParser) -> None:
    from app.demo import command

    command.add_arguments(parser)
    add_settings(parser, LOGGING)
    parser.set_defaults(run=command.run)


def _fill_synthetic_teacher(parser: argparse.ArgumentParser) -> None:
    from app.demo import synthetic_teacher

    synthetic_teacher.add_arguments(parser)
    add_settings(parser, ("data_dir", "http_port", *LOGGING))
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
