"""What values of the domain check at birth."""

import re
from datetime import datetime

GROUP = r"^[A-Za-z0-9._-]{1,40}$"
"""How a group of askers may be named: too short and too plain for a person's address or a sentence about one."""


def aware(name: str, moment: datetime) -> None:
    if moment.tzinfo is None:
        raise ValueError(f"{name} needs a timezone, got the naive {moment.isoformat()}")


def named(group: str | None) -> None:
    # Without the name that was found: it may be a person's after all.
    if group is not None and re.fullmatch(GROUP, group) is None:
        raise ValueError(
            "a group of askers is named by 1 to 40 letters from a to z, digits, dots, dashes and underscores; "
            f"this name of {len(group)} characters is not"
        )
