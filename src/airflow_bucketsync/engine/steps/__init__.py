"""Verbs: rules and stores together; one step is one operator."""
