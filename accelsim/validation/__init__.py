"""Published measurements beside our predictions, and how far apart they are."""
