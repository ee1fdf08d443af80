"""Lessons on air: the doors for media (WHIP, WHEP), the classroom channel and the relay nodes behind them."""
