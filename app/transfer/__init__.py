"""Whole tables in and out: XLSX, CSV and OneRoster files of what a county consists of."""
