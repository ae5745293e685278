"""Invitations to meetings (iCalendar, RFC 5545) as lines of text."""

import re

_FOLDED = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r"([A-Za-z-]+)((?:;[^:\"\n]*(?:\"[^\"\n]*\"[^:\"\n]*)*)?):(.*)")
_SHOWN = {"SUMMARY": "", "DTSTART": "Start: ", "DTEND": "End: ", "DUE": "Due: ", "LOCATION": "Place: "}
_SHOWN |= {"ORGANIZER": "From: ", "STATUS": "Status: ", "RRULE": "Repeated: ", "DESCRIPTION": ""}
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?")
_ZONE = re.compile(r";TZID=\"?([^;:\"]+)")
_ESCAPED = re.compile(r"\\(.)")
_KINDS = ("VEVENT", "VTODO", "VJOURNAL")  # what people see; zones have times of their own, and alarms texts


def events(text: str) -> str:
    """What each event or task says, a property a line; nothing where there is none."""
    said: list[str] = []
    open_: list[str] = []
    for line in map(_LINE.fullmatch, _FOLDED.sub("", text).splitlines()):
        if line is None:
            continue
        name, value = line[1].upper(), line[3].strip()
        if name == "BEGIN":
            open_.append(value.upper())
            said += [""] if said and open_[-1] in _KINDS else []
        elif name == "END":
            del open_[-1:]
        elif open_ and open_[-1] in _KINDS and name in _SHOWN and value:
            said.append(_SHOWN[name] + _value(name, line[2], value))
    return "\n".join(said)


def _value(name: str, parameters: str, value: str) -> str:
    if (time := _TIME.fullmatch(value)) is not None:
        zone = _ZONE.search(parameters)
        hour = f" {time[4]}:{time[5]} {'UTC' if time[6] else zone[1] if zone else ''}" if time[4] else ""
        return f"{time[1]}-{time[2]}-{time[3]}{hour}".rstrip()
    if name == "ORGANIZER":
        return value.removeprefix("mailto:").removeprefix("MAILTO:")
    return _ESCAPED.sub(lambda sign: "\n" if sign[1] in "nN" else sign[1], value)
