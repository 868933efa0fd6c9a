"""From a plan to its memory, its timeline and the time of a step."""
