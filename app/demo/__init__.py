"""Endpoints without a browser: the test card, WHIP and WHEP clients, the synthetic teacher, `make demo`."""
