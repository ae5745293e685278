"""All pages, for the app to serve."""

from rag_flywheel.web import (
    answers,
    aside,
    assets,
    chat,
    compare,
    consent,
    conversations,
    documents,
    gaps,
    insights,
    my_corrections,
    review,
    review_work,
    rollout,
    sign_in,
    versions,
    widget,
)

PAGES = (
    *(assets, sign_in, chat, answers, documents, my_corrections, conversations, consent, widget),
    *(review_work, review),  # whose addresses with an id take whatever else stands there
    *(gaps, insights, versions, rollout, aside, compare),
)
