"""Whether a language model's server answers, tried with one word."""

import httpx

SECONDS = 10.0


def model_problem(*, url: str, model: str, key: str, variable: str) -> str:
    """What keeps the model from answering, and what to do; empty where it answers. `variable` holds the key.

    The key and what the server says stand in no message.
    """
    body = {"model": model, "messages": [{"role": "user", "content": "Say OK."}], "max_tokens": 1}
    headers = {"Authorization": f"Bearer {key or 'none'}"}
    try:
        reply = httpx.post(f"{url.rstrip('/')}/chat/completions", json=body, headers=headers, timeout=SECONDS)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        return "is no URL: expected the server's base, such as http://localhost:11434/v1"
    except httpx.TransportError as error:
        return f"does not answer ({type(error).__name__}): start the server, or name the right URL"
    except UnicodeEncodeError:
        return f"cannot be sent its key: {variable} holds more than ASCII characters"
    if reply.status_code in (401, 403):
        what = "refuses the key in" if key else "wants a key: set"
        return f"{what} {variable} (status {reply.status_code})"
    if reply.status_code == 404:
        return "has no such model, or is not the server's base URL, which often ends in /v1 (status 404)"
    if reply.is_error:
        return f"refuses a question (status {reply.status_code}): see the server's log"
    try:
        answered = isinstance(reply.json()["choices"], list)
    except (ValueError, LookupError, TypeError):
        answered = False
    return "" if answered else "answers with something else than a chat completion: name the server's base URL"
