"""From the tiers of a network to the time of a collective on it."""
