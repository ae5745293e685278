"""What orders to a machine read like where they are given in words that are known, as patterns.

Each rule names words without one of which its pattern cannot match: to look for these takes a hundredth of the time.
Gaps are bounded and stay within a sentence, so that the time grows with the text and no faster.
"""

import re
from dataclasses import dataclass
from enum import Enum


class Place(Enum):
    """Where a text comes from."""

    ANSWER = "answer"  # a correction's
    QUESTION = "question"  # a known one, of a correction or of a confirmed answer
    SOURCE = "source"  # a passage of a document


PEOPLE = frozenset({Place.ANSWER, Place.QUESTION})
EVERYWHERE = frozenset(Place)


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, what it is a sign of, where it counts, and words in small letters of which a text needs one."""

    sign: str
    places: frozenset[Place]
    words: tuple[str, ...]
    pattern: re.Pattern[str]

    def finds(self, text: str, small: str) -> bool:
        """Whether it is in the text, which is `small` in small letters."""
        return any(word in small for word in self.words) and self.pattern.search(text) is not None


def _rule(sign: str, places: frozenset[Place], words: str, pattern: str) -> Rule:
    return Rule(sign, places, tuple(words.split()), re.compile(pattern, re.IGNORECASE | re.MULTILINE))


_OLD = r"(?:previous|prior|above|earlier|preceding|foregoing|former|initial|original|existing)"
_ORDERS = (
    r"(?:instructions?|prompts?|rules?|directions|directives?|guidelines?|guidance|commands|constraints|orders"
    r"|restrictions|programming|safeguards)"
)
_REPLY = r"(?:answers?|responses?|reply|replies|output|messages?)"
_MACHINE = (
    r"(?:(?:AI|LLM|virtual|automated)s?[ -](?:and \w+ )?(?:powered )?(?:assistant|agent|model|system|reader"
    r"|reviewer|crawler|tool|bot)s?|(?:LLM|language model|AI) crawlers?|AIs?|LLMs?|chat ?bots?|language models?"
    r"|chat ?gpt|gpt)"
)
_REPLY_ALONE = (
    r"(?:answer|response|reply)(?:'s)?\b(?! (?:box|field|sheet|envelope|device|code|header|body|object|time))"
)
_EDIT = (
    r"(?:add|append|insert|include|integrate|incorporate|embed|weave|inject|put|mention|modify|alter|change"
    r"|augment|enhance|enrich|extend|supplement|replace|substitute|swap|scramble|jumble|shuffle|rearrange"
    r"|reverse|misspell|encode|encrypt|convert|render|turn|translate|rewrite|rephrase|provide|remove|drop|omit"
    r"|group|combine|split|use|apply|introduce|start|begin|end|finish)"
)
_TALK = (
    r"(?:conversation|chat|history|prompt|context|user\w*[ _](?:question|message|input|data|query|name|email)|secret)"
)
_OPENS = r"(?:^\W{0,6}|[.!?:;]\s+|\b(?:please|also|then|now|and|to),? )"  # what stands before an order

RULES = (
    _rule(
        "puts earlier instructions out of force",
        EVERYWHERE,
        "ignor disregard forget discard dismiss overlook overrid overrul bypass neglect abandon follow obey heed",
        r"\b(?:ignor|disregard|forget|discard|dismiss|overlook|overrid|overrul|bypass|neglect|abandon|(?:do not"
        r"|don't|stop|never|no longer) (?:follow|obey|heed))\w* (?:(?:all|any|every|everything|the|of|your|my"
        rf"|our|these|those|other|and) ){{0,4}}(?:{_OLD} (?:\w+ ){{0,2}}(?:{_ORDERS}|context|conversation)"
        rf"|(?:system|safety) {_ORDERS}|{_ORDERS} (?:\w+ ){{0,3}}(?:above|before|given|received|far|earlier"
        r"|previously))\b",
    ),
    _rule(
        "puts earlier instructions out of force",
        PEOPLE,
        "ignor disregard forget discard dismiss overlook overrid bypass abandon following told override",
        r"\b(?:ignor|disregard|forget|discard|dismiss|overlook|overrid|bypass|abandon"
        rf"|stop following)\w* (?:(?:all|any|every|everything|of) ){{0,3}}(?:your (?:\w+ )?(?:{_ORDERS}"
        rf"|training)\b|(?:the )?{_ORDERS} (?:above|set|given|made|written)\b|(?:what |that )?you (?:were"
        rf"|have been|are|know)\b|context loaded\b|the above\b|{_OLD} (?:input|messages?|prompts?|text|chat)\b"
        r"|everything (?:above|before|from before|you|that you|to)\b)|\beverything you (?:were|have been) told\b"
        r"|\b(?:administrator|admin|developer|system|security) override\b",
    ),
    _rule(
        "puts earlier instructions out of force",
        EVERYWHERE,
        "ignor vergiss missachte oubli compte olvid descon esque dimentic 忽略 无视 忘记 無視",
        r"\b(?:ignor|missacht|oublie|compte|olvid|esque[cç]|descon|dimentic)\w* [^.\n]{0,30}\b(?:anweisung"
        r"|vorgabe|regel|instruktion|consigne|instruc|instru[cç]|istruzion|r[eè]g[lo]|orden"
        r"|órden)\w* (?:[^\s.]+ ){0,2}(?:précédent|antérieur|anterior|previ|preceden)|\b(?:ignorier|vergiss"
        r"|missacht)\w* (?:\w+ ){0,3}(?:anweisung|vorgabe|regel|instruktion)|\b(?:vergiss alles"
        r"|oublie[sz]? tout|olvida todo|dimentica tutto)\b|(?:忽略|无视|忘记).{0,8}(?:指令|指示|提示|说明)"
        r"|(?:以前|これまで|上記)の(?:指示|命令).{0,6}無視",
    ),
    _rule(
        "asks for hidden instructions",
        EVERYWHERE,
        "prompt instruction guidelines directives developer system context",
        r"\b(?:reveal|show|print|display|output|repeat|tell|give|share|list|expose|leak|disclose|dump|encode"
        r"|translate|write|summari[sz]e|recite|quote|copy|append|log|see|continue|opposite|what(?:'s| is| are"
        r"| were))\b[^.?!\n]{0,60}(?:(?:[(<]|\b(?:the|your|its|my|our|any|internal|including) )(?:system|hidden|secret"
        r"|developer|initial|starting|configuration)[ _-]?(?:prompts?|instructions?|messages?)"
        r"|\byour (?:\w+ ){0,2}(?:prompt|instructions|guidelines|directives|preamble|opening message"
        r"|context window))\b",
    ),
    _rule(
        "gives a language model another role",
        PEOPLE,
        "bist es eres você sei 你 あなた",
        r"\b(?:du bist (?:ab (?:jetzt|sofort)|nun|jetzt)|ab (?:jetzt|sofort) bist du) ein"
        r"|\b(?:à partir de maintenant|désormais),? (?:tu es|vous êtes)\b|\btu es maintenant\b"
        r"|\ba partir de (?:ahora|agora),? (?:eres|serás|você é)\b|\bahora eres un|\b(?:d'ora in poi"
        r"|da ora),? sei un|(?:从现在开始|从现在起)[，,]?你|今からあなたは",
    ),
    _rule(
        "asks for hidden instructions",
        PEOPLE,
        "you repeat output print copy quote translate recite",
        r"\byour (?:\w+ )?(?:instructions|system (?:prompt|message)|guidelines|directives|restrictions"
        r"|safeguards|persona)\b|\b(?:were|are) you (?:not )?(?:told|instructed|programmed|prompted|primed"
        r"|supposed)\b|\byou (?:were|have been) (?:\w+ )?(?:instructed|programmed|prompted|primed"
        r"|pre-?trained)\b|\byou(?: are|'re) not (?:supposed|allowed|permitted) to (?:tell|say|share|reveal"
        rf"|discuss)\b|\b(?:{_ORDERS}|text|words) (?:that )?you (?:were|have been) given\b|\b(?:repeat|output"
        r"|print|copy|quote|translate|recite|show)\b[^.?!\n]{0,40}\b(?:(?:text|words?|content|everything"
        r"|conversation|stands) (?:above|before|so far|up to)|above (?:text|words?|content|message|conversation)"
        r"|(?:this|our|the) (?:whole|entire) conversation|(?:above|up to|before) this (?:line|message|sentence"
        r"|point))\b",
    ),
    _rule(
        "gives a language model another role",
        EVERYWHERE,
        "you character unfiltered uncensored unrestricted anything jailbr",
        r"\byou (?:are|will be|must act as|should act as) (?:now |from now on |hereby )(?:an?|the"
        rf"|my) (?:\w+ ){{0,4}}(?:{_MACHINE}|assistant)\b|\bstay in character\b|\bdo anything now\b"
        r"|\b(?:unfiltered|uncensored|unrestricted|amoral) (?:AI|assistant|chat ?bot|language model|response)\b"
        r"|\byou are (?:now )?DAN\b|\bjailb(?:reak|roken) (?:mode|prompt)\b|\byour (?:\w+ )?(?:identity"
        r"|persona) (?:has been|was|is) (?:now )?(?:updated|changed|replaced)\b",
    ),
    _rule(
        "gives a language model another role",
        PEOPLE,
        "you as mode without prompt",
        r"\byou(?: are|'re) now (?:(?:an?|my|free|unrestricted|no longer) |(?-i:[\"'“]?[A-Z][a-z]))"
        r"|\byou (?:will|must|shall|should|are going to) (?:now )?(?:pose|simulate|pretend|immerse|impersonate"
        r"|role-?play|act as)\b|\bI want you to (?:act|pretend|respond|answer|play|simulate|write)\b"
        r"|\byou (?:will|must|shall) (?:\w+ )?(?:answer|respond|reply) (?:every|as|in|only)\b|\b(?:every|each"
        r"|any) prompts? I\b|\b(?:from now on|henceforth),? (?:you|your|always|only|never|answer|respond|reply"
        rf"|act|speak)\b|{_OPENS}(?:pretend|imagine) (?:to be|(?:that )?you(?: are|'re| were))\b|{_OPENS}(?:act"
        rf"|behave|respond|speak|answer|reply|talk) (?:as|like) (?:if you|my |DAN\b)|{_OPENS}(?:respond|speak"
        r"|answer|reply|talk) (?:as|like) (?:an?|the) |\byou(?: are|'re) (?:going )?to (?:act|pretend|behave)\b"
        r"|\b(?:take on|play|assume) the role\b|\b(?:without|ha(?:ve|s) no|with no) (?:any |the "
        r"|your )?(?:usual |ethical |moral |safety )(?:restrictions?|filters?|limitations?|safeguards|guardrails"
        r"|limits|guidelines|rules|disclaimers)\b|\b(?:DAN|god|jailbreak|unrestricted|developer|debug"
        r"|maintenance) mode (?:enabled|activated|unlocked|and (?:answer|respond|reply|say|tell))\b"
        r"|\byou have no rules\b",
    ),
    _rule(
        "speaks to a language model",
        EVERYWHERE,
        "ai llm bot language gpt assistant machine automated",
        r"(?:^|[.!?:;>*]\s+)(?:(?:to|for|attention|dear|hey|hi|hello|note|(?:note|notice|instruction"
        rf"|message)s? (?:to|for))[,:]? (?:all |any |the )?(?:{_MACHINE}|assistant)|{_MACHINE}[,:] (?:when|if|you"
        r"|your|please|do not))\b[^.?!\n,:]{0,40}[:,!]? ?(?:\w+ )?(?:you|your|please|when|if|this|is|before"
        r"|include|tell|say|do)\b|\b(?:hi|hello|hey|dear|ok(?:ay)?),? (?:chat ?gpt|gpt|AI|assistant|chat ?bot)\b"
        rf"|\bif you (?:are|'re) (?:an?|the) (?:large )?(?:{_MACHINE}|assistant)\b|\b(?:{_MACHINE}|assistants?"
        r"|machines?|bots?) (?:that |who |which )?(?:read|process|index|summari|retriev|review|answer"
        r"|pick)\w* (?:up )?(?:\w+ )?(?:this|these)\b|\b(?:for|by|to) (?:AI|automated|LLM)s? (?:agents?|readers?"
        r"|assistants?|reviewers?) only\b",
    ),
    _rule(
        "dictates the answer",
        EVERYWHERE,
        "your",
        rf"{_OPENS}{_EDIT}\b(?:[^.?!\n]|[.](?=\w)){{0,80}}\b(?:in|into|to|from|of"
        rf"|with) your (?:\w+ )?{_REPLY_ALONE}|{_OPENS}{_EDIT} (?:\w+ )?your (?:\w+ )?{_REPLY_ALONE} (?:in|into"
        rf"|with|without|using|by|so|to)\b|(?:^|[.!?]\s+)in your {_REPLY_ALONE}, \w",
    ),
    _rule(
        "dictates the answer",
        PEOPLE,
        "your",
        rf"(?<!forward )\b(?:in|into|to|from|of|within|throughout) your (?:\w+ ){{0,2}}(?:{_REPLY_ALONE}"
        rf"|replies|answers"
        rf"|outputs)|{_OPENS}(?!enter|select|mark|submit|send|check|save|receive|get|see|after|before|on"
        rf"|for)\w+ your (?:\w+ )?{_REPLY_ALONE} (?:in|into|with|without|using|by|so|to|as|for)\b(?! the (?:box"
        r"|field|space|form))",
    ),
    _rule(
        "dictates the answer",
        PEOPLE,
        "answer respond repl messag letter vowel word user reader secret decod encod",
        rf"{_OPENS}(?:answer|respond|reply|speak) (?:only|exclusively|with (?:nothing|only|the word)"
        r"|in (?:all )?(?:capital|caps|rhyme|revers|emoji|base|binary|morse|code))|\b(?:in|into|to|with|end"
        r"|begin|start|close|finish) (?:each|every) (?:of your )?(?:reply|replies|answers?)\b"
        r"|\byour (?:\w+ )?(?:answer|response|reply|replies) (?:must|shall|has to|should|recommends?)\b"
        rf"|\b(?:letters?|words?|vowels?|nouns?) (?:in|of) (?:words in )?your (?:\w+ )?{_REPLY}\b"
        rf"|\bletters? with (?:numbers?|symbols?|digits)\b|{_OPENS}(?:\w+ )?(?:replace|substitute|swap|scramble"
        r"|jumble|shuffle|reverse|misspell|anagram|render|write) (?:up )?(?:(?:every|each"
        r"|all) (?:\w+ )?(?:letter|vowel|consonant|word)s?|vowels|consonants|your (?:\w+ )?message)\b"
        rf"|{_OPENS}(?:do not|don't|never) (?:\w+ )?(?:mention|tell|reveal|inform|disclose|warn"
        r"|let)\b[^.?!\n]{0,40}\b(?:this (?:instruction|message|note)|the (?:user|reader|human))\b"
        r"|\bkeep this (?:note|message|instruction|order) (?:secret|hidden|to yourself)\b|\b(?:no matter"
        r"|whatever) (?:\w+ ){1,4}(?:asks?|asked|writes?|write|says?|said)[^.?!\n]{0,12},",
    ),
    _rule(
        "sends data away",
        EVERYWHERE,
        "send forward post mail transmit submit pass append call",
        r"\b(?:send|forward|post|e?-?mail|transmit|submit|upload|pass|call|append)\b[^?!\n]{0,60}"
        r"\b(?:conversation|chat (?:history|log)|everything (?:the|they|that)|user'?s? (?:data|messages?"
        r"|questions?|input|passwords?|e-?mail)|system prompt|retrieved \w+)\b(?:[^.\n]{0,60}(?:https?:|\w@\w"
        r"|<URL>|<EMAIL_ADDRESS(?:_\w{1,4})?>)| (?:person |user )?(?:typed|types|wrote|says|said))|\bask (?:the \w+"
        r"|them) for [^.?!\n]{0,30}\b(?:password|PIN|card|credentials|both)\b[^.?!\n]{0,30}\b(?:send|pass"
        r"|forward|submit)\b",
    ),
    _rule(
        "hides a link that carries data",
        EVERYWHERE,
        "http script:",
        r"!\[[^\]\n]{0,80}\]\(\s*https?://[^)\s]{0,200}=(?:[\[{<$]\W?\w|%7B"
        rf"|(?-i:[A-Z][A-Z0-9]{{2,}}_[A-Z]))|https?://[^\s)\"'>]{{1,200}}=[\[{{<](?:[\w']+[ _]){{0,6}}{_TALK}"
        r"\b(?:[ _]\w+){0,6}[\]}>]|\]\(\s*(?:javascript|vbscript):",
    ),
    _rule(
        "imitates the frame of a prompt",
        EVERYWHERE,
        "<| [inst [/inst <<sys >>[ ### </ system ```",
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|begin_of_text|start_header_id|end_header_id"
        r"|eot_id)\|>|\[/?INST\]|<</?SYS>>|^\s{0,3}#{2,6} *(?:system|human|assistant|instruction"
        r"|response) ?:|</(?:context|passage|doc|answer|prompt|instructions)>\s*(?:<(?:user|assistant|system"
        r"|human|passage|instruct)|\w)|(?-i:^\W{0,12}(?:NEW |UPDATED )?SYSTEM(?: (?:MESSAGE|PROMPT|OVERRIDE"
        r"|INSTRUCTIONS?)\b|:))|^``` ?system\b|\[system\]\(",
    ),
)
