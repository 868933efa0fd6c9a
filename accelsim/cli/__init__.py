"""The command line: reads the question, prints the answer, sets the exit code."""

from accelsim.cli.app import main

__all__ = ["main"]
