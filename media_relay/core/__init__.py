"""The relay's rules as sans-IO code: bytes and times in, decisions out. Standard library only.

No clock is read here: time is an argument."""
