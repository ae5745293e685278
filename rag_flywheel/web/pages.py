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
    my_corrections,
    rollout,
    sign_in,
    versions,
)

PAGES = (
    assets,
    sign_in,
    chat,
    answers,
    documents,
    my_corrections,
    conversations,
    consent,
    versions,
    rollout,
    aside,
    compare,
)
