"""Settings: defaults that suit one machine, and one line for what cannot be."""

from pathlib import Path
from types import SimpleNamespace

import ifaddr
import pytest

from app.settings import PREFIX, Settings, SettingsError, load_settings


def test_the_defaults_keep_to_this_machine() -> None:
    settings = load_settings()
    assert (settings.http_host, settings.http_port, settings.media_port) == ("127.0.0.1", 8000, 8189)
    assert settings.database_url == "sqlite:///data/tongtang.db"
    assert settings.public_url == "http://localhost:8000"
    assert not settings.demo


def test_the_database_and_the_address_follow_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGTANG_DATA_DIR", "/srv/tongtang")
    monkeypatch.setenv("TONGTANG_HTTP_PORT", "8080")
    settings = load_settings()
    assert settings.database_url == "sqlite:////srv/tongtang/tongtang.db"
    assert settings.public_url == "http://localhost:8080"


def test_an_empty_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGTANG_HTTP_PORT", "")
    assert load_settings().http_port == 8000


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_is_understood(scheme: str) -> None:
    settings = Settings(database_url=f"{scheme}://me:hush@db/tongtang")
    assert settings.database_url == "postgresql+psycopg://me:hush@db/tongtang"
    assert "hush" not in repr(settings)


def test_addresses_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGTANG_MEDIA_ADDRESSES", "10.0.0.5, [2001:DB8::1], 2001:db8:0::1, 2001:db8::2,")
    assert load_settings().announced_addresses == ("10.0.0.5", "2001:db8::1", "2001:db8::2")


def test_without_addresses_this_machine_s_are_announced_loopback_last() -> None:
    announced = load_settings().announced_addresses
    assert announced[-1] == "127.0.0.1"
    assert len(set(announced)) == len(announced)


def test_of_this_machine_s_addresses_those_of_use_are_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    ips = ["127.0.0.1", "203.0.113.9", "9.9.9.9", ("::1", 0, 0), ("fe80::1", 0, 3), ("2001:db8::9", 0, 0)]
    adapter = SimpleNamespace(ips=[SimpleNamespace(ip=ip) for ip in ips])
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [adapter])
    assert load_settings().announced_addresses == ("9.9.9.9", "203.0.113.9", "2001:db8::9", "127.0.0.1")


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("HTTP_PORT", "eighty", "valid integer"),
        ("MEDIA_PORT", "70000", "less than or equal to 65535"),
        ("MEDIA_ADDRESSES", "school.example", "does not appear to be an IPv4 or IPv6 address"),
        ("MEDIA_ADDRESSES", "203.0.113.9:8189", "does not appear to be an IPv4 or IPv6 address"),
        ("MEDIA_ADDRESSES", "0.0.0.0", "lead nowhere"),
        ("MEDIA_ADDRESSES", "[::]", "lead nowhere"),
        ("MEDIA_ADDRESSES", "fe80::1%eth0", "lead nowhere"),
        ("RELAY_NODES", "0", "greater than or equal to 1"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("PUBLIC_URL", "lessons.example.org", "https://"),
        ("DATABASE_URL", "mysql://me:secret@db/x", "use sqlite:/// or postgresql://"),
        ("DATABASE_URL", "tongtang.db", "must look like"),
        ("TURN_URLS", "http://turn.example.org", "number 1 is not like turn:host:3478"),
        ("TURN_URLS", "stun:turn.example.org, turn://turn.example.org", "number 2 is not like"),
        ("TURN_URLS", "turn:turn.example.org?transport=sctp", "number 1"),
        ("TURN_URLS", "stun:turn.example.org?transport=udp", "number 1"),
        ("TURN_URLS", "turn:me:secret@turn.example.org", "number 1"),
        ("TURN_URLS", 'turn:turn.example.org">', "number 1"),
        ("TURN_SECRET_FILE", "/nowhere/to/be/found", "cannot be read (No such file or directory)"),
        ("TURN_SECRET_FILE", "/dev/null", "the file is empty"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(PREFIX + variable, value)
    with pytest.raises(SettingsError, match=f"^{PREFIX}{variable}: ") as refused:
        load_settings()
    message = str(refused.value)
    assert reason in message
    assert "\n" not in message
    assert "secret" not in message


# --- TURN ---

TURN = "turn:turn.example.org:3478, turn:[2001:db8::1]:3478?transport=tcp, turns:turn.example.org:443"


def test_turn_servers_come_with_a_secret_that_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGTANG_TURN_URLS", f"stun:turn.example.org, {TURN},")
    monkeypatch.setenv("TONGTANG_TURN_SECRET", "hush")
    settings = load_settings()
    assert settings.turn_urls == ("stun:turn.example.org", *TURN.split(", "))
    assert settings.turn_secret.get_secret_value() == "hush"
    assert "hush" not in repr(settings)
    assert "hush" not in settings.model_dump_json()


def test_the_turn_secret_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "turn").write_text("hush\n")
    monkeypatch.setenv("TONGTANG_TURN_URLS", TURN)
    monkeypatch.setenv("TONGTANG_TURN_SECRET_FILE", str(tmp_path / "turn"))
    assert load_settings().turn_secret.get_secret_value() == "hush"
    monkeypatch.setenv("TONGTANG_TURN_SECRET", "another")
    with pytest.raises(SettingsError, match=r"^TONGTANG_TURN_SECRET: .*keep one of them$"):
        load_settings()


def test_turn_servers_without_a_secret_are_refused_and_stun_servers_need_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TONGTANG_TURN_URLS", "stun:turn.example.org")
    assert load_settings().turn_secret.get_secret_value() == ""
    monkeypatch.setenv("TONGTANG_TURN_URLS", TURN)
    with pytest.raises(SettingsError, match=r"^TONGTANG_TURN_SECRET: .*shared secret is needed.*$"):
        load_settings()


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings(data_dir=Path("x")).http_port = 1  # type: ignore[misc]


# --- secrets ---


def test_the_database_s_url_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://me:hush@db/tongtang\n")
    monkeypatch.setenv("TONGTANG_DATABASE_URL_FILE", str(tmp_path / "url"))
    assert load_settings().database_url == "postgresql+psycopg://me:hush@db/tongtang"
    monkeypatch.setenv("TONGTANG_DATABASE_URL", "postgresql://me:other@db/tongtang")
    with pytest.raises(SettingsError, match=r"^TONGTANG_DATABASE_URL: .*keep one of them$"):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "postgresql://tongtang:Change-Me@db/tongtang"),
        ("TURN_SECRET", "secret"),
        ("MAIL_PASSWORD", "password"),
    ],
)
def test_secrets_that_everybody_knows_are_for_the_demo_only(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(PREFIX + variable, value)
    with pytest.raises(SettingsError, match=f"^{PREFIX}{variable}: .*openssl rand") as refused:
        load_settings()
    assert "Change-Me" not in str(refused.value)
    assert load_settings(demo=True).demo


def test_whom_to_tell_of_a_weakness_is_checked() -> None:
    assert (
        load_settings(security_contact="mailto:a@b.org, https://b.org/s").security_contact[1]
        == "https://b.org/s"
    )
    for contact in ("a@b.org", "http://b.org", "mailto:a@b.org\r\nPolicy: x"):
        with pytest.raises(SettingsError, match="^TONGTANG_SECURITY_CONTACT: "):
            load_settings(security_contact=contact)
