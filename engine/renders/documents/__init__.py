"""Markdown as a document: read once, cleaned, and set as a page, as paper and for Word."""
