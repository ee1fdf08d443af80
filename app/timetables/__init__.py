"""Terms, bell schedules, weekly timetable entries and their expansion to dated lessons."""
