"""Schedules: what starts by itself, again and again or once."""
