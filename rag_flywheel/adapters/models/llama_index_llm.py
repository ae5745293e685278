"""Any language model that LlamaIndex has a class for, named in the settings, as a `Speaker`.

The class is other people's code that talks to a network as it likes. So it speaks in a thread of its own, which is
waited for only so long, and what it raises is named by its kind: its words may repeat a text or a secret.
"""

import functools
import importlib
import inspect
import re
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rag_flywheel.adapters.models.prompt import Told
from rag_flywheel.adapters.models.waiting import MOST, Patience, Silent, TooLong, TooMany
from rag_flywheel.errors import ConfigError, LanguageModelUnavailable

if TYPE_CHECKING:
    from llama_index.core.llms import LLM, ChatMessage


class LlamaIndexSpeaker:
    """Says what an instance of the class streams, or all at once where it does not; as safe under threads as the class.

    `timeout` is the longest silence, `seconds` the longest answer, both in seconds. What failed is not tried again
    here, for most classes do that themselves.

    Raises ConfigError where the class is not there, is no language model, or does not take the arguments.
    """

    def __init__(self, name: str, arguments: Mapping[str, Any], *, timeout: float, seconds: float) -> None:
        self._llm = _made(name, arguments)
        self._kind = name.rpartition(":")[2]
        self.name = f"llama_index:{self._kind}" + (f":{arguments['model']}" if "model" in arguments else "")
        self._timeout = timeout
        self._seconds = seconds
        self._patience = Patience(silence=timeout)

    def pieces(self, told: Told) -> Iterator[str]:
        from llama_index.core.llms import ChatMessage, MessageRole

        messages = [
            ChatMessage(role=MessageRole.SYSTEM, content=told.system),
            ChatMessage(role=MessageRole.USER, content=told.user),
        ]
        call = functools.partial(_replied, self._llm, messages)
        try:
            yield from self._patience.pieces(call, until=time.monotonic() + self._seconds)
        except Silent:
            raise self._failed(
                f"said nothing for {self._timeout:g} seconds; raise generator.timeout or lighten its load"
            ) from None
        except TooLong:
            raise self._failed(
                f"took longer than {self._seconds:g} seconds; raise generator.answer_seconds or lighten its load"
            ) from None
        except TooMany:
            raise self._failed(f"has not ended {MOST} answers; ask again later, or restart the service") from None
        except Exception as error:  # noqa: BLE001  # other people's code may raise anything
            raise self._failed(
                f"failed with {type(error).__name__}; check generator.llm, and what it connects to"
            ) from None

    def _failed(self, what: str) -> LanguageModelUnavailable:
        return LanguageModelUnavailable(f"the language model {self._kind} {what}")

    def close(self) -> None:
        """Nothing: the class has no way to be closed."""


def _replied(llm: "LLM", messages: "list[ChatMessage]") -> Iterator[str]:
    """The reply piece by piece; whole where the class does not stream."""
    try:
        stream = iter(llm.stream_chat(messages))
        response = next(stream, None)
    except NotImplementedError:
        yield llm.chat(messages).message.content or ""
        return
    said = ""
    while response is not None:
        whole = response.message.content or ""
        piece = whole[len(said) :] if response.delta is None else response.delta
        said += piece
        yield piece
        response = next(stream, None)


# --- the class ------------------------------------------------------------------------------------------------------


def _made(name: str, arguments: Mapping[str, Any]) -> "LLM":
    from pydantic import ValidationError

    kind = _class(name)
    known, needed, any_name = _parameters(kind)
    unknown = sorted(arguments.keys() - known)
    if unknown and not any_name:
        raise ConfigError(
            f"generator.llm.args: {name} takes no {' and no '.join(unknown)}; known ones are {', '.join(sorted(known))}"
        )
    missing = sorted(needed - arguments.keys())
    if missing:
        raise ConfigError(f"generator.llm.args: {name} needs {' and '.join(missing)}")
    try:
        made: LLM = kind(**arguments)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ConfigError(f"generator.llm.args: {name} does not take them: {wrong}") from None
    except Exception as error:  # noqa: BLE001  # other people's code may raise anything, and say a secret
        raise ConfigError(
            f"generator.llm: {name} cannot be made with these args: it raised {type(error).__name__}"
        ) from None
    return made


def _class(name: str) -> Any:
    from llama_index.core.llms import LLM

    module, _, kind = name.rpartition(":")
    try:
        found = getattr(importlib.import_module(module), kind, None)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module != missing and not module.startswith(f"{missing}."):
            raise ConfigError(f"generator.llm: {name} needs the module {missing}, which is not installed") from None
        package = re.match(r"llama_index\.llms\.(\w+)", module)
        hint = f": `pip install llama-index-llms-{package[1].replace('_', '-')}`" if package else ""
        raise ConfigError(f"generator.llm: the module {module} is not installed{hint}") from None
    except Exception as error:  # noqa: BLE001  # as above
        raise ConfigError(
            f"generator.llm: the module {module} cannot be imported: it raised {type(error).__name__}"
        ) from None
    if not (isinstance(found, type) and issubclass(found, LLM)):
        raise ConfigError(
            f"generator.llm: {module} has no language model {kind}: a subclass of llama_index.core.llms.LLM"
        )
    return found


def _parameters(kind: Any) -> tuple[set[str], set[str], bool]:
    """Names that it can be given, those that it must be, and whether it may take others. Most classes swallow what they
    do not know, so a name counts as known where a constructor in its line, or a field, has it.
    """
    lines = [inspect.signature(each.__init__).parameters.values() for each in kind.__mro__ if "__init__" in vars(each)]
    own = [each for each in inspect.signature(kind).parameters.values() if each.kind is not each.VAR_KEYWORD]
    named = {
        each.name for line in lines for each in line if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    }
    known = (named | set(kind.model_fields)) - {"self"}
    needed = {each.name for each in own if each.default is each.empty and each.kind is not each.VAR_POSITIONAL}
    return known, needed, kind.model_config.get("extra") == "allow"
