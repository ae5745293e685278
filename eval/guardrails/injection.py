"""Instructions to a language model or to a reader's client, found in texts that should only inform.

Signs, not proof: rules about whom a sentence speaks to and what it asks for (Greshake et al., 2023, arXiv:2302.12173).
A sign is looked for in the text as it is and as it may have been hidden: spaced out, in look-alike letters, encoded.
What counts depends on the place. People's own texts are few and from anyone, so any sign counts. Source passages are
many and chosen by the operator, and manuals are full of imperatives, so only signs count that speak to a machine.

Measured as a correction's answer, a known question and a source passage. Found of 103 published injections (BIPIA,
garak): 0.99, 0.75, 0.53; most of the missed ones are plain tasks ("Explain how solar panels work."), which a question
may well be. Of 150 jailbreaks found in the wild, none of which was looked at for the rules: 0.79, 0.78, 0.50. False
alarms on 1,564 published passages as sources, 2,378 answers, 2,678 questions and our handbook: none, after the rules
were narrowed where they had some.
"""

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

from eval.guardrails.wordlists import LETTERS, LOOK_ALIKES


class Place(Enum):
    """Where a text comes from."""

    ANSWER = "answer"  # a correction's
    QUESTION = "question"  # a known one, of a correction or of a confirmed answer
    SOURCE = "source"  # a passage of a document


