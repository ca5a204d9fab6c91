"""How are logs kept shut that would print what was signed?"""

from __future__ import annotations

import logging


def quiet(names: tuple[str, ...], level: int = logging.INFO) -> None:
    """Let these loggers, and those below them, say nothing below `level`; louder settings are left alone."""
    for name in (*names, *(name for name in logging.root.manager.loggerDict if name.startswith(names))):
        logger = logging.getLogger(name)
        if name in names:
            logger.setLevel(max(logger.level, level))
        elif 0 < logger.level < level:
            logger.setLevel(level)
