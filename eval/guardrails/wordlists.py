"""Letters and word stems that the detectors go by."""

LETTERS = "аеорсухіјѕһԁΑΒΕΖΗΙΚΜΝΟΡΤΥΧαοενρτικυАВЕКМНОРСТХУІЈЅ"
LOOK_ALIKES = str.maketrans(LETTERS, "aeopcyxijshdABEZHIKMNOPTYXaoevptikuABEKMHOPCTXYIJS")
"""Cyrillic and Greek letters that look like Latin ones, as in Unicode's confusables (UTS 39)."""

STEMS = (
    # insults and obscenity
    r"idiot|dumb\b|trash|moron\b|morons\b|stupid|imbecile|retard|loser|worthless|pathetic|scum\b|disgust"
    r"|filth|ugly\b|coward|creep\b|perver|bastard|bitch|whore|slut|cunt|dick\b|dickh|dicks\b|cock\b|cocks\b|pussy"
    r"|penis\b|vagina\b|tits\b|boob|nipple|asshol|ass\b|jackass|arse\b|fuck|shit|piss|crap\b|damn|wank|twat"
    r"|prick\b|douche|bollock|motherf|bullshit|hell\b|horny|nude|porn|sex\b"
    r"|sexy|rape|raped|rapist|raping|molest|orgasm|masturbat|erotic|incest|pedophil|paedophil|cum\b"
    # groups that are hated, and what is said of them
    r"|nigg|negro|fag\b|faggot|dyke\b|dykes\b|trann|kike\b|chink\b|chinks\b|spic\b|gook|paki\b|gyps\b|gypsies"
    r"|jews\b|muslims\b|blacks\b|whites\b|immigrants\b|gays\b|lesbian|homosexual|queer\b"
    r"|infidel|vermin|cockroach|subhuman|inferior|hitler|nazi|slavery\b|refugee|foreigners\b|deport"
    r"|asians\b|arabs\b"
    # threats and harm
    r"|kill\b|kills\b|murder|die\b|shoot|shot\b|stab\b|stabb|strangl"
    r"|beat\b|hurt|punch|choke|burn\b|hang\b|hanged\b|lynch|gassed\b|exterminat|killed\b|weapon|bullet|knife"
    r"|throat\b|skull|torture|torment|gun\b|guns\b|rifle|pistol\b|bomb|detonat|terror|starv|pills\b|bleach"
    r"|grenade|poison|venom\b|massacre|jihad|kidnap|hostage|abduct|suicid|overdos"
    r"|behead|slaughter|assassin|smack|slap\b"
    # crime
    r"|methamphet|cocaine|heroin|fentanyl|ecstasy|steal\b|robbery|burglar|counterfeit"
    r"|ransom|blackmail|bribe|smuggl|traffick\b"
)
"""Alternatives of a pattern: beginnings of words, or whole ones, near which a sentence may be unsafe. Most such
sentences are not: the classifier tells.
"""
