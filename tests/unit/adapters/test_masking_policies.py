"""What the two policies mask and what they leave, and that no text keeps them busy."""

import random
import string
import time

import pytest

from rag_flywheel.adapters.privacy.redactor import PIECE, PresidioRedactor
from rag_flywheel.config import Privacy
from rag_flywheel.ports import Redacted

ENTITIES = Privacy().entities


@pytest.fixture(scope="module")
def full() -> PresidioRedactor:
    return PresidioRedactor(ENTITIES, 0.5, "")


@pytest.fixture(scope="module")
def official() -> PresidioRedactor:
    return PresidioRedactor(ENTITIES, 0.5, "", policy="dangerous")


def drawn(count: int, seed: int = 1, signs: str = string.ascii_letters + string.digits) -> str:
    return "".join(random.Random(seed).choices(signs, k=count))


KEY_BODY = "\n".join(drawn(64, seed) for seed in range(25))
PRIVATE_KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_BODY}\n-----END RSA PRIVATE KEY-----"

NOBODYS = [
    "How do I change my password abroad? Is it token based or secret sharing? My password reset failed.",
    "The password (8-16 characters) must hold a digit. The token is base64 encoded, the password is OAuth2-based.",
    "Set IMPORTER_API_KEY, or api_key=${IMPORTER_API_KEY}, or token = get_token(user1), or os.environ['KEY1'].",
    "password: <your password>, token: <token>, password: changeme, api_key='YOUR_API_KEY1', sk-..., password=input2()",
    "AKIAIOSFODNN7EXAMPLE and sk-xxxxxxxxxxxxxxxxxxxxxxxx and wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY are examples.",
    "12000000 rows since 1700000000 or 20240131; call the API at 1700000000 and text=2310144.",
    "Does part 450-220-1234 fit, and is 450-331-7001 in stock? Which parts call for 450-220-1234?",
    "Does 450-220-1234 work with my washer? Order number 450-331-7001 was shipped.",
    "From 192.0.2.1, 198.51.100.23 and 203.0.113.7/24 to 2001:db8::1 and 2001:db8:85a3::8a2e:370:7334.",
    "Write to ann@example.com, bob@mail.example.org, c@x.test or d@y.invalid; clone git@github.com:me/repo.git.",
    "Call 555-0123, (212) 555-0143 or +1 212 555 0199.",
    "MAC 00:1A:2B:3C:4D:5E, IMEI 356938035643809, my IMEI: 490154203237518.",
    "UUID 550e8400-e29b-41d4-a716-446655440000, d41d8cd98f00b204e9800998ecf8427e is an MD5.",
    "std::vector<int>, a::b, fe80::1%eth0, ::1, dead::beef and foo::Bar::baz() are code.",
    "version 5.1.0.12, Chrome 120.0.6099.109, kernel 5.15.0.91, 2.1.1 (2014-05-27), server 10.2.3.4",
    "Serial 6011000990139424; invoice 2023-10-15-0042 of $1,234,567.89; the test card 4242 4242 4242 4242 is declined.",
    "My account was closed in 2023, says the security policy 2019 (#1318).",
    "Contact us 24/7, call 911, dial 9 then 1, on channel 700/2100/2600.",
]


@pytest.mark.parametrize("text", NOBODYS, ids=range(len(NOBODYS)))
def test_what_is_nobodys_stays_in_peoples_texts_and_in_documents(
    full: PresidioRedactor, official: PresidioRedactor, text: str
) -> None:
    assert full.redact(text) == official.redact(text) == Redacted(text=text)


PRIVATE = {
    "Call me: +49 30 5550199.": "Call me: <PHONE_NUMBER>.",  # such numbers are made up in North America alone
    "My password is hunter2.": "My password is <SECRET>.",
    "my PIN is 4821, thanks": "my PIN is <SECRET>, thanks",
    "the wifi password is Tr0ub4dor&3": "the wifi password is <SECRET>",
    "Found: ann.smith@gmail.com / S3cret!pass": "Found: <EMAIL_ADDRESS> / <SECRET>",
    '{"password": "Zx9kkWqee"}': '{"password": "<SECRET>"}',
    "Call me at 212-867-5309 or 0171 2345678.": "Call me at <PHONE_NUMBER> or <PHONE_NUMBER>.",
    "my number: 01711234567": "my number: <PHONE_NUMBER>",
    "card 371449635398431": "card <CREDIT_CARD>",
    "müller@straße.de wrote": "<EMAIL_ADDRESS> wrote",
    "NHS number 943 476 5919 and CPF 529.982.247-25": "NHS number <ID_NUMBER> and CPF <ID_NUMBER>",
    "I am at 81.2.69.142.": "I am at <IP_ADDRESS>.",
}


@pytest.mark.parametrize(("text", "masked"), PRIVATE.items(), ids=range(len(PRIVATE)))
def test_what_people_tell_of_themselves_is_masked(full: PresidioRedactor, text: str, masked: str) -> None:
    assert full.redact(text).text == masked


