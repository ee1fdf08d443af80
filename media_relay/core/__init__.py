"""The relay's rules as sans-IO code: bytes and times in, decisions out. Standard library only, no clock is read here."""
