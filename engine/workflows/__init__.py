"""Workflows: named, versioned templates of jobs that come after each other."""