PUBLISHED = [
    "Support: help@acme.com, +44 20 7946 0958, (212) 867-5309, 1 Main Street; ask Dr. Ada King.",
    "The resolver is 81.2.69.142 or 2a00:1450:4001:81b::200e. Dear Mr. Brown, your account number 12345678 is open.",
    'Write password = "Passw0rd!" into the file; the password is hunter2.',
    "Donate to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa.",
    "SSN 123-45-6789 is how such a number looks, and 4929722653797141 is a serial number.",
]


@pytest.mark.parametrize("text", PUBLISHED, ids=range(len(PUBLISHED)))
def test_what_a_document_publishes_stays(official: PresidioRedactor, text: str) -> None:
    assert official.redact(text) == Redacted(text=text)


DANGEROUS = {
    "Charge the card 4929722653797141 in May.": "Charge the card <CREDIT_CARD> in May.",
    "4929-7226-5379-7141": "<CREDIT_CARD>",
    "Pay to GB82 WEST 1234 5698 7654 32 BY FRIDAY": "Pay to <IBAN_CODE> BY FRIDAY",
    "Her SSN: 521-44-9382": "Her SSN: <US_SSN>",
    "PESEL 44051401359 and Aadhaar no. 2341 2341 2346": "PESEL <ID_NUMBER> and Aadhaar no. <ID_NUMBER>",
    f"OPENAI_API_KEY=sk-proj-{drawn(40)}": "OPENAI_API_KEY=<SECRET>",
    f"use ghp_{drawn(36)} for it": "use <SECRET> for it",
    f"https://hooks.example.com/?token={drawn(32, signs='0123456789abcdef')}": (
        "https://hooks.example.com/?token=<SECRET>"
    ),
    f"aws_secret_access_key = {drawn(40)}": "aws_secret_access_key = <SECRET>",
    f"Before.\n{PRIVATE_KEY}\nAfter.": "Before.\n<SECRET>\nAfter.",
}


@pytest.mark.parametrize(("text", "masked"), DANGEROUS.items(), ids=range(len(DANGEROUS)))
def test_what_does_harm_wherever_it_stands_is_masked_by_both_policies(
    full: PresidioRedactor, official: PresidioRedactor, text: str, masked: str
) -> None:
    assert official.redact(text).text == full.redact(text).text == masked


def test_a_private_key_in_the_midst_of_a_long_text_is_masked_whole_and_one_that_is_cut_off_too(
    official: PresidioRedactor,
) -> None:
    line = "A line of the manual that says little.\n"
    for key in (PRIVATE_KEY, PRIVATE_KEY.partition("\n-----END")[0]):
        text = official.redact(f"{line * 70}{key}\n").text
        assert text.startswith(line * 70 + "<SECRET>")
        assert not any(part in text for part in KEY_BODY.split("\n"))


@pytest.mark.parametrize(
    "sentence", ["Call me at 212-867-5309 today. ", "My card 4111 1111 1111 1111, ", "Regards,\nAnn\n"]
)
def test_a_long_text_is_masked_everywhere_as_a_short_one_is(full: PresidioRedactor, sentence: str) -> None:
    times = 5 * PIECE // len(sentence)
    assert full.redact(sentence * times).text == full.redact(sentence).text * times


def test_what_says_that_a_number_is_private_may_stand_in_the_piece_before(full: PresidioRedactor) -> None:
    text = "word " * (PIECE // 5 - 1) + "Regards,\n\nAnn Lee\n" + "word " * (2 * PIECE // 5)
    assert text.index("\n") >= PIECE  # so that the text is cut behind it
    assert "Regards,\n\n<PERSON>\n" in full.redact(text).text


HOSTILE = [
    "a.b-",
    "a@",
    "1 ",
    "12-",
    "(",
    "((1) ",
    '"',
    "a-",
    "password ",
    "Dear ",
    "Ann Lee ",
    "a@b.co ",
    "DE89 ",
    "4111 ",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_twice_the_text_takes_no_more_than_about_twice_the_time(full: PresidioRedactor, piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece)) + "@"
        start = time.process_time()
        full.redact(text)
        return time.process_time() - start

    seconds(1000)
    short = min(seconds(10_000) for _ in range(2))
    assert seconds(40_000) < 8 * short + 0.05


@pytest.mark.parametrize("policy", ["full", "dangerous"])
def test_masking_what_is_masked_changes_nothing_under_either_policy(
    full: PresidioRedactor, official: PresidioRedactor, policy: str
) -> None:
    redactor = full if policy == "full" else official
    for text in [*PRIVATE, *DANGEROUS, *PUBLISHED, "\n".join([*PRIVATE, *DANGEROUS]), " ".join(PUBLISHED) * 20]:
        once = redactor.redact(text).text
        assert redactor.redact(once) == Redacted(text=once)


def test_the_policies_have_names_of_their_own_and_only_the_full_one_depends_on_the_model(
    full: PresidioRedactor, official: PresidioRedactor
) -> None:
    assert full.name != official.name
    assert PresidioRedactor(ENTITIES, 0.5, "model", policy="dangerous").name == official.name
