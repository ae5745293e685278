"""What orders to a machine read like where they come as facts and notes, in another language, or as a payload."""

from eval.guardrails.orders import ANSWER, EVERYWHERE, ORDERS, PEOPLE, rule

_RULES = rf"(?:{ORDERS}|guidance|restrictions?|safeguards?|policies|policy|safety[ ]\w+|filters?)"
_SOMEONE = r"(?:your|the)[ ](?:\w+[ ])?(?:operators?|developers?|creators?|makers?|system|owner|vendor)"
_MACHINE = (
    r"(?:(?:AI|LLM|language[ ]model|automated|machine|virtual)s?[ -](?:and[ ]\w+[ ])?(?:powered[ ])?(?:assistants?"
    r"|agents?|crawlers?|readers?|systems?|tools?|bots?|models?|summari[sz]ers?|search[ ]engines?|processors?"
    r"|reviewers?)|AIs?|LLMs?|chat[ ]?bots?|(?:large[ ])?language[ ]models?|chat[ ]?gpt|gpt-?\w*)"
)
_READS = (
    r"(?:read|pars|process|index|ingest|summari[sz]|retriev|scan|pick|analy[sz]|evaluat|grad|review|quot|answer)\w*"
)
_THIS = (
    r"this[ ](?:\w+[ ])?(?:text|page|document|passage|paragraph|section|note|file|message|content|ticket|paper|e-?mail)"
)
_DUTY = r"(?:must|should|shall|(?:has|have|needs?|ought|are|is)[ ]to)"
_ASKED = r"(?:asks?|says?|writes?|types?|mentions?)"
_FIRST = r"(?:^|[.!?:;*\-\u2013\u2014]\s+|\()"

