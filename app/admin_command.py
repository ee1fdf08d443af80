"""The command line of ``python -m app admin …``: what an operator does to a server's keys, people and data."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from app.command_options import STORAGE, add_command, add_settings, fitting
from app.settings import Settings

Run = Callable[[argparse.Namespace, Settings], int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Every act with its options and the settings of where the data are."""
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    for name, (words, fill) in _ACTS.items():
        act = add_command(acts, name, words)
        act.set_defaults(run=fill(act))
        add_settings(act, STORAGE)


# Each adds the options of an act, and returns what does it. Modules are loaded when their act is done.


def _verify_audit(parser: argparse.ArgumentParser) -> Run:
    parser.add_argument(
        "--anchor",
        action="append",
        default=[],
        metavar="LINE",
        help="a line that an earlier run printed and you kept elsewhere: its event must still be there",
    )

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.manage import verify_audit

        return 0 if verify_audit(settings, options.anchor) else 1

    return run


def _rotate_keys(parser: argparse.ArgumentParser) -> Run:
    parser.add_argument(
        "--at-once",
        action="store_true",
        help="void every token that older keys signed, such as after a leak; pages stay signed in",
    )

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.manage import rotate_keys

        rotate_keys(settings, at_once=options.at_once)
        return 0

    return run


def _export_person(parser: argparse.ArgumentParser) -> Run:
    parser.add_argument("login", help="the person's login")
    parser.add_argument("file", type=Path, help="where to write it; must not be there yet")

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.manage import export_person

        export_person(settings, options.login, options.file)
        return 0

    return run


def _erase_person(parser: argparse.ArgumentParser) -> Run:
    parser.add_argument("login", help="the person's login")
    parser.add_argument("--yes", action="store_true", required=True, help="it cannot be undone")

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.manage import erase_person

        erase_person(settings, options.login)
        return 0

    return run


def _chores(parser: argparse.ArgumentParser) -> Run:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--list", action="store_true", help="show every chore with its interval")
    which.add_argument("--run", metavar="NAME", dest="chore", help="do this one now")

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.housekeeping import describe_chores, run_chore

        if options.list:
            sys.stdout.write(describe_chores(settings))
        else:
            run_chore(settings, options.chore)
        return 0

    return run


def _unlock(parser: argparse.ArgumentParser) -> Run:
    parser.add_argument("login", help="whose account")

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.administration import unlock_account

        unlock_account(settings, options.login)
        return 0

    return run


def _create_admin(parser: argparse.ArgumentParser) -> Run:
    parser.add_argument("county", help="official code of the county, such as 341524")
    from app.accounts.schemas import LOGIN_WORDS, Login
    from app.schemas import Name

    parser.add_argument("login", type=fitting(Login, LOGIN_WORDS), help="login of the admin")
    name = fitting(Name, "one line of up to 200 characters")
    parser.add_argument("--name", type=name, default="Admin", help="name of the admin (default: %(default)s)")

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.administration import create_admin

        create_admin(settings, options.county, options.login, options.name)
        return 0

    return run


def _backup(parser: argparse.ArgumentParser) -> Run:
    parser.add_argument("file", type=Path, help="the file, which must not be there yet; it holds secrets")

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.administration import back_up

        back_up(settings, options.file)
        return 0

    return run


def _restore(parser: argparse.ArgumentParser) -> Run:
    parser.add_argument("file", type=Path, help="what `admin backup` wrote, on SQLite or PostgreSQL")
    parser.add_argument(
        "--replace", action="store_true", help="even though there are data here: they are lost"
    )

    def run(options: argparse.Namespace, settings: Settings) -> int:
        from app.administration import restore

        restore(settings, options.file, replace=options.replace)
        return 0

    return run


_ACTS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], Run]]] = {
    "verify-audit": (
        "check that nobody changed the trail of who did what; exit code 1 when somebody did",
        _verify_audit,
    ),
    "rotate-keys": (
        "let a new key sign tokens, without downtime; a running server takes it up by itself",
        _rotate_keys,
    ),
    "export-person": ("write everything that is kept about a person to a ZIP file", _export_person),
    "erase-person": ("forget who a person is, for good", _erase_person),
    "chores": ("show or do what the server does on schedule", _chores),
    "unlock": (
        "let somebody sign in again who was locked out by wrong passwords, their own or others'",
        _unlock,
    ),
    "create-admin": (
        "give a county one more bureau admin, such as when nobody is left who can sign in",
        _create_admin,
    ),
    "backup": (
        "write the database and the data folder to one file, as they are at one moment; the server may run",
        _backup,
    ),
    "restore": ("make this server what a backup says; stop the server first", _restore),
}
