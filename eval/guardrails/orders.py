"""What orders to a machine read like where they are given outright, as patterns."""

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
ONLY_ANSWERS = frozenset({Place.ANSWER})


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, what it is a sign of, and where it counts."""

    sign: str
    pattern: re.Pattern[str]
    places: frozenset[Place]


def rule(sign: str, places: frozenset[Place], pattern: str) -> Rule:
    return Rule(sign, re.compile(pattern, re.IGNORECASE | re.MULTILINE | re.VERBOSE), places)


# Gaps are bounded, so that no text takes long, and stay in the sentence: a dot within a word does not end it.
_GAP = r"(?:[^.?!\n]|[.?!](?=[^\s]))"
OLD = r"(?:previous(?:ly)?|prior|above|earlier|preceding|foregoing|former|initial|original|existing|current|before)"
ORDERS = r"(?:instructions?|prompts?|rules?|directions?|directives?|guidelines?|commands?|constraints?|programming)"
ANSWER = r"(?:answers?|responses?|reply|replies|outputs?|completions?|generations?)"
MODEL = (
    r"(?:AI|A\.I\.|LLMs?|GPT(?:-\w+)?|chat[ ]?bots?|language[ ]models?|(?:AI|virtual|digital|chat|helpful)[ ]"
    r"assistants?|assistants?|AI[ ](?:model|system|agent)s?)"
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

DIRECT = (
    rule(
        "puts earlier instructions out of force",
        EVERYWHERE,
        rf"\b(?:ignore|disregard|forget|discard|override|overrule|bypass|neglect|cancel|drop|abandon|set[ ]aside"
        rf"|(?:do[ ]not|don'?t|stop|no[ ]longer|never)[ ](?:follow|obey|heed|use|adhere[ ]to)(?:ing)?"
        rf"|pay[ ]no[ ]attention[ ]to)[ ]"
        rf"(?:(?:all|any|every(?:thing)?|the|of|your|my|our|these|those|other|system|and)[ ]){{0,4}}"
        rf"(?:{OLD}[ ](?:\w+[ ]){{0,2}}(?:{ORDERS}|context|conversation|messages?|texts?|content|training|questions?)"
        rf"|(?:system|safety|content|security|moderation|ethic\w*)[ ](?:{ORDERS}|polic(?:y|ies)|filters?"
        rf"|restrictions?)"
        rf"|{ORDERS}[ ](?:\w+[ ]){{0,3}}(?:above|before|given|received|far|earlier|previously))\b",
    ),
    rule(
        "puts earlier instructions out of force",
        PEOPLE,
        rf"\b(?:ignore|disregard|forget|override|bypass)[ ](?:(?:all|any|everything|the|of|your|these|those)[ ]){{1,3}}"
        rf"(?:{ORDERS}|(?:you[ ](?:were|have[ ]been|are|know|learned)|above|before|previous|prior))\b"
        r"|\b(?:administrator|admin|root|developer|system|security|sudo)[ ]override\b",
    ),
    rule(
        "puts earlier instructions out of force",
        EVERYWHERE,
        r"\b(?:ignorier\w*|vergiss|missachte\w*)\b[^.\n]{0,40}\b(?:anweisung|anleitung|vorgabe|regel|instruktion)\w*"
        r"|\b(?:ignore[zr]?|oublie[zr]?)\b[^.\n]{0,30}\b(?:instructions|consignes|règles)[^.\n]{0,20}"
        r"\b(?:précédent|antérieur|ci-dessus)\w*"
        r"|\b(?:ignor[ae]|olvid[ae])\b[^.\n]{0,30}\b(?:instrucciones|instruções|istruzioni|reglas)\b[^.\n]{0,20}"
        r"\b(?:anterior|previ|preceden)\w*"
        r"|(?:忽略|无视|忘记).{0,8}(?:指令|指示|提示|说明)|(?:以前|これまで|上記)の(?:指示|命令).{0,6}無視",
    ),
    rule(
        "gives a language model another role",
        EVERYWHERE,
        rf"\byou[ ](?:are|will[ ]be|must[ ]act[ ]as|should[ ]act[ ]as|shall[ ]be)[ ](?:now[ ]"
        rf"|from[ ]now[ ]on[ ]|hereby[ ])"
        rf"(?:an?|the|my)[ ](?:\w+[ ]){{0,4}}{MODEL}\b"
        rf"|\b(?:act|behave|respond|pose|speak|answer)[ ](?:as|like)[ ](?:if[ ]you[ ](?:were|are)[ ])?(?:an?|the)[ ]"
        rf"(?:\w+[ ]){{0,3}}(?:{MODEL})\b(?![ ](?:for|to)[ ](?:the|your)[ ](?:TV|phone|device))"
        r"|\b(?:hi|hello|hey|dear|ok(?:ay)?)[ ,]{1,2}(?:chat[ ]?gpt|gpt|claude|gemini|copilot|llama|mistral|AI"
        r"|assistant)\b"
        r"|\bI[ ]want[ ]you[ ]to[ ](?:act|pretend|respond|answer|play|simulate|ignore|forget|write)\b"
        r"|\bstay[ ]in[ ]character\b|\b(?:unfiltered|uncensored|amoral|unrestricted)[ ](?:\w+[ ]){0,2}"
        r"(?:chat[ ]?bot|AI|assistant|language[ ]model|response|answer)s?\b"
        r"|\bdo[ ]anything[ ]now\b|\byou[ ]are[ ](?:now[ ])?DAN\b|\bjailb(?:reak|roken)[ ](?:mode|prompt)"
        r"|\byou[ ](?:have|are[ ]bound[ ]by)[ ]no[ ](?:ethical|moral|safety|content)[ ]"
        r"(?:guidelines?|restrictions?|limits?|limitations?|filters?|rules?|constraints?)",
    ),
    rule(
        "gives a language model another role",
        PEOPLE,
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
    rule(
        "speaks to a language model",
        EVERYWHERE,
        rf"\b(?:dear|hey|attention|note|message|instructions?|hint|reminder|notice|warning)[ ,:]{{1,2}}(?:(?:to"
        rf"|for)[ ])?"
        rf"(?:the|any|all|every|whichever)?[ ]?(?:AI|LLMs?|chat[ ]?bots?|language[ ]models?|AI[ ](?:assistant"
        rf"|agent|model)s?"
        rf"|assistant)\b[ ]?(?:[:,!]|who|that[ ](?:reads?|process)|reading|processing|summari[sz]ing|$)"
        rf"|\bif[ ]you[ ](?:are|'re)[ ](?:an?|the)[ ](?:\w+[ ])?{MODEL}\b"
        rf"|\bas[ ]an?[ ](?:AI|LLM|chat[ ]?bot|(?:large[ ])?language[ ]model)\b[^.\n]{{0,20}},?[ ]you\b"
        rf"|\b(?:any|every|the)[ ](?:AI|LLM|chat[ ]?bot|language[ ]model|AI[ ](?:assistant|agent|model))[ ]"
        rf"(?:reading|processing|summari[sz]ing|that[ ]reads|answering)[ ][^.\n]{{0,60}}\b(?:must|should|shall"
        rf"|has[ ]to|is[ ]to)\b",
    ),
    rule(
        "speaks to a language model",
        PEOPLE,
        r"\b(?:AI|LLM|chat[ ]?bot|language[ ]model|assistant|model)s?[ ](?:must|should|shall|has[ ]to|have[ ]to"
        r"|needs?[ ]to|will)"
        r"[ ](?:always|never|now|only|instead|ignore|tell|say|answer|reply|respond|recommend|refuse|include|output)\b"
        r"|\b(?:when|whenever|if|each[ ]time|every[ ]time)[ ](?:\w+[ ]){0,4}(?:users?|customers?|someone|anyone|anybody"
        r"|people|you[ ]are|you're)[ ](?:\w+[ ]){0,2}(?:asks?|asked|asking|quer(?:y|ies)|prompt(?:s|ed)?"
        r"|summari[sz]\w*)"
        r"\b[^.\n]{0,80}\b(?:say|tell|answer|reply|respond|recommend|always|claim|state|output|direct|send|point)\b",
    ),
    rule(
        "asks for hidden instructions",
        EVERYWHERE,
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
    rule(
        "asks for hidden instructions",
        PEOPLE,
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
    rule(
        "sends data away",
        EVERYWHERE,
        r"\b(?:send|forward|post|upload|e?-?mail|transmit|exfiltrate|leak|append|submit|deliver|report)\b[^.\n]{0,60}"
        r"\b(?:(?:this|the|their|our|whole|full|entire)[ ](?:conversation|chat)(?:[ ](?:history|log))?"
        r"|chat[ ](?:history|logs?)"
        r"|conversation[ ]history|user'?s?'?[ ](?:data|messages?|questions?|input|credentials?|passwords?"
        r"|history|secrets?"
        r"|tokens?|name|e-?mail)|session[ ](?:cookies?|tokens?)|api[ ]keys?|system[ ]prompt|context[ ]window)\b"
        r"[^\n]{0,40}?\b(?:to|at|via|into)\b[^\n]{0,20}(?:https?:|www\.|\w@\w|\bURL\b|<URL>|<EMAIL_ADDRESS>"
        r"|\b(?:web)?hook|\bserver|\baddress\b|\b[\w-]+\.(?:com|net|org|io|ru|xyz|example|test)\b)",
    ),
    rule(
        "hides a link that carries data",
        EVERYWHERE,
        r"!\[[^\]\n]{0,80}\]\(\s*https?://[^)\s]{0,200}[?&/=](?:[^)\s]{0,80}(?:\{|\$\{|<|%7B|\[)|[^)\s]{0,40}\b"
        r"(?:data|secret|history|chat|conversation|prompt|context|leak|token|cookie|key|exfil)[^)\s]{0,20}=)"
        r"|\]\(\s*(?:javascript|vbscript|data:text/html)[:;,]"
        r"|https?://[^\s)\"'>]{1,120}[?&][\w-]{1,30}=[\[{<](?:\w+[ _]?){1,4}[\]}>]",
    ),
    rule(
        "hides a link that carries data",
        PEOPLE,
        r"!\[[^\]\n]{0,80}\]\(\s*https?://|<\s*img\b[^>\n]{0,200}\bsrc\s*=|<\s*(?:script|iframe|object|embed"
        r"|form|meta)\b"
        r"|\bon(?:error|load|click|mouseover)\s*=\s*[\"']?\w|\bjavascript:",
    ),
    rule(
        "imitates the frame of a prompt",
        EVERYWHERE,
        r"<\|(?:im_start|im_end|system|user|assistant|end\w*|begin\w*|start\w*|eot_id)\|>|\[/?INST\]|<</?SYS>>"
        r"|^\s{0,3}\#{2,6}[ ]*(?:system|human|assistant|user|instruction|response|input)[ ]?:"
        r"|^\W{0,12}(?:begin|start|end)[ ]of[ ](?:the[ ])?(?:system[ ])?(?:context|prompt|instructions?"
        r"|documents?|retrieved"
        r"[ ]\w+|user[ ]\w+)\W{0,12}$|</(?:context|documents?|retrieved\w*|instructions?|prompt|system"
        r"|user_?\w*|query)>"
        r"(?=\s*\w)",
    ),
    rule(
        "imitates the frame of a prompt",
        PEOPLE,
        r"^\s{0,3}(?:system|assistant|human|user|ai)(?:[ ](?:message|prompt|note|instruction)s?)?[ ]?:\s"
        r"|[\[({<]\s?(?:system|admin|developer|important|hidden)[ ]?(?:message|prompt|note|instructions?|override)?"
        r"\s?[\])}>]"
        r"[ ]?:?|</?(?:system|instructions?|prompt|context|assistant)>"
        r"|\b(?:important|urgent|critical)[ ](?:system[ ])?(?:instructions?|directive|override)\b",
    ),
    rule(
        "is hidden from readers",
        EVERYWHERE,
        r"style\s*=\s*[\"'][^\"'\n]{0,100}(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0"
        r"|opacity\s*:\s*0"
        r"(?![.\d])|color\s*:\s*(?:white|\#fff(?:fff)?|transparent)\b)[^\"'\n]{0,100}[\"'][^>\n]{0,60}>[^<\n]*\w",
    ),
    rule("is hidden from readers", PEOPLE, r"<!--[^>]{0,400}\w[^>]{0,400}-->"),
    rule(
        "dictates the answer",
        EVERYWHERE,
        rf"\b{_EDIT}\b{_GAP}{{0,80}}\b(?:in|into|to|at|from|within|of|with|throughout)[ ](?:the[ ]\w+[ ]of[ ])?your[ ]"
        rf"(?:\w+[ ]){{0,2}}{ANSWER}\b(?![ ](?:box|field|sheet|envelope|device|code))"
        rf"|\b(?:modify|augment|enhance|scramble|jumble|rearrange|misspell|anagram|encode|obfuscate|rephrase"
        rf"|reverse|adapt)[ ]"
        rf"(?:\w+[ ]){{0,4}}your[ ](?:\w+[ ]){{0,2}}{ANSWER}\b",
    ),
    rule(
        "dictates the answer",
        PEOPLE,
        rf"\b{_EDIT}\b{_GAP}{{0,100}}\b(?:your[ ](?:\w+[ ]){{0,2}}(?:{ANSWER}|messages?)"
        rf"|(?:this|each|every|all)[ ](?:\w+[ ])?{ANSWER})\b"
        rf"|\b(?:in|within|throughout|before|after|to)[ ](?:the[ ]\w+[ ]of[ ])?your[ ](?:\w+[ ]){{0,2}}{ANSWER}\b,?"
        rf"{_GAP}{{0,40}}\b{_EDIT}\b"
        rf"|(?:^|[.!?]\s+)(?:with)?in[ ]your[ ](?:\w+[ ])?{ANSWER}\b,[ ]\w"
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
        rf"|\b(?:base[ ]?64|rot[ ]?-?13|pig[ ]latin|morse[ ]code|caesar[ ]cipher|leet[ ]?speak)\b[^.?!\n]{{0,60}}\b(?:"
        rf"answer|respond|reply|output|show|write|encode|follow|execute|obey|print)"
        rf"|\b(?:answer|respond|reply|output|show|write|encode|decode|follow|execute|obey|print)\b[^.?!\n]{{0,60}}"
        rf"\b(?:base[ ]?64|rot[ ]?-?13|pig[ ]latin|morse[ ]code|caesar[ ]cipher|leet[ ]?speak)\b"
        rf"|\b(?:every|each|all|the)[ ](?:\w+[ ])?(?:letters?|vowels?|consonants?"
        rf"|words?)\b[^.?!\n]{{0,40}}\b(?:with|by|into|to"
        rf"|using)[ ](?:\w+[ ]){{0,4}}(?:numbers?|symbols?|positions?|asterisks?|emojis?|digits?|characters?)\b"
        rf"|\b(?:continue|complete|finish)[ ](?:the[ ]following|this[ ](?:sentence|text|phrase))\b",
    ),
    rule(
        "sets a task instead of answering",
        ONLY_ANSWERS,
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
