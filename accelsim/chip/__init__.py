"""How long a chip takes for one operator, and how many bytes that moves."""
