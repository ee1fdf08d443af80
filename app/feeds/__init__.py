"""Calendar feeds: lessons in the calendars that people have already."""
