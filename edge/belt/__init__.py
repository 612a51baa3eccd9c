"""The belt: what rides it, where each item is, how fast it all moves."""
