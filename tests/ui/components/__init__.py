"""Tests of what the pages say, without a browser."""
