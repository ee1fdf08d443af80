"""Telling people and programs what happened to lessons: none lost, whatever crashes."""
