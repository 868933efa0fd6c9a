"""Many questions at once: estimate, compare, search, sweep."""
