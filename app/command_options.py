"""Options of commands: every setting is one, described by itself, beside what a command asks for of its own."""

import argparse
from collections.abc import Callable, Iterable
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from app.settings import PREFIX, Settings, load_settings

LOGGING: Final = ("log_level", "log_format")
STORAGE: Final = ("data_dir", "database_url", "database_url_file", *LOGGING)


def add_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, words: str
) -> argparse.ArgumentParser:
    """A command with the words that tell what it does: in the list of commands, and above its own options."""
    return commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")


def add_settings(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
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


def fitting(kind: Any, words: str) -> Callable[[str], str]:
    """The `type` of an argument that the API takes too: read as it reads it, refused in these words otherwise."""
    known: TypeAdapter[str] = TypeAdapter(kind)

    def read(text: str) -> str:
        try:
            return known.validate_python(text)
        except ValidationError:
            raise argparse.ArgumentTypeError(f"{text!r} will not do: {words}") from None

    return read


def _default_of(field: FieldInfo) -> str:
    """What holds when nobody says otherwise; nothing where the description tells it or there is none."""
    default = field.get_default()
    if default is None or default == () or field.annotation is bool or field.default_factory is not None:
        return ""
    return f"default: {default}; "


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings of the environment, with what the command line says instead."""
    values = {name: getattr(options, name) for name in options.setting_names}
    return load_settings(**{name: value for name, value in values.items() if value is not None})
