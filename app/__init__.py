"""Tongtang's control plane: people, schools, timetables, lessons, and the doors to the media relay."""

__version__ = "0.1.0"
