"""The wire: the messages, and how they get to the broker and from it."""
