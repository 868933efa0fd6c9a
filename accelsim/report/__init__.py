"""Answers as tables and as JSON, for people and for programs."""
