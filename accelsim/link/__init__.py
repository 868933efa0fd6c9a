"""What one lane and one port carry, after coding and retimers, and how late."""