_PEOPLE = frozenset({Place.ANSWER, Place.QUESTION})
_ALL = frozenset(Place)
_ONLY_ANSWERS = frozenset({Place.ANSWER})


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, what it is a sign of, and where it counts."""

    sign: str
    pattern: re.Pattern[str]
    places: frozenset[Place]


def _rule(sign: str, places: frozenset[Place], pattern: str) -> Rule:
    return Rule(sign, re.compile(pattern, re.IGNORECASE | re.MULTILINE | re.VERBOSE), places)


# Gaps are bounded, so that no text takes long, and stay in the sentence: a dot within a word does not end it.
_GAP = r"(?:[^.?!\n]|[.?!](?=[^\s]))"
_OLD = r"(?:previous(?:ly)?|prior|above|earlier|preceding|foregoing|former|initial|original|existing|current|before)"
_ORDERS = r"(?:instructions?|prompts?|rules?|directions?|directives?|guidelines?|commands?|constraints?|programming)"
_ANSWER = r"(?:answers?|responses?|reply|replies|outputs?|completions?|generations?)"
_MODEL = (
    r"(?:AI|A\.I\.|LLMs?|GPT(?:-\w+)?|chat ?bots?|language[ ]models?|(?:AI|virtual|digital|chat|helpful)[ ]assistants?"
    r"|assistants?|AI[ ](?:model|system|agent)s?)"
)
_EDIT = (
    r"(?:add|append|attach|insert|include|integrate|incorporate|embed|weave|inject|put|place|prepend|mention|slip|work"
    r"|modify|alter|adjust|change|edit|augment|enhance|enrich|extend|expand|adapt|tailor|revise|supplement|embellish"
    r"|replace|substitute|swap|scramble|jumble|shuffle|rearrange|reorder|reverse|misspell|mangle|obfuscate|encode"
    r"|encrypt|cipher|convert|render|transform|translate|rewrite|rephrase|format|write|give|provide|craft|create|make"
    r"|present|deliver|phrase|compose|produce|generate|remove|drop|delete|omit|group|combine|split|merge|capitali[sz]e"
    r"|use|apply|employ|introduce|start|begin|open|end|close|finish|conclude|preface|sprinkle|limit|keep|anagram"
    r"|advertise|promote|recommend|suggest|highlight|emphasi[sz]e|stress|turn|spell|state|express|repeat|alternate)"
)
_GENRE = (
    r"(?:poems?|haikus?|sonnets?|limericks?|stor(?:y|ies)|tales?|essays?|letters?|speech(?:es)?|articles?"
    r"|summar(?:y|ies)"
    r"|paragraphs?|songs?|lyrics|jokes?|riddles?|blog[ ]posts?|scripts?|screenplays?|dialogues?|functions?|programs?"
    r"|introductions?|reviews?|advertisements?|slogans?|taglines?|headlines?|tweets?|itinerar(?:y|ies)|recipes?)"
)

RULES = (
    _rule(
        "puts earlier instructions out of force",
        _ALL,
        rf"\b(?:ignore|disregard|forget|discard|override|overrule|bypass|neglect|cancel|drop|abandon|set[ ]aside"
        rf"|(?:do[ ]not|don'?t|stop|no[ ]longer|never)[ ](?:follow|obey|heed|use|adhere[ ]to)(?:ing)?"
        rf"|pay[ ]no[ ]attention[ ]to)[ ]"
        rf"(?:(?:all|any|every(?:thing)?|the|of|your|my|our|these|those|other|system|and)[ ]){{0,4}}"
        rf"(?:{_OLD}[ ](?:\w+[ ]){{0,2}}(?:{_ORDERS}|context|conversation|messages?|texts?|content|training|questions?)"
        rf"|(?:system|safety|content|security|moderation|ethic\w*)[ ](?:{_ORDERS}|polic(?:y|ies)|filters?"
        rf"|restrictions?)"
        rf"|{_ORDERS}[ ](?:\w+[ ]){{0,3}}(?:above|before|given|received|far|earlier|previously))\b",
    ),
    _rule(
        "puts earlier instructions out of force",
        _PEOPLE,
        rf"\b(?:ignore|disregard|forget|override|bypass)[ ](?:(?:all|any|everything|the|of|your|these|those)[ ]){{1,3}}"
        rf"(?:{_ORDERS}|(?:you[ ](?:were|have[ ]been|are|know|learned)|above|before|previous|prior))\b"
        r"|\b(?:administrator|admin|root|developer|system|security|sudo)[ ]override\b",
    ),
    _rule(
        "puts earlier instructions out of force",
        _ALL,
        r"\b(?:ignorier\w*|vergiss|missachte\w*)\b[^.\n]{0,40}\b(?:anweisung|anleitung|vorgabe|regel|instruktion)\w*"
        r"|\b(?:ignore[zr]?|oublie[zr]?)\b[^.\n]{0,30}\b(?:instructions|consignes|règles)[^.\n]{0,20}"
        r"\b(?:précédent|antérieur|ci-dessus)\w*"
        r"|\b(?:ignor[ae]|olvid[ae])\b[^.\n]{0,30}\b(?:instrucciones|instruções|istruzioni|reglas)\b[^.\n]{0,20}"
        r"\b(?:anterior|previ|preceden)\w*"
        r"|(?:忽略|无视|忘记).{0,8}(?:指令|指示|提示|说明)|(?:以前|これまで|上記)の(?:指示|命令).{0,6}無視",
    ),
    _rule(
        "gives a language model another role",
        _ALL,
        rf"\byou[ ](?:are|will[ ]be|must[ ]act[ ]as|should[ ]act[ ]as|shall[ ]be)[ ](?:now[ ]"
        rf"|from[ ]now[ ]on[ ]|hereby[ ])"
        rf"(?:an?|the|my)[ ](?:\w+[ ]){{0,4}}{_MODEL}\b"
        rf"|\b(?:act|behave|respond|pose|speak|answer)[ ](?:as|like)[ ](?:if[ ]you[ ](?:were|are)[ ])?(?:an?|the)[ ]"
        rf"(?:\w+[ ]){{0,3}}(?:{_MODEL})\b(?![ ](?:for|to)[ ](?:the|your)[ ](?:TV|phone|device))"
        r"|\b(?:hi|hello|hey|dear|ok(?:ay)?)[ ,]{1,2}(?:chat ?gpt|gpt|claude|gemini|copilot|llama|mistral|AI"
        r"|assistant)\b"
        r"|\bI[ ]want[ ]you[ ]to[ ](?:act|pretend|respond|answer|play|simulate|ignore|forget|write)\b"
        r"|\bstay[ ]in[ ]character\b|\b(?:unfiltered|uncensored|amoral|unrestricted)[ ](?:\w+[ ]){0,2}"
        r"(?:chat ?bot|AI|assistant|language[ ]model|response|answer)s?\b"
        r"|\bdo[ ]anything[ ]now\b|\byou[ ]are[ ](?:now[ ])?DAN\b|\bjailb(?:reak|roken)[ ](?:mode|prompt)"
        r"|\byou[ ](?:have|are[ ]bound[ ]by)[ ]no[ ](?:ethical|moral|safety|content)[ ]"
        r"(?:guidelines?|restrictions?|limits?|limitations?|filters?|rules?|constraints?)",
    ),
    _rule(
        "gives a language model another role",
        _PEOPLE,
        r"\byou[ ]are[ ]now[ ](?:an?[ ]|my[ ]|in[ ]\w+[ ]mode|free|unrestricted|no[ ]longer|going[ ]to|to[ ])"
        r"|\byou(?:[ ]are|'re|[ ]will)[ ](?:(?:now|going|about|not?)[ ])?(?:to[ ])?(?:act[ ]as|pretend"
        r"|play(?:[ ]the)?[ ]role|immerse"
        r"|role-?play|simulate|impersonate)\b|\bsimulate[ ](?:\w+[ ]){1,2}mode\b|\b(?:every|each|any)[ ]prompts?[ ]I\b"
        r"|\bfrom[ ]now[ ]on,?[ ](?:you[ ](?:are|will|must|shall|act|only|always|answer|respond)|your|always"
        r"|only|never|answer|respond|reply|act|speak)"
        r"|(?:^|[.!?:,;]\s+|\bplease[ ])(?:pretend|imagine)[ ](?:to[ ]be|you(?:[ ]are|'re)|that[ ]you)"
        r"|\brole-?play[ ]as\b"
        r"|\btake[ ]on[ ]the[ ]role\b|(?:^|[.!?:,;]\s+|\bplease[ ])act[ ]as[ ](?:if[ ]you|an?[ ]|my[ ]|the[ ])"
        r"|\byour[ ](?:new|real|true|only|actual|next)[ ](?:role|instructions?|task|job|persona|purpose|goal|objective"
        r"|identity|name)\b|\bnew[ ](?:system[ ])?(?:instructions?|prompt|directive|task)s?[ ]?:"
        r"|\b(?:developer|debug|god|unrestricted|unfiltered|DAN|sudo)[ ]mode[ ](?:is[ ])?"
        r"(?:enabled|activated|on|engaged|unlocked)"
        r"|\bwithout[ ]any[ ](?:restrictions?|filters?|limitations?|censorship|ethical|moral)\b",
    ),
    _rule(
        "speaks to a language model",
        _ALL,
        rf"\b(?:dear|hey|attention|note|message|instructions?|hint|reminder|notice|warning)[ ,:]{{1,2}}(?:(?:to"
        rf"|for)[ ])?"
        rf"(?:the|any|all|every|whichever)?[ ]?(?:AI|LLMs?|chat ?bots?|language[ ]models?|AI[ ](?:assistant"
        rf"|agent|model)s?"
        rf"|assistant)\b[ ]?(?:[:,!]|who|that[ ](?:reads?|process)|reading|processing|summari[sz]ing|$)"
        rf"|\bif[ ]you[ ](?:are|'re)[ ](?:an?|the)[ ](?:\w+[ ])?{_MODEL}\b"
        rf"|\bas[ ]an?[ ](?:AI|LLM|chat ?bot|(?:large[ ])?language[ ]model)\b[^.\n]{{0,20}},?[ ]you\b"
        rf"|\b(?:any|every|the)[ ](?:AI|LLM|chat ?bot|language[ ]model|AI[ ](?:assistant|agent|model))[ ]"
        rf"(?:reading|processing|summari[sz]ing|that[ ]reads|answering)[ ][^.\n]{{0,60}}\b(?:must|should|shall"
        rf"|has[ ]to|is[ ]to)\b",
    ),
    _rule(
        "speaks to a language model",
        _PEOPLE,
        r"\b(?:AI|LLM|chat ?bot|language[ ]model|assistant|model)s?[ ](?:must|should|shall|has[ ]to|have[ ]to"
        r"|needs?[ ]to|will)"
        r"[ ](?:always|never|now|only|instead|ignore|tell|say|answer|reply|respond|recommend|refuse|include|output)\b"
        r"|\b(?:when|whenever|if|each[ ]time|every[ ]time)[ ](?:\w+[ ]){0,4}(?:users?|customers?|someone|anyone|anybody"
        r"|people|you[ ]are|you're)[ ](?:\w+[ ]){0,2}(?:asks?|asked|asking|quer(?:y|ies)|prompt(?:s|ed)?"
        r"|summari[sz]\w*)"
        r"\b[^.\n]{0,80}\b(?:say|tell|answer|reply|respond|recommend|always|claim|state|output|direct|send|point)\b",
    ),
    _rule(
        "asks for hidden instructions",
        _ALL,
        r"\b(?:reveal|show|print|display|output|repeat|tell|give|send|share|list|expose|leak|disclose|provide|encode"
        r"|decode|translate|write|dump|echo|summari[sz]e|recite|return|quote|paraphrase|see|read|copy|type"
        r"|opposite[ ]of"
        r"|what(?:'s|[ ]is|[ ]are|[ ]was|[ ]were)|contents?[ ]of)\b[^.?!\n]{0,60}"
        r"(?:\b(?:system|hidden|secret|pre-?)[ _-]?(?:prompt|instructions?|directives?)\b"
        r"|\byour[ ](?:\w+[ ]){0,2}(?:system|initial|original|hidden|secret|starting|internal|base|full|first"
        r"|own|exact)"
        r"[ ](?:\w+[ ])?(?:prompts?|message|instructions?|configuration|directives?|guidelines|rules)\b"
        r"|\byour[ ](?:prompt|instructions|guidelines|directives|programming)\b)"
        r"|\bsystem_?prompt\b[ ]?\)|<[ ]?system_?prompt[ ]?>|\bthe[ ]system[ ]prompt[ ]is\b",
    ),
    _rule(
        "asks for hidden instructions",
        _PEOPLE,
        r"\bsystem[ _]?prompt\b|\b(?:initial|starting|hidden|secret|original)[ ](?:prompt|instructions?)\b"
        r"|\b(?:system|internal)[ ]configuration\b|\binitiali[sz]ation[ ](?:string|prompt|text)\b"
        r"|\byou[ ](?:were|have[ ]been)[ ](?:\w+[ ])?(?:told|given|instructed|programmed|prompted|configured|trained)\b"
        r"|\b(?:were|was)[ ](?:you|I)[ ](?:told|instructed|given)\b|\bI[ ]was[ ]instructed\b"
        r"|\bmy[ ]instructions[ ]are\b"
        r"|\byou(?:[ ]are|'re)[ ]not[ ](?:supposed|allowed|permitted)[ ]to[ ](?:tell|say|share|reveal|discuss|answer)"
        r"|\byou[ ]not[ ](?:supposed|allowed|permitted)[ ]to[ ](?:tell|say|share|reveal|discuss|answer)"
        r"|\b(?:repeat|output|print|copy|translate|encode|summari[sz]e|show|reproduce|recite)\b[^.?!\n]{0,30}"
        r"\b(?:(?:the[ ])?(?:above|preceding|previous|initial)[ ](?:text|words?|content|message|instructions?"
        r"|conversation)"
        r"|(?:text|words|content|everything|conversation|instructions)[ ](?:above|before|so[ ]far|preceding)"
        r"|(?:this|our|the)[ ](?:whole|entire|full)?[ ]?(?:conversation|chat[ ]history))\b",
    ),
    _rule(
        "sends data away",
        _ALL,
        r"\b(?:send|forward|post|upload|e?-?mail|transmit|exfiltrate|leak|append|submit|deliver|report)\b[^.\n]{0,60}"
        r"\b(?:(?:this|the|their|our|whole|full|entire)[ ](?:conversation|chat)(?:[ ](?:history|log))?"
        r"|chat[ ](?:history|logs?)"
        r"|conversation[ ]history|user'?s?'?[ ](?:data|messages?|questions?|input|credentials?|passwords?"
        r"|history|secrets?"
        r"|tokens?|name|e-?mail)|session[ ](?:cookies?|tokens?)|api[ ]keys?|system[ ]prompt|context[ ]window)\b"
        r"[^\n]{0,40}?\b(?:to|at|via|into)\b[^\n]{0,20}(?:https?:|www\.|\w@\w|\bURL\b|<URL>|<EMAIL_ADDRESS>"
        r"|\b(?:web)?hook|\bserver|\baddress\b|\b[\w-]+\.(?:com|net|org|io|ru|xyz|example|test)\b)",
    ),
    _rule(
        "hides a link that carries data",
        _ALL,
        r"!\[[^\]\n]{0,80}\]\(\s*https?://[^)\s]{0,200}[?&/=](?:[^)\s]{0,80}(?:\{|\$\{|<|%7B|\[)|[^)\s]{0,40}\b"
        r"(?:data|secret|history|chat|conversation|prompt|context|leak|token|cookie|key|exfil)[^)\s]{0,20}=)"
        r"|\]\(\s*(?:javascript|vbscript|data:text/html)[:;,]"
        r"|https?://[^\s)\"'>]{1,120}[?&][\w-]{1,30}=[\[{<](?:\w+[ _]?){1,4}[\]}>]",
    ),
    _rule(
        "hides a link that carries data",
        _PEOPLE,
        r"!\[[^\]\n]{0,80}\]\(\s*https?://|<\s*img\b[^>\n]{0,200}\bsrc\s*=|<\s*(?:script|iframe|object|embed"
        r"|form|meta)\b"
        r"|\bon(?:error|load|click|mouseover)\s*=\s*[\"']?\w|\bjavascript:",
    ),
    _rule(
        "imitates the frame of a prompt",
        _ALL,
        r"<\|(?:im_start|im_end|system|user|assistant|end\w*|begin\w*|start\w*|eot_id)\|>|\[/?INST\]|<</?SYS>>"
        r"|^\s{0,3}\#{2,6}[ ]*(?:system|human|assistant|user|instruction|response|input)[ ]?:"
        r"|^\W{0,12}(?:begin|start|end)[ ]of[ ](?:the[ ])?(?:system[ ])?(?:context|prompt|instructions?"
        r"|documents?|retrieved"
        r"[ ]\w+|user[ ]\w+)\W{0,12}$|</(?:context|documents?|retrieved\w*|instructions?|prompt|system"
        r"|user_?\w*|query)>"
        r"(?=\s*\w)",
    ),
    _rule(
        "imitates the frame of a prompt",
        _PEOPLE,
        r"^\s{0,3}(?:system|assistant|human|user|ai)(?:[ ](?:message|prompt|note|instruction)s?)?[ ]?:\s"
        r"|[\[({<]\s?(?:system|admin|developer|important|hidden)[ ]?(?:message|prompt|note|instructions?|override)?"
        r"\s?[\])}>]"
        r"[ ]?:?|</?(?:system|instructions?|prompt|context|assistant)>"
        r"|\b(?:important|urgent|critical)[ ](?:system[ ])?(?:instructions?|directive|override)\b",
    ),
    _rule(
        "is hidden from readers",
        _ALL,
        r"style\s*=\s*[\"'][^\"'\n]{0,100}(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0"
        r"|opacity\s*:\s*0"
        r"(?![.\d])|color\s*:\s*(?:white|\#fff(?:fff)?|transparent)\b)[^\"'\n]{0,100}[\"'][^>\n]{0,60}>[^<\n]*\w",
    ),
    _rule("is hidden from readers", _PEOPLE, r"<!--[^>]{0,400}\w[^>]{0,400}-->"),
    _rule(
        "dictates the answer",
        _ALL,
        rf"\b{_EDIT}\b{_GAP}{{0,80}}\b(?:in|into|to|at|from|within|of|with|throughout)[ ](?:the[ ]\w+[ ]of[ ])?your[ ]"
        rf"(?:\w+[ ]){{0,2}}{_ANSWER}\b(?![ ](?:box|field|sheet|envelope|device|code))"
        rf"|\b(?:modify|augment|enhance|scramble|jumble|rearrange|misspell|anagram|encode|obfuscate|rephrase"
        rf"|reverse|adapt)[ ]"
        rf"(?:\w+[ ]){{0,4}}your[ ](?:\w+[ ]){{0,2}}{_ANSWER}\b",
    ),
    _rule(
        "dictates the answer",
        _PEOPLE,
        rf"\b{_EDIT}\b{_GAP}{{0,100}}\b(?:your[ ](?:\w+[ ]){{0,2}}(?:{_ANSWER}|messages?)"
        rf"|(?:this|each|every|all)[ ](?:\w+[ ])?{_ANSWER})\b"
        rf"|\b(?:in|within|throughout|before|after|to)[ ](?:the[ ]\w+[ ]of[ ])?your[ ](?:\w+[ ]){{0,2}}{_ANSWER}\b,?"
        rf"{_GAP}{{0,40}}\b{_EDIT}\b"
        rf"|(?:^|[.!?]\s+)(?:with)?in[ ]your[ ](?:\w+[ ])?{_ANSWER}\b,[ ]\w"
        rf"|\b(?:always|only|just|never)[ ](?:answer|respond|reply|say|output|recommend)\b"
        rf"|(?:^|[.!?:,;]\s+|\b(?:please|must|should|will|you|to|then|always|now)[ ])(?:answer|respond|reply"
        rf"|output)[ ](?:only|always|exclusively|solely|every|as[ ]if|in[ ](?:the[ ]style|a[ ]\w+"
        rf"[ ]tone|reverse|code|rhymes?|base64|caps|capitals|emojis?|binary|morse|all)|with[ ](?:the[ ](?:word"
        rf"|phrase|text|exact)"
        rf"|only|nothing|exactly|\"|'|“))"
        rf"|\b(?:do[ ]not|don'?t|never|without)[ ](?:\w+[ ])?(?:mention|tell|reveal|say|inform|disclose|warn"
        rf"|let|telling"
        rf"|mentioning|informing|alerting)\b[^.?!\n]{{0,40}}\b(?:users?|readers?|the[ ]human"
        rf"|this[ ](?:instruction|message|note))\b"
        rf"|\b(?:base ?64|rot ?-?13|pig[ ]latin|morse[ ]code|caesar[ ]cipher|leet ?speak)\b[^.?!\n]{{0,60}}\b(?:answer"
        rf"|respond|reply|output|show|write|encode|follow|execute|obey|print)"
        rf"|\b(?:answer|respond|reply|output|show|write|encode|decode|follow|execute|obey|print)\b[^.?!\n]{{0,60}}"
        rf"\b(?:base ?64|rot ?-?13|pig[ ]latin|morse[ ]code|caesar[ ]cipher|leet ?speak)\b"
        rf"|\b(?:every|each|all|the)[ ](?:\w+[ ])?(?:letters?|vowels?|consonants?"
        rf"|words?)\b[^.?!\n]{{0,40}}\b(?:with|by|into|to"
        rf"|using)[ ](?:\w+[ ]){{0,4}}(?:numbers?|symbols?|positions?|asterisks?|emojis?|digits?|characters?)\b"
        rf"|\b(?:continue|complete|finish)[ ](?:the[ ]following|this[ ](?:sentence|text|phrase))\b",
    ),
    _rule(
        "sets a task instead of answering",
        _ONLY_ANSWERS,
        rf"(?:^|[.!?:]\s+)(?:please[ ]|now[ ]|also,?[ ]|then,?[ ]|can[ ]you[ ]|could[ ]you[ ])?(?:write|compose"
        rf"|draft|craft"
        rf"|create|generate|develop|produce|give|tell|provide|show|deliver|prepare)[ ](?:me[ ]|us[ ])?(?:an?"
        rf"|the|some|two|three)"
        rf"[ ](?:[\w'-]+[ ]){{0,4}}{_GENRE}\b"
        rf"|(?:^|[.!?:]\s+)(?:please[ ]|now[ ]|also,?[ ])?(?:explain|describe|summari[sz]e|translate|discuss"
        rf"|paraphrase|outline"
        rf"|compare|analy[sz]e|break[ ]down|elaborate|list)[ ](?:me[ ]|us[ ])?(?:how|why|what|who"
        rf"|the[ ](?:following|process"
        rf"|concept|theory|main|life|difference|plot|history|importance|role|impact)|in[ ]detail"
        rf"|this[ ]\w+[ ]to|the[ ]\w+[ ]of)\b",
    ),
)

_TASK = re.compile(
    r"(?:please |now |also,? |then,? )*"
    r"(?:(?:(?:can|could|would|will) you |(?:what(?:'s)?|who|whom|whose|where|when|why|how|which)\b)"
    r"(?!.*\byou (?:are|mean|looking|referring|talking)\b)(?!.*\bare you\b).*\?"
    r"|(?:explain|describe|summari[sz]e|translate|define|discuss|outline|compare|analy[sz]e|automate|simulate"
    r"|compose|draft|brainstorm|compile|research|evaluate|classify|predict|forecast|generate|devise|suggest|recommend"
    r"|propose|paraphrase|rewrite|proofread|elaborate|assess|critique|identify)\b"
    r"|(?:provide|give|list|tell|name|find|show|create|write|make|design|develop|plan|organi[sz]e|schedule|help"
    r"|do|book|set)"
    r" (?:me|my)\b|provide (?:an? |the |some )?(?:\w+ )?(?:examples?|equivalent|translation|ideas|tips|list"
    r"|overview)\b)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_SPACED = re.compile(r"(?<!\w)\w(?:[ .\-_*]\w(?!\w)){3,}")  # two spaces stand between two such words
_ENCODED = re.compile(r"(?<![\w+/=])(?:[A-Za-z0-9+/]{4}){5,}(?:[A-Za-z0-9+/]{2,3}={0,2})?(?![\w+/])")
_HEX = re.compile(r"\b(?:[0-9a-fA-F]{2}[ ]?){16,}\b")
_TAGS = 0xE0000  # where Unicode's tag characters stand, which repeat ASCII and do not show
_DIGITS_IN_WORDS = re.compile(r"\b(?=\w*[a-zA-Z])(?=\S*[013457@$])[\w@$]+")
_LEET = str.maketrans("013457@$", "oieastas")
_MIXED = re.compile(rf"\b(?=\w*[A-Za-z])(?=\w*[{LETTERS}])\w{{4,}}\b")
_INVISIBLE = re.compile(r"[\u200b-\u200d\u2060-\u2064\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
# One zero-width space is a slip of an editor. Text that is turned round, or a whole row of marks, is made to hide.
_CONCEALED = re.compile(r"[\u202d\u202e]|[\u200b-\u200d\u2060-\u2064\ufeff]{4,}|[\U000e0020-\U000e007e]{8,}")


def signs(text: str, *, place: Place) -> list[str]:
    """What the text is suspected of, each once, in a fixed order; nothing where it only informs."""
    found = [] if place is Place.SOURCE else _disguises(text)
    forms = list(_forms(text) if place is Place.SOURCE else _all_forms(text))
    for rule in RULES:
        if place in rule.places and rule.sign not in found and any(rule.pattern.search(form) for form in forms):
            found.append(rule.sign)
    if place is Place.ANSWER and _only_asks(forms[0]):
        found.append("sets a task instead of answering")
    return list(dict.fromkeys(found))


def _disguises(text: str) -> list[str]:
    hidden = _CONCEALED.search(text) is not None or _MIXED.search(text) is not None
    return ["is hidden from readers"] if hidden else []


def _only_asks(text: str) -> bool:
    """Whether every sentence of a text asks somebody for something, other than the reader what was meant."""
    sentences = [one.strip() for one in _SENTENCE.findall(text) if one.strip()]
    return bool(sentences) and all(_TASK.match(one) for one in sentences)


def _forms(text: str) -> Iterator[str]:
    """The text as it reads, and what it holds in other letters, as entities, or encoded."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).replace("’", "'").replace("‘", "'")
    plain = re.sub(r"[^\S\n]+", " ", plain)
    yield plain
    for other in (plain.translate(LOOK_ALIKES), html.unescape(plain)):
        if other != plain:
            yield other
    yield from _decoded(plain)


def _all_forms(text: str) -> Iterator[str]:
    """These, and what is spelled in tags, spaced out, in digits for letters, escaped, by ROT13 or backwards."""
    yield from _forms(text)
    yield "".join(chr(ord(one) - _TAGS) for one in text if 0x20 <= ord(one) - _TAGS <= 0x7E)
    yield re.sub(r"[^\S\n]+", " ", _SPACED.sub(lambda match: re.sub(r"[ .\-_*]", "", match[0]), text))
    yield _DIGITS_IN_WORDS.sub(lambda match: match[0].translate(_LEET), text)
    yield unquote(text)
    yield codecs.encode(text, "rot13")
    yield text[::-1]


def _decoded(text: str) -> Iterator[str]:
    for match in _ENCODED.finditer(text):
        try:
            yield base64.b64decode(match[0] + "=" * (-len(match[0]) % 4), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            continue
    for match in _HEX.finditer(text):
        try:
            yield bytes.fromhex(match[0].replace(" ", "")).decode("utf-8")
        except (ValueError, UnicodeDecodeError):
            continue
