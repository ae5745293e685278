"""Letters and word stems that the detectors go by."""

LETTERS = "аеорсухіјѕһԁΑΒΕΖΗΙΚΜΝΟΡΤΥΧαοενρτικυАВЕКМНОРСТХУІЈЅ"
LOOK_ALIKES = str.maketrans(LETTERS, "aeopcyxijshdABEZHIKMNOPTYXaoevptikuABEKMHOPCTXYIJS")
"""Cyrillic and Greek letters that look like Latin ones, as in Unicode's confusables (UTS 39)."""

STEMS = (
    # insults and obscenity
    r"idiot|moron\b|morons\b|stupid|dumb\b|imbecile|retard|loser|worthless|pathetic|scum\b|trash|garbage\b|disgust"
    r"|filth|ugly\b|coward|creep\b|perver|bastard|bitch|whore|slut|cunt|dick\b|dickh|dicks\b|cock\b|cocks\b|pussy"
    r"|penis\b|vagina\b|tits\b|boob|nipple|asshol|ass\b|jackass|arse\b|fuck|shit|piss|crap\b|damn|wank|twat"
    r"|prick\b|douche|bollock|motherf|bullshit|hell\b|suck\b|sucks\b|sucking|lick\b|horny|naked|nude|porn|sex\b"
    r"|sexy|rape|raped|rapist|raping|molest|orgasm|masturbat|erotic|incest|pedophil|paedophil|cum\b"
    # groups that are hated, and what is said of them
    r"|nigg|negro|fag\b|faggot|dyke\b|dykes\b|trann|kike\b|chink\b|chinks\b|spic\b|gook|paki\b|gyps\b|gypsies"
    r"|jews\b|muslims\b|blacks\b|whites\b|immigrants\b|refugee|foreigners\b|gays\b|lesbian|homosexual|queer\b"
    r"|infidel|unbeliever|vermin|cockroach|parasites\b|subhuman|inferior|savages\b|deport|hitler|nazi|slavery\b"
    r"|asians\b|arabs\b|disabled"
    # threats and harm
    r"|kill\b|killed\b|killing\b|kills\b|murder|die\b|dies\b|died\b|dying\b|shoot|shot\b|stab\b|stabb|strangl"
    r"|choke|beat\b|beats\b|punch|hurt|burn\b|burned\b|hang\b|hanged\b|lynch|gassed\b|gas\b|exterminat|destroyed\b"
    r"|wipe|skull|throat\b|torture|torment|knife|gun\b|guns\b|rifle|pistol\b|weapon|bullet|bomb|explos|detonat"
    r"|grenade|poison|toxic\b|venom\b|massacre|terror|attack|jihad|kidnap|hostage|abduct|suicid|overdos|yourself\b"
    r"|starv|pills\b|behead|slaughter|assassin|legs\b|bleach|resist\b|crowd\b|smack|slap\b"
    # crime
    r"|methamphet|cocaine|heroin|fentanyl|ecstasy|steal\b|stole|stolen|robbery|burglar|fraud|scam|counterfeit"
    r"|fake\b|malware|ransom|phish|passwords\b|blackmail|bribe|smuggl|traffick\b|secret\b|savings\b|bacteria\b"
)
"""Alternatives of a pattern: beginnings of words, or whole ones, near which a sentence may be unsafe. Most such
sentences are not: the classifier tells.
"""
