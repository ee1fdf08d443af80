"""The pages in a real Chromium, against the real server and the real relay."""
