"""All pages, for the app to serve."""

from rag_flywheel.web import (
    answers,
    assets,
    chat,
    consent,
    conversations,
    documents,
    my_corrections,
    review,
    review_work,
    sign_in,
)

PAGES = (
    *(assets, sign_in, chat, answers, documents, my_corrections, conversations, consent),
    *(review_work, review),  # whose addresses with an id take whatever else stands there
)