INDIRECT = (
    rule(
        "puts earlier instructions out of force",
        EVERYWHERE,
        rf"\b{_RULES}\b[^.?!\n]{{0,60}}\b(?:you[ ](?:operate|work|act|run|are[ ]bound|were[ ]given|received"
        rf"|have[ ]been)|(?:to|of|for|given[ ]to)[ ]the[ ](?:AI|assistant|model|chat[ ]?bot|LLM))\b[^.?!\n]{{0,40}}"
        rf"\b(?:are|is|have[ ]been|has[ ]been|do[ ]not|does[ ]not|no[ ]longer)\b[^.?!\n]{{0,30}}\b(?:suspended|revoked"
        rf"|void|lifted|cancell?ed|appl(?:y|ies)|obsolete|withdrawn|replaced|superseded|disabled|invalid|removed)\b"
        rf"|\b(?:treat|consider|regard)[ ](?:all[ ]|any[ ]|the[ ]|your[ ]){{0,2}}(?:preceding|previous|prior|earlier"
        rf"|above|existing)[ ](?:\w+[ ])?{_RULES}[ ](?:as[ ])?(?:\w+[ ])?(?:void|invalid|cancell?ed|revoked|obsolete"
        rf"|outdated|superseded|null)\b"
        rf"|\b(?:supersed|overrid|replac|overrul|trump)\w*[ ](?:all[ ]|any[ ]|every[ ]|what(?:ever)?[ ]|the[ ]){{0,2}}"
        rf"(?:\w+[ ])?(?:{_SOMEONE}|your)[ ](?:\w+[ ]){{0,2}}(?:configured|instructed|told|set|said|prompt"
        rf"|instructions?|guidelines?|programming)\b"
        rf"|\b(?:everything|anything|all|whatever)[ ](?:that[ ])?you[ ](?:were|have[ ]been|had[ ]been)[ ]"
        rf"(?:\w+[ ])?(?:told|taught|instructed|given)\b[^.?!\n]{{0,50}}\b(?:no[ ]longer|void|not[ ]appl|wrong|obsolete"
        rf"|out[ ]of[ ]date|forget|ignore|disregard)",
    ),
    rule(
        "puts earlier instructions out of force",
        PEOPLE,
        rf"\b(?:ignor|disregard|forget|discard|dismiss|overlook|overrid|bypass|drop|scrap|break|violat|abandon|suspend"
        rf"|(?:stop|quit)[ ](?:follow|obey|us|apply)|(?:do[ ]not|don'?t|no[ ]longer|never)[ ](?:follow|obey|apply))\w*"
        rf"[ ]"
        rf"(?:(?:all|any|every|of|the|those|these)[ ]){{0,3}}(?:your[ ](?:\w+[ ])?(?:{ORDERS}|guidance|safeguards)"
        rf"|context\b[^.?!\n]{{0,12}}\b(?:loaded|so[ ]far|above)"
        rf"|{_RULES}[ ](?:\w+[ ]){{0,3}}(?:by|from|of)[ ]{_SOMEONE}"
        rf"|(?:{ORDERS}|guidance)[ ](?:that[ ])?(?:you[ ]were|you[ ]have[ ]been|were[ ]given|was[ ]given)\b)"
        rf"|\byou[ ](?:now[ ])?have[ ]no[ ](?:more[ ])?(?:rules|restrictions|limits|limitations|filters|guidelines)\b",
    ),
    rule(
        "gives a language model another role",
        EVERYWHERE,
        r"\byour[ ](?:\w+[ ])?(?:identity|persona|character|system[ ]role|system[ ]prompt)[ ](?:has[ ]been|was|is)[ ]"
        r"(?:now[ ]|hereby[ ])?(?:updated|changed|replaced|reset|that[ ]of|set)\b"
        rf"|{_FIRST}{_MACHINE}[,:][ ](?:from[ ]now[ ]on|you(?:r|[ ]are|'re)\b)"
        rf"|\b(?:while|when|once|as[ ]long[ ]as|after)[ ]{_THIS}[ ]is[ ](?:\w+[ ])?in[ ](?:your|the)[ ]"
        rf"(?:context|prompt|memory)",
    ),
    rule(
        "gives a language model another role",
        PEOPLE,
        r"\b(?:answer|respond|reply|speak|talk|write|act)\w*[ ](?:only[ ])?(?:in[ ]the[ ](?:persona|voice|role"
        r"|character)|(?:as|like)[ ]DAN\b)"
        r"|\b(?:switch|go|change|enter|activate|enable)[ ](?:in)?(?:to[ ])?(?:the[ ])?(?:maintenance|developer|debug"
        r"|god|admin|unrestricted|jailbreak|unsafe|root)[ ]mode\b(?=[^.?!\n]{0,40}\b(?:answer|respond|reply|say|tell"
        r"|without))"
        r"|\bwithout[ ](?:the|your|any|its)[ ](?:usual|normal|standard|regular|built-in)?[ ]?(?:safeguards|guardrails"
        r"|censorship|disclaimers|content[ ]filters?|restrictions)\b",
    ),
    rule(
        "speaks to a language model",
        EVERYWHERE,
        rf"{_FIRST}(?:(?:to|for|attention|dear|note[ ](?:to|for)|notice[ ](?:to|for))[,:]?[ ])?(?:all[ ]|any[ ]|the[ ]"
        rf"|every[ ])?{_MACHINE}(?:[ ](?:that|who|which|and|reading|of)\b[^.?!:\n]{{0,40}})?[,:][ ](?:when|if|while"
        rf"|once|please|you|your|do[ ]not|always|never)\b"
        rf"|\b(?:to|for)[ ](?:the|any|all|every|whichever)[ ]{_MACHINE}[ ](?:that|who|which)?[ ]?(?:is[ ]|are[ ])?"
        rf"{_READS}[ ](?:\w+[ ])?(?:this|these|it)\b"
        rf"|\b{_MACHINE}[ ](?:that[ ]|who[ ]|which[ ])?{_READS}[ ](?:\w+[ ])?{_THIS}\b[^.?!\n]{{0,40}}\b{_DUTY}\b"
        rf"|\b{_THIS}[ ](?:is|was)[ ](?:\w+[ ])?(?:meant|intended|written|reserved|addressed)[ ](?:only[ ])?(?:for|to)"
        rf"[ ](?:the[ ])?{_MACHINE}\b",
    ),
    rule(
        "speaks to a language model",
        PEOPLE,
        rf"\b(?:{_MACHINE}|assistant|bot|model)s?\b[^.?!\n]{{0,40}}[ ]{_DUTY}[ ](?:\w+[ ])?(?:say|tell|answer|reply"
        rf"|respond|recommend|claim|pretend)\b"
        rf"|\b(?:when|whenever|if|each[ ]time|every[ ]time|once|as[ ]soon[ ]as)[ ](?:a[ ]|the[ ]|any[ ]|an[ ])?(?:user"
        rf"|customer|visitor|shopper|client|person|someone|anyone|anybody|somebody)\b[^.?!\n]{{0,12}}\b{_ASKED}\b"
        rf"[^.?!\n]{{0,60}}[, ](?:then[ ])?(?:say|tell|answer|reply|respond|recommend|claim|state|reveal)\b",
    ),
    rule(
        "asks for hidden instructions",
        EVERYWHERE,
        r"\b(?:dump|reveal|show|print|output|expose|leak|disclose|quote|recite|repeat|include|append|copy)\b"
        r"[^.?!\n]{0,40}\b(?:(?:its|your|the|full)[ ](?:\w+[ ])?(?:context[ ]window|developer[ ]messages?"
        r"|system[ ]messages?)|(?:configuration|set-?up|priming|developer)[ ](?:prompt|text|instructions))\b",
    ),
    rule(
        "asks for hidden instructions",
        PEOPLE,
        rf"\b(?:what|{ORDERS})[ ](?:\w+[ ]){{0,3}}(?:developers?|operator|creators?|makers?|company|owner|vendor)[ ]"
        r"(?:has[ ]|have[ ]|had[ ])?(?:given|give|gave|told|tell|taught|set|imposed[ ]on)[ ]you\b"
        r"|\byou[ ](?:were|are|have[ ]been)[ ](?:\w+[ ])?(?:primed|set[ ]up|started|initiali[sz]ed|bootstrapped)[ ]with"
        r"\b"
        r"|\byour[ ](?:\w+[ ])?(?:preamble|context[ ]window|set-?up[ ]text|priming)\b"
        r"|\binstructions?[ ](?:that[ ])?(?:came|come|stood|stand|precede\w*|were|was)[ ](?:\w+[ ])?(?:before|above"
        r"|first)\b|\b(?:quote|repeat|print|copy|show|output|tell)\b[^.?!\n]{0,60}\b(?:above|before)[ ](?:this|my)[ ]"
        r"(?:line|message|question|sentence|text|point)\b",
    ),
    rule(
        "sends data away",
        EVERYWHERE,
        r"\b(?:send|forward|post|upload|e?-?mail|transmit|submit|pass|copy|call|request)\b[^?!\n]{0,60}"
        r"\b(?:contents[ ]of[ ]the[ ]retrieved[ ](?:documents?|passages?|texts?|context)|(?:everything|all|whatever"
        r"|anything)[ ](?:that[ ])?(?:the[ ](?:user|person|customer|visitor|reader)|they)[ ](?:\w+[ ])?(?:types?|typed"
        r"|writes?|wrote|says?|said|asks?|asked|enters?|entered))\b"
        r"|\bask[ ](?:the[ ](?:user|person|customer|visitor|reader)|them|her|him|people)[ ]for[ ][^.?!\n]{0,40}"
        r"\b(?:passwords?|PIN|card[ ]numbers?|credentials?|one-time[ ]codes?|login|both)\b[^.?!\n]{0,30}\b(?:send|pass"
        r"|forward|post|submit|e-?mail|report)\b",
    ),
    rule(
        "sends data away",
        PEOPLE,
        r"\b(?:call|request|fetch|load|open|visit|ping|query|trigger)\b[^.?!\n]{0,30}https?://\S{4,120}[^.\n]{0,40}"
        r"\b(?:(?:user|person|customer|visitor|reader)'?s?[ ](?:\w+[ ])?(?:question|message|input|text|data|history)"
        r"|conversation|chat[ ]history)\b",
    ),
    rule(
        "hides a link that carries data",
        EVERYWHERE,
        r"!\[[^\]\n]{0,80}\]\(\s*https?://[^)\s]{0,200}[?&][\w-]{1,30}=(?:\$\w|[A-Z]{3,}_[A-Z_]{3,})"
        r"|https?://[^\s)\"'>]{1,120}[?&][\w-]{1,30}=[\[{<](?:[\w']+[ _]?){1,8}[\]}>]",
    ),
    rule(
        "imitates the frame of a prompt",
        EVERYWHERE,
        r"<\|\w{2,30}\|>|^\W{0,12}(?:new|updated|real)[ ]system[ ](?:message|prompt|instructions?)\W{0,12}$"
        r"|</(?:doc|passage|document|context)>\s*<(?:user|assistant|system|human)\b|\[system\]\(\#",
    ),
    rule(
        "imitates the frame of a prompt",
        PEOPLE,
        r"</?(?:passage|doc|document|user|human|developer|tool|function)(?:[ ][^>\n]{0,60})?>|^```[ ]?(?:system"
        r"|developer|prompt)\b|[\"']role[\"']\s*:\s*[\"'](?:system|developer|assistant)[\"']",
    ),
    rule(
        "is hidden from readers",
        EVERYWHERE,
        r"style\s*=\s*[\"'][^\"'\n]{0,100}(?:(?:left|top|right|text-indent)\s*:\s*-\d{3,}|font-size\s*:\s*[01]px"
        r"|clip\s*:\s*rect\(0|(?<![-\w])(?:height|width)\s*:\s*0(?:px)?(?=[\s;\"']))[^\"'\n]{0,100}[\"'][^>\n]{0,60}>[^<\n]*\w"
        r"|<(?:span|p|div|li|td|b|i|font)\b[^>\n]{0,80}\shidden(?=[\s>=])[^>\n]{0,60}>"
        r"[^<\n]*\w+\s+\w",
    ),
    rule("is hidden from readers", PEOPLE, r"^\s{0,3}\[[^\]\n]{1,40}\]:\s*(?:\#|<>)\s*[(\"'][^\n]*\w+\s+\w"),
    rule(
        "dictates the answer",
        EVERYWHERE,
        r"\bkeep[ ]this[ ](?:\w+[ ])?(?:note|message|instruction|order|text)\b[^.?!\n]{0,20}\b(?:secret|hidden"
        r"|to[ ]yourself|confidential)\b[^.?!\n]{0,20}\b(?:from|to)\b",
    ),
    rule(
        "dictates the answer",
        PEOPLE,
        rf"\byour[ ](?:\w+[ ])?(?:{ANSWER}|summar(?:y|ies))[ ](?:must|shall|should|has[ ]to|is[ ]to)[ ](?:not[ ])?"
        rf"(?:contain|include|mention|say|state|begin|start|end|name|praise)\b"
        rf"|\b(?:no[ ]matter|whatever|regardless[ ]of)[ ](?:\w+[ ]){{1,4}}(?:asks?|asked|writes?|says?|said|answers?"
        rf"|types?|typed|question)\b[^.?!\n]{{0,12}},[ ]?(?:the[ ](?:only[ ])?answer|close|end|finish|begin|start|say"
        rf"|answer|reply|respond|always)"
        rf"|{_FIRST}(?:answer|respond|reply)[ ]as[ ](?:a|an|if|the)\b|\bdo[ ]not[ ]cite\b"
        rf"|\bin[ ](?:the|your)[ ](?:final|next)[ ](?:{ANSWER}|summary)\b,[ ]\w",
    ),
    # The same in German, French, Spanish, Portuguese, Italian, Chinese and Japanese
    rule(
        "puts earlier instructions out of force",
        EVERYWHERE,
        r"\b(?:ne[ ](?:tenez|tiens)[ ](?:pas|plus)[ ]compte|fai(?:s|tes)[ ]abstraction)\b[^.\n]{0,20}\b(?:consignes"
        r"|instructions|règles)[^.\n]{0,20}\b(?:précédent|antérieur|ci-dessus)\w*"
        r"|\b(?:desconsider[ea]|esque[cç]a|ignor[ea]|descart[ae]|olvid[ae]|dimentica)\b[^.\n]{0,25}\b(?:instruções"
        r"|instrucciones|istruzioni|ordens|órdenes|regras|reglas|regole)[ ](?:anterior|previ|preceden)\w*",
    ),
    rule(
        "puts earlier instructions out of force",
        PEOPLE,
        r"\bvergiss\b[^.\n]{0,20}\b(?:alles|was)\b[^.\n]{0,30}\b(?:gesagt|vorgegeben|aufgetragen)\b",
    ),
    rule(
        "gives a language model another role",
        PEOPLE,
        r"\b(?:du[ ]bist[ ](?:ab[ ](?:jetzt|sofort)|nun|jetzt|von[ ]nun[ ]an)|ab[ ](?:jetzt|sofort)[ ]bist[ ]du)[ ]ein"
        r"|\b(?:à[ ]partir[ ]de[ ]maintenant|désormais),?[ ](?:tu[ ]es|vous[ ]êtes)[ ]une?\b"
        r"|\btu[ ]es[ ]maintenant[ ]une?\b"
        r"|\ba[ ]partir[ ]de[ ](?:ahora|agora),?[ ](?:eres|serás|você[ ]é)[ ](?:un|uma?)\b"
        r"|\b(?:d'ora[ ]in[ ]poi|da[ ]ora),?[ ]sei[ ]un|(?:从现在开始|从现在起)[，,]?你(?:是|就是)|今からあなたは",
    ),
    rule(
        "speaks to a language model",
        EVERYWHERE,
        r"\b(?:hinweis|anweisung)(?:en)?[ ](?:für|an)[ ](?:alle[ ]|die[ ]|den[ ])?(?:KI(?:-\w+)?|Chat-?bots?"
        r"|Sprachmodelle?)[ ]?:|\b(?:note|consigne)[ ](?:à|pour|aux?)[ ](?:l'|les[ ]|toute[ ])?(?:assistants?(?:[ ]IA)?"
        r"|IA|modèles?[ ]de[ ]langage)[ ]?:|\b(?:nota|aviso)[ ](?:para|al|per|à)[ ](?:la[ ]|el[ ]|a[ ]|o[ ]|l')?(?:IA"
        r"|(?:asistente|assistente)(?:[ ]de[ ]IA)?|modelos?[ ]de[ ](?:lenguaje|linguagem))[ ]?:"
        r"|(?:AI|人工智能)(?:助手|アシスタント)[：:]",
    ),
    rule(
        "asks for hidden instructions",
        EVERYWHERE,
        r"\b(?:zeig\w*|gib|nenne?|verrate?|révèle[zr]?|montre[zr]?|affiche[zr]?|muestra|revela|mostra\w*|rivela|exib[ae])"
        r"\b[^.\n]{0,30}\b(?:system-?[ ]?prompts?|prompt[ ](?:système|del?[ ]sistema|do[ ]sistema|di[ ]sistema))\b"
        r"|(?:显示|告诉|输出|透露).{0,8}系统提示|システムプロンプト.{0,6}(?:表示|教え|出力)",
    ),
)
