"""Tests that drive a real Chromium against a real Job Runner: the guide, section by section."""
