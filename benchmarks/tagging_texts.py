"""Texts that the tagger of names and street addresses learns from (see benchmarks/tagging.py).

Three kinds, all with other people's names than the sources had: sentences of tagging.json filled with what the package
Faker makes up in 60 languages and countries; sayings and verses of Debian's package `fortunes`, in which names of the
famous give way to made-up ones; and paragraphs of installed packages' READMEs, where nothing is private.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

SENTENCES = json.loads(Path(__file__).with_name("tagging.json").read_text(encoding="utf-8"))
SLOT = re.compile(r"\{(\w)\}")
CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
NOT_ORDINARY = re.compile(r"by [A-Z]|author|thank|maint|copyright|contrib|@|\bMrs?\b|said|born|street|avenue", re.I)
SAYINGS = """
    people wisdom songs-poems men-women law work humorists love kids politics sports miscellaneous
    science art education food medicine news computers
"""
PART = re.compile(r"[^\W\d_]+(?:['’-](?!s\b)[^\W\d_]+)*\.?")
RUN = re.compile(r"\b[A-Z][\w'’-]*\.?(?:[ ](?:(?:van|von|de|la|der|du|le)[ ]){0,2}[A-Z][\w’'-]*(?:\.(?=[ ][A-Z])|))*")
UNKNOWN = "UNKNOWN"  # what may be a name or not, and teaches nothing


class Text(NamedTuple):
    text: str
    spans: Sequence[tuple[int, int, str]]


class People:
    """Who Faker makes up, each of one country."""

    def __init__(self, seed: int) -> None:
        from faker import Faker

        Faker.seed(seed)
        self.chance = random.Random(seed)
        self._sources = [Faker(locale) for locale in SENTENCES["locales"]]

    def of_one_country(self) -> Callable[[str], str]:
        source = self.chance.choice(self._sources)
        return lambda name: str(getattr(source, name, getattr(self._sources[0], name))()).strip()


def filled(sentence: str, people: People) -> Text:
    chance, make = people.chance, people.of_one_country()
    while "|" in sentence and (found := CHOICE.search(sentence)):
        sentence = sentence[: found.start()] + chance.choice(found[1].split("|")) + sentence[found.end() :]
    text, at, spans = "", 0, list[tuple[int, int, str]]()
    for slot in SLOT.finditer(sentence):
        text, at = text + sentence[at : slot.start()], slot.end()
        value = _value(slot[1], make, chance)
        if slot[1] in "PFLA":
            spans.append((len(text), len(text) + len(value), "STREET_ADDRESS" if slot[1] == "A" else "PERSON"))
        text += value
    return Text(text + sentence[at:], spans)


def _value(slot: str, make: Callable[[str], str], chance: random.Random) -> str:
    if slot == "A":
        return _address(make, chance)
    simple = {"O": "company", "N": "phone_number", "E": "ascii_email", "K": "credit_card_number", "C": "city"}
    simple |= {"J": "job", "S": "street_name", "Z": "country"}
    if slot in simple:
        return make(simple[slot])
    if slot in "PFL":
        return _name(slot, make, chance)
    number = chance.randint(1, 99)
    forms: Mapping[str, Sequence[str]] = {
        "B": (*[chance.choice(SENTENCES["terms"])] * 6, f"{chance.choice('XZAQ')}{number}"),
        "D": (str(number),),
        "T": ("Mr.", "Mrs", "Ms", "Mr", "Dr.", "Miss"),
        "Q": ("3 May", "12/04/2023", "Tuesday", "noon", "2024-01-31", "9 am", "June"),
        "W": (chance.choice(SENTENCES["things"]),),
        "Y": ("Texas", "Georgia", "Virginia", "North Carolina", "Bavaria", "Ontario", "Victoria", "Scotland", "Punjab"),
        "I": ("DE89 3704 0044 0532 0130 00",),
    }
    return chance.choice(forms[slot])


def _name(slot: str, make: Callable[[str], str], chance: random.Random) -> str:
    first, last = make("first_name"), make("last_name")
    if slot == "P":
        forms = [f"{first} {last}"] * 9
        forms += [f"{first} {last[0]}. {last}", f"{first[0]}. {last}", f"{first} {first[0]} {last}", last, first]
        forms += [f"{first} {make('last_name')}-{last}", f"{last}, {first}", f"{last} {first}"]
        return chance.choice(forms)
    return first if slot == "F" else last


def _address(make: Callable[[str], str], chance: random.Random) -> str:
    street, city, postcode = (make(name) for name in ("street_address", "city", "postcode"))
    number, letter, gap = chance.randint(1, 99), chance.choice("ABCDE"), chance.choice((", ", ", ", "\n", " ", "\n "))
    within = chance.choice(
        (f"Flat {number}", f"Apt. {number}", f"Suite {number}{number}", f"Unit {letter}", "2nd floor")
    )
    swapped = f"{make('building_number')} {make('street_name')}"
    street = chance.choice((street, street, street, swapped)).replace("\n", ", ")
    whole = make("address")
    forms: tuple[str, ...] = (street, street, f"{street}{gap}{city}", f"{street}{gap}{postcode} {city}")
    forms += (f"{street}, {city} {postcode}",)
    forms += (f"{within}, {street}", f"{street} {within}{gap}{city}", f"{number}{letter} {street}", whole)
    forms += (whole.replace("\n", ", "), whole.replace("\n", gap), f"{street}{gap}{city}{gap}{postcode}")
    forms += (f"{make('postcode')} {street} {within}{gap}{city.upper()}{gap}{postcode}",)
    if chance.random() < 0.08:
        box = f"{chance.choice(('PO Box', 'P.O. Box', 'Postfach', 'BP', 'Apartado'))} {number}{number}"
        cross = f"the corner of {make('street_name')} and {make('street_name')}"
        forms = (box, f"{box}{gap}{city} {postcode}", cross, f"{make('street_name')} {number}, {city}")
    return chance.choice(forms).strip()


def made_up(count: int, ordinary: Sequence[str], people: People) -> Iterator[Text]:
    """One to three sentences each; some in small letters or capitals throughout."""
    chance = people.chance
    for _ in range(count):
        text, spans = "", list[tuple[int, int, str]]()
        for _ in range(chance.choice((1, 1, 1, 2, 2, 3))):
            drawn = chance.random()
            sentence = chance.choice(SENTENCES["private"] if drawn < 0.62 else SENTENCES["ordinary"])
            part = Text(chance.choice(ordinary), []) if drawn > 0.87 else filled(sentence, people)
            text += chance.choice(" \n") if text else ""
            spans += [(start + len(text), end + len(text), kind) for start, end, kind in part.spans]
            text += part.text
        yield recased(Text(text, spans), chance)


def recased(text: Text, chance: random.Random) -> Text:
    """As typed in haste, or with the shift key held, now and then."""
    drawn = chance.random()
    if drawn < 0.12:
        other = text.text.lower()
    elif drawn < 0.16:
        other = text.text.upper()
    elif drawn < 0.24:  # the names alone
        other = text.text
        for start, end, _ in text.spans:
            other = other[:start] + other[start:end].lower() + other[end:]
    else:
        return text
    return Text(other, text.spans) if len(other) == len(text.text) else text


def ordinary_paragraphs() -> list[str]:
    """Of the packages that constraints.txt names."""
    pinned = set(re.findall(r"(?m)^([\w.-]+)==", Path("constraints.txt").read_text(encoding="utf-8").lower()))
    found = [package.metadata for package in distributions() if package.metadata["Name"].lower() in pinned]
    pages = [str(package.get_payload() or "") for package in found]  # type: ignore[attr-defined]
    parts = [part.strip()[:250] for page in pages for part in re.split(r"\n\s*\n", page)[:40]]
    return sorted({part for part in parts if len(part) > 30 and not NOT_ORDINARY.search(part)})


def sayings(folder: Path, people: People) -> Iterator[Text]:
    """Those of the folder that are short enough, with other names.

    A run of capitalised words is a name where it begins with a given name, or stands alone behind a saying's dash.
    The rest of what is capitalised within a sentence is UNKNOWN: half of it are names.
    """
    parts = [part for name in SAYINGS.split() for part in (folder / name).read_text("utf-8", "replace").split("\n%\n")]
    lower = Counter(word for part in parts for word in re.findall(r"\b[a-z]{2,}\b", part))
    given = {name for name in _given_names() if lower[name.lower()] < 2}
    for part in sorted({part.strip().replace("\t", " ") for part in parts}):
        if people.chance.random() < 0.8:  # few texts end with their author
            part = re.split(r"\n\s*-- ", part)[0]
        if 20 < len(part) < 420 and part.count("  ") < 12:
            yield recased(_renamed(part, given, lower, people), people.chance)


def _given_names() -> set[str]:
    from faker import Faker

    names = set[str]()
    for locale in ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "sv_SE", "en_IN"):
        for provider in Faker(locale).get_providers():
            names.update(map(str, getattr(provider, "first_names", ())))
    return {name for name in names if name.isalpha() and len(name) > 2}


def _renamed(part: str, given: set[str], lower: Counter[str], people: People) -> Text:
    make, known, text, at, spans = people.of_one_country(), dict[str, str](), "", 0, list[tuple[int, int, str]]()
    for run in RUN.finditer(part):
        words = run.group().split()
        behind = bool(re.search(r"-- $|--$", part[: run.start()])) and part[run.end() :].strip(" \n")[:1] in (
            "",
            ",",
            "(",
        )
        named = words[0].strip(".") in given or (behind and 1 < len(words) < 4 and lower[words[-1].lower()] < 2)
        named = named or all(word in known for word in words)
        starts = re.search(r"(?:^|[.!?:\"'\n(\-] {0,8}|\n *)$", part[: run.start()]) is not None
        if not named:
            if not (len(words) == 1 and (starts or len(words[0]) < 3 or lower[words[0].lower()] > 3)):
                spans.append((len(text) + run.start() - at, len(text) + run.end() - at, UNKNOWN))
            continue
        text, at = text + part[at : run.start()], run.end()
        for word in words:
            if word not in known:
                made = make(
                    "last_name"
                    if word is words[-1] and (len(words) > 1 or people.chance.random() < 0.4)
                    else "first_name"
                )
                known[word] = f"{made[0]}." if word.endswith(".") else made if word[0].isupper() else word
        value = " ".join(known[word] for word in words)
        spans.append((len(text), len(text) + len(value), "PERSON"))
        text += value
    return Text(text + part[at:], spans)
