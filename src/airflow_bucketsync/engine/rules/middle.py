"""Where to cut a range of keys of which only the beginning was seen?"""

from __future__ import annotations

from collections.abc import Sequence


def between(low: str, high: str | None, letters: Sequence[str]) -> str | None:
    """A text with `low < text < high`, near the middle of what the letters can spell there; None = there is none.

    Nothing depends on how near: a half that turns out empty costs one request.

    :param high: None = there is no end
    :param letters: that keys were seen to be made of, ascending
    """
    if high is not None and high <= low:
        return None
    shared = 0
    while high is not None and shared < min(len(low), len(high)) and low[shared] == high[shared]:
        shared += 1
    for place in range(shared, len(low) + 1):
        end = high[place : place + 1] if high is not None and place == shared else ""
        found = _middle(letters, above=low[place : place + 1], below=end)
        if found:
            return low[:place] + found
    for place in range(shared + 1, len(high or "")):
        found = _middle(letters, above="", below=(high or "")[place])
        if found:
            return (high or "")[:place] + found
    return None


def _middle(letters: Sequence[str], *, above: str, below: str) -> str:
    """The middle one of the letters between these; "" as a bound = none, as an answer = there is none."""
    found = [letter for letter in letters if above < letter and (not below or letter < below)]
    return found[len(found) // 2] if found else ""
