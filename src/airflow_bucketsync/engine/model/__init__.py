"""The nouns: frozen dataclasses with `to_json` / `from_json`, no I/O."""
