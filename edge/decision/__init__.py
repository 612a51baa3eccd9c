"""The decision: frames of an item vote, costs and deadlines decide, one message says it."""
