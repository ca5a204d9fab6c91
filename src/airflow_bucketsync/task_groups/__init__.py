"""The flow of a sync, drawn once."""
