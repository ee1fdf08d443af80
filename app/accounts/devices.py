"""What a device calls itself, in two words that its owner recognises: pure rules."""

import re
from typing import Final

LONGEST: Final = 60
# The first that fits counts: most browsers also call themselves by the names of others.
_BROWSERS: Final = (
    ("MicroMessenger/", "WeChat"),
    ("DingTalk", "DingTalk"),
    ("HuaweiBrowser/", "Huawei Browser"),
    ("QQBrowser/", "QQ Browser"),
    ("UCBrowser/", "UC Browser"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("OpenHarmony", "HarmonyOS"),
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_PROGRAM: Final = re.compile(r"[A-Za-z][A-Za-z0-9 ._-]*")


def device_of(user_agent: str) -> str:
    """Such as "Edge · Windows", or the name of a program; "" for what names nothing.

    Versions are left out: they tell a person nothing, and more of the device than a list needs.
    """
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), "")
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), "") if system else ""
    if not browser and (program := _PROGRAM.match(user_agent.partition("/")[0])):
        browser = program[0].strip()
    return " · ".join(filter(None, (browser, system)))[:LONGEST]
