"""The energy and the money of a finished estimate."""
